"""GET /v1/models: the models this caller may use, answered from the view."""

from portico.gateway.call import RawCall
from portico.gateway.dialects.openai import MODELS, models_list
from portico.gateway.gate import Gate
from portico.gateway.pipeline import GovernedCall
from portico.gateway.view import Who
from portico.kernel.errors import NotFound


class ModelsCall(GovernedCall):
    """Takes the same first step as every call, then answers by itself: there is nothing to forward or to pay."""

    __slots__ = ()

    def __init__(self, gate: Gate, raw: RawCall) -> None:
        super().__init__(gate, raw, collects=False)

    def _go(self) -> None:
        known = self._known
        assert known is not None  # noqa: S101
        names = usable_models(self._gate, known.who)
        wanted = self.raw.head.path[len(MODELS) :].strip(b"/").decode("latin-1")
        if wanted:
            names = [pair for pair in names if pair[0] == wanted]
            if not names:
                raise NotFound("model", wanted)
        body = models_list(names)
        if wanted:
            body = body[body.index(b"[") + 1 : body.rindex(b"]")]
        self._finish()
        self.exchange.answer(200, [(b"Content-Type", b"application/json"), *self._our_headers()], body)


def usable_models(gate: Gate, who: Who) -> list[tuple[str, str]]:
    names = [
        (model, service.entry.name)
        for (org_id, scope, model), service in (*gate.view.models.items(), *gate.view.watched.items())
        if org_id == who.org_id
        and scope in {None, who.scope}
        and service.visible_to(who)
        and (who.services is None or service.entry.name in who.services)
    ]
    routes = [
        (name, "portico")
        for org_id, scope, name in gate.view.routes
        if org_id == who.org_id and scope in {None, who.scope}
    ]
    return sorted({**dict(routes), **dict(names)}.items())
