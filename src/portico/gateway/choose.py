"""Which model a name means, when it is not simply a model's: a route's rules decide, or a model is near its end.

Plain names never come here. What is found is a Choice that stays with the call: it knows whom to try next when the chosen
model fails before the first byte, and what the record says about it.
"""

import time
from email.utils import formatdate
from typing import NamedTuple, cast, get_args

import msgspec

from portico.domains.models.model import (
    Candidate,
    ModelEntry,
    ModelPrice,
    Passed,
    Prefer,
    RouteAsk,
    Standing,
    Step,
    decide,
    estimate_tokens,
)
from portico.domains.usage.lines import stages_ending
from portico.domains.usage.model import Stage
from portico.gateway.call import AdmittedCall, RawCall, RoutedCall
from portico.gateway.forward import Forward
from portico.gateway.gate import Gate
from portico.gateway.pace import PACE_HOLDS_S, Pace
from portico.gateway.refusals import (
    BadVersion,
    BreakerOpen,
    EgressRefusedHere,
    ModelRetired,
    NoEndpoint,
    NoModel,
    TooManyWaiting,
    UpstreamBrokenRefusal,
    UpstreamTimeout,
    UpstreamUnreachableRefusal,
)
from portico.gateway.relay import Relay
from portico.gateway.route import route
from portico.gateway.view import ServiceView, Who

TASK, PREFER = b"x-portico-task", b"x-portico-prefer"
MOST_TASK_CHARS, MOST_WHY_CHARS, MOST_SUCCESSIONS = 64, 500, 5
MOST_PACES = 10_000
# What the request itself is to blame for (400, 413, 422 ...) would be answered the same by another model.
_TURNED_DOWN = frozenset({401, 402, 403, 404, 408, 410, 429})
NOT_SERVED = (
    BadVersion,
    BreakerOpen,
    EgressRefusedHere,
    NoEndpoint,
    TooManyWaiting,
    UpstreamBrokenRefusal,
    UpstreamTimeout,
    UpstreamUnreachableRefusal,
)


def turned_down(status: int) -> bool:
    """Whether another model may serve what this one answered so."""
    return status >= 500 or status in _TURNED_DOWN


class Option(NamedTuple):
    """A model that may take the call; `sends` is the name its service knows it by."""

    model: str
    sends: str
    service: ServiceView
    facts: ModelEntry | None


