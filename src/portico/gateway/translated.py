"""A model call in a dialect that the service does not speak: governed like any other, translated on its way there and back."""

from portico.gateway.call import AdmittedCall, RawCall
from portico.gateway.choose import said_task
from portico.gateway.dialects.anthropic import MESSAGES, MessagesTranslation
from portico.gateway.dialects.responses import RESPONSES, ResponsesTranslation
from portico.gateway.dialects.translate_call import CHAT_PATH, Translation
from portico.gateway.gate import Gate
from portico.gateway.pipeline import GovernedCall
from portico.gateway.refusals import Coded, RouteNotFound
from portico.gateway.relay import Relay
from portico.kernel.errors import Refusal


class TranslatedCall(GovernedCall):
    __slots__ = ("_asked_bytes", "_path_refusal", "_translation")

    def __init__(self, gate: Gate, raw: RawCall) -> None:
        super().__init__(gate, raw, collects=True)
        self._asked_bytes = 0
        self._translation = _translation_of(raw)
        raw.dialect = self._translation.name
        raw.upstream_path = CHAT_PATH
        # Who asks is found out first, so that strangers learn nothing of what is served.
        self._path_refusal = _refuse_path(raw)
        if self._path_refusal is None:
            raw.body = b""

    def _must_collect(self) -> bool:
        return False

    def _read(self, body: bytes) -> None:
        self._asked_bytes = len(body)
        # Translated away with what else is a hint; a model route may go by it.
        self.raw.task = said_task(body) if b'"metadata"' in body else ""
        self.raw.body = chat = self._translation.read_ask(body)
        self._read_model_call(chat)

    def _go(self) -> None:
        if self._path_refusal is not None:
            raise self._path_refusal
        super()._go()

    def _prepare_model_call(self, admitted: AdmittedCall, relay: Relay) -> None:
        super()._prepare_model_call(admitted, relay)
        assert self._meter is not None  # noqa: S101
        relay.translate_with(self._translation, self._translation.meter(self._meter))
        relay.bytes_in = self._asked_bytes

    def _last_words(self, refusal: Refusal) -> bytes:
        # Only whole events went out, so there is none to end first.
        return self._translation.refusal_event(refusal, super()._refusal_body(refusal))

    def _refusal_body(self, refusal: Refusal) -> bytes:
        return self._translation.refusal_body(refusal, super()._refusal_body(refusal))


def is_translated(path: bytes) -> bool:
    return path in {MESSAGES, RESPONSES} or path.startswith((MESSAGES + b"/", RESPONSES + b"/"))


def _translation_of(raw: RawCall) -> Translation:
    if raw.head.path.startswith(MESSAGES):
        return MessagesTranslation(raw.id, raw.correlation_id)
    return ResponsesTranslation(raw.id)


def _refuse_path(raw: RawCall) -> Refusal | None:
    path = raw.head.path
    if path not in {MESSAGES, RESPONSES}:
        return RouteNotFound("Of this dialect only one path is served, without anything below it; see /docs.")
    if raw.head.method != b"POST":
        return Coded("METHOD_NOT_ALLOWED", "This path takes POST.")
    return None
