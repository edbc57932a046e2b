"""GET /.well-known/ai-catalog.json: what this caller may use, of every kind, answered from the view."""

import orjson

from portico.gateway.call import RawCall
from portico.gateway.gate import Gate
from portico.gateway.pipeline import GovernedCall
from portico.gateway.refusals import Coded
from portico.gateway.view import ServiceView, Who

CATALOG = b"/.well-known/ai-catalog.json"
_TYPES = {"agent": "application/a2a-agent-card+json", "tools": "application/mcp-server+json"}


class CatalogCall(GovernedCall):
    """Takes the same first step as every call, then answers by itself: there is nothing to forward or to pay."""

    __slots__ = ()

    def __init__(self, gate: Gate, raw: RawCall) -> None:
        super().__init__(gate, raw, collects=False)

    def _must_collect(self) -> bool:
        return False

    def _go(self) -> None:
        known = self._known
        assert known is not None  # noqa: S101
        if self.raw.head.method not in {b"GET", b"HEAD"}:
            raise Coded("METHOD_NOT_ALLOWED", "This path takes GET.")
        body = orjson.dumps(catalog_of(self._gate, known.who))
        self._finish()
        headers = [(b"Content-Type", b"application/json"), (b"Cache-Control", b"private, max-age=60")]
        self.exchange.answer(200, [*headers, *self._our_headers()], body)


def catalog_of(gate: Gate, who: Who) -> dict[str, object]:
    usable = [
        service for (org_id, scope, _), service in gate.view.services.items() if may_use(service, org_id, scope, who)
    ]
    base = gate.settings.base_url
    entries = [entry for service in sorted(usable, key=_name) for entry in _entries(service, base)]
    return {"specVersion": "1.0", "host": {"displayName": "Portico", "url": base}, "entries": entries}


def may_use(service: ServiceView, org_id: str, scope: str | None, who: Who) -> bool:
    return (
        org_id == who.org_id
        and scope in {None, who.scope}
        and service.visible_to(who)
        and service.callable_by(who)
        and (who.services is None or service.entry.name in who.services)
    )


def _name(service: ServiceView) -> str:
    return service.entry.name


def _entries(service: ServiceView, base: str) -> list[dict[str, object]]:
    entry = service.entry
    if entry.kind == "model":
        return [_entry("model", model, "application/vnd.openai.model", f"{base}/v1") for model in entry.models]
    if entry.kind == "agent":
        address = f"{base}/a2a/{entry.name}/.well-known/agent-card.json"
        return [_entry("agent", entry.name, _TYPES["agent"], address)] if entry.agent is not None else []
    if entry.kind == "tools":
        return [_entry("tools", entry.name, _TYPES["tools"], f"{base}/mcp/{entry.name}")]
    return (
        [_entry("http", entry.name, "application/octet-stream", f"{base}/svc/{entry.name}/")]
        if entry.kind == "http"
        else []
    )


def _entry(kind: str, name: str, media_type: str, url: str) -> dict[str, object]:
    return {"identifier": f"{kind}:{name}", "displayName": name, "kind": kind, "mediaType": media_type, "url": url}