class Choice:
    """One call's models in the order to try them; `place` is that of the one that has it now."""

    __slots__ = ("_passed", "asked", "body", "is_route", "options", "place", "why")

    def __init__(self, raw: RawCall, options: list[Option], why: str, *, is_route: bool) -> None:
        self.asked, self.body = raw.name, raw.body or b""
        self.options, self.why, self.is_route = options, why, is_route
        self.place = 0
        self._passed: list[str] = []
        raw.choice, raw.model = self, options[0].model

    @property
    def option(self) -> Option:
        return self.options[self.place]

    @property
    def asked_body(self) -> bytes:
        """The request as the model that has the call now is asked it."""
        return self.body if self.option.sends == self.asked else with_model(self.body, self.option.sends)

    def go_on(self, why: str) -> bool:
        """Give the call to the next model; False when there is none."""
        self._passed.append(f"{self.option.model}: {why}")
        if self.place + 1 >= len(self.options):
            return False
        self.place += 1
        return True

    def route(self, gate: Gate, admitted: AdmittedCall) -> RoutedCall:
        """To the model that has the call, or to the next that can be reached.

        raises   what the last one refused with
        """
        while True:
            admitted.service = admitted.known.service = self.option.service
            admitted.known.raw.model = self.option.model
            try:
                return route(gate, admitted)
            except NOT_SERVED as refusal:
                if not self.go_on(refusal.message):
                    raise

    def forward(self, gate: Gate, routed: RoutedCall, relay: Relay, before: Forward) -> Forward:
        """Goes on counting where the one before ended."""
        after = Forward(gate, routed, relay)
        after.attempts, after.away_ns = before.attempts, before.away_ns
        if before.left_ns:
            after.away_ns += time.monotonic_ns() - before.left_ns
        return after

    def answered(self, gate: Gate, forward: Forward, status: int) -> bytes:
        """Called with the head of the answer that goes to the client; our header lines for it."""
        option, raw = self.option, forward.routed.admitted.known.raw
        org_id = option.service.entry.org_id
        if self.is_route:
            gate.stats.chose(org_id, self.asked, option.model)
            if status < 400 and forward.relay.first_byte_ns > forward.sent_ns:
                _observe(gate, option, raw, (forward.relay.first_byte_ns - forward.sent_ns) / 1e6)
        elif option.facts is not None and _is_deprecated(option.facts, raw.began_us):
            gate.stats.used_deprecated(org_id, option.model)
        return self.lines

    @property
    def lines(self) -> bytes:
        return b"".join(b"%b: %b\r\n" % header for header in self.headers)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        model, _, __, facts = self.option
        headers = [(b"X-Portico-Model", model.encode())]
        if self.is_route or facts is None:
            return headers
        if facts.deprecated_at_us is not None:
            headers.append((b"Deprecation", b"@%d" % (facts.deprecated_at_us // 1_000_000)))
        if facts.retires_at_us is not None:
            headers.append((b"Sunset", formatdate(facts.retires_at_us / 1_000_000, usegmt=True).encode()))
        if facts.successor and len(headers) > 1:
            headers.append((b"Link", b'</v1/models/%b>; rel="successor-version"' % facts.successor.encode()))
        return headers

    def stages(self, ends: list[int]) -> list[int] | list[Stage]:
        """The stages of the record, that of routing with what was asked for, what it became, and why."""
        stages = stages_ending(tuple(ends))
        return [msgspec.structs.replace(stage, note=self.note) if stage.name == "route" else stage for stage in stages]

    @property
    def note(self) -> str:
        passed = f"; passed over {'; '.join(self._passed)}" if self._passed else ""
        return f"{self.asked} → {self.option.model}: {self.why}{passed}"[:MOST_WHY_CHARS]


def choose(gate: Gate, who: Who, raw: RawCall) -> ServiceView | None:
    """The service of the model that this name stands for; None when it stands for nothing.

    raises   ModelRetired (410) · NoModel (503)
    """
    view = gate.view
    watched = view.find_watched(who.org_id, who.scope, raw.name)
    if watched is not None:
        return _choose_watched(gate, who, raw, watched) if watched.visible_to(who) else None
    found = view.find_route(who.org_id, who.scope, raw.name)
    if found is None:
        return None
    ask = ask_of(raw)
    options: dict[str, Option] = {}

    def find(model: str) -> Candidate | str:
        option = _usable(gate, who, model, raw.began_us)
        if isinstance(option, str):
            return option
        options[option.model] = option
        return _candidate(gate, option, raw)

    decision = decide(found, ask, find)
    if not decision.chosen:
        raise NoModel(raw.name, _reasons(decision.steps) or decision.why)
    chosen = list(dict.fromkeys(each.model for each in decision.chosen))
    return Choice(raw, [options[model] for model in chosen], decision.why, is_route=True).option.service


def _choose_watched(gate: Gate, who: Who, raw: RawCall, watched: ServiceView) -> ServiceView:
    facts = gate.view.facts[watched.entry.id, raw.name]
    if not _is_retired(facts, raw.began_us):
        why = f"sent as {facts.sends}" if facts.sends else "named by the caller"
        option = Option(raw.name, facts.sends or raw.name, watched, facts)
    else:
        followed = _usable(gate, who, raw.name, raw.began_us)
        if isinstance(followed, str):
            raise ModelRetired(raw.name, facts.successor)
        option, why = followed, f"the successor of {raw.name}, which is retired"
    return Choice(raw, [option], why, is_route=False).option.service


def _usable(gate: Gate, who: Who, model: str, now_us: int) -> Option | str:
    """The model, or its successor when it is retired and says so; else why this caller cannot use it now."""
    view = gate.view
    for _ in range(MOST_SUCCESSIONS):
        service = view.find_model(who.org_id, who.scope, model) or view.find_watched(who.org_id, who.scope, model)
        if service is None or not service.visible_to(who):
            return "no service offers it"
        facts = view.facts.get((service.entry.id, model))
        if facts is None or not _is_retired(facts, now_us):
            break
        if facts.when_retired != "successor" or not facts.successor:
            return "it is retired"
        model = facts.successor
    else:
        return "it is retired, and so are its successors"
    if not service.callable_by(who) or (who.services is not None and service.entry.name not in who.services):
        return "this key may not call its service"
    return Option(model, (facts.sends if facts is not None else "") or model, service, facts)


def _candidate(gate: Gate, option: Option, raw: RawCall) -> Candidate | str:
    standing = _standing(gate, option.service)
    if standing is None:
        return "its service has no endpoint"
    entry, price, facts = option.service.entry, option.service.price, option.facts
    pace = gate.paces.get((entry.id, option.model, raw.streamed))
    measured = pace is not None and time.monotonic() - pace.at <= PACE_HOLDS_S
    return Candidate(
        model=option.model,
        service=entry.name,
        standing=standing,
        capabilities=() if facts is None else facts.capabilities,
        context_tokens=None if facts is None else facts.context_tokens,
        max_output_tokens=entry.max_output_tokens,
        quality=None if facts is None else facts.quality,
        speed=None if facts is None else facts.speed,
        price=ModelPrice(price.input_microusd_per_mtok, price.output_microusd_per_mtok, price.call_microusd),
        latency_ms=int(pace.ms) if measured and pace is not None else None,
    )


def _standing(gate: Gate, service: ServiceView) -> Standing | None:
    now, breakers = time.monotonic(), gate.breakers
    targets = [target for version in service.versions for target in version.targets]
    if not targets:
        return None
    through = [
        target
        for target in targets
        if (breaker := breakers.get(target.endpoint_id)) is None or breaker.would_admit(now)
    ]
    if not through:
        return "down"
    return "well" if any(target.healthy for target in through) else "sick"


def _observe(gate: Gate, option: Option, raw: RawCall, ms: float) -> None:
    key, now = (option.service.entry.id, option.model, raw.streamed), time.monotonic()
    pace = gate.paces.get(key)
    if pace is not None:
        pace.observe(ms, now)
        return
    if len(gate.paces) >= MOST_PACES:
        gate.paces.clear()
    gate.paces[key] = Pace(ms, now)


def _is_retired(facts: ModelEntry, now_us: int) -> bool:
    return facts.retires_at_us is not None and facts.retires_at_us <= now_us


def _is_deprecated(facts: ModelEntry, now_us: int) -> bool:
    return facts.deprecated_at_us is not None and facts.deprecated_at_us <= now_us


def _reasons(steps: tuple[Step, ...]) -> str:
    said = [f"{step.rule}: {_passed_over(step.passed) or step.why}" for step in steps]
    return "; ".join(said)[:MOST_WHY_CHARS]


def _passed_over(passed: tuple[Passed, ...]) -> str:
    return ", ".join(f"{each.model} ({each.why})" for each in passed)


# -- what the request says -------------------------------------------------------------------------------------------------------


class _Metadata(msgspec.Struct):
    task: str | None = None


class _Said(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    response_format: msgspec.Raw = msgspec.Raw()
    messages: msgspec.Raw = msgspec.Raw()
    reasoning_effort: msgspec.Raw = msgspec.Raw()


_decode_said = msgspec.json.Decoder(_Said).decode
_decode_metadata = msgspec.json.Decoder(_Metadata).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NOTHING_SAID = (b"", b"null", b"[]")


def ask_of(raw: RawCall) -> RouteAsk:
    """Read from the body that the dialect has checked already."""
    body = raw.body or b""
    said = _decode_said(body)
    return RouteAsk(
        task=_task(raw, bytes(said.metadata)),
        tokens_in=estimate_tokens(len(body)),
        output_max=raw.output_max,
        choices=raw.choices,
        needs=frozenset(_needs(raw, said)),
        prefer=_preferred(raw),
    )


def _task(raw: RawCall, metadata: bytes) -> str:
    header = raw.head.get(TASK)
    if header is not None:
        return header.decode("latin-1").strip()[:MOST_TASK_CHARS]
    return raw.task or task_of(metadata)


def said_task(body: bytes) -> str:
    """Of a body that its dialect has yet to check."""
    try:
        return task_of(bytes(_decode_said(body).metadata))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def task_of(metadata: bytes) -> str:
    try:
        found = _decode_metadata(metadata).task
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return (found or "")[:MOST_TASK_CHARS]


def _preferred(raw: RawCall) -> Prefer | None:
    header = raw.head.get(PREFER)
    word = "" if header is None else header.decode("latin-1").strip().lower()
    return cast(Prefer, word) if word in get_args(Prefer) else None


def _needs(raw: RawCall, said: _Said) -> list[str]:
    if not raw.bounded_output:
        return ["embeddings"]
    messages, wanted = bytes(said.messages), bytes(said.response_format)
    asked = {
        "tools": bytes(said.tools) not in _NOTHING_SAID,
        "json": b"json" in wanted,
        "vision": b'"image_url"' in messages,
        "audio": b'"input_audio"' in messages,
        "reasoning": bytes(said.reasoning_effort) not in _NOTHING_SAID,
    }
    return ["chat", *(need for need, is_asked in asked.items() if is_asked)]


def with_model(body: bytes, model: str) -> bytes:
    """The same request for another model; every other value stays as it was written."""
    fields = _decode_fields(body)
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)
