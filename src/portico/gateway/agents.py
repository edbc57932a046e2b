"""A call to a service of kind `agent`: one request of A2A, governed like any other call.

A task belongs to the principal whose message made it, and lives at one endpoint; a stream that breaks ends the watching, not
the task. What this process cannot know by itself (a task made before it started, or through another gateway) it asks control.
"""

import asyncio
import time
from typing import Any

from portico.domains.agents.model import offered_card
from portico.gateway.a2a_answer import AgentAnswer
from portico.gateway.a2a_terms import (
    LIST,
    OWNERS,
    PUSH,
    PUSHES,
    UNPUSH,
    AgentNotRegistered,
    AgentNotResponding,
    CardMissing,
    known_task,
    push_config,
    replace_push,
)
from portico.gateway.admit import admit, find_service, permit, reserve_line, take_rates
from portico.gateway.cache import KeptAnswer
from portico.gateway.call import AdmittedCall, RawCall, RoutedCall
from portico.gateway.dialects import a2a, a2a_calls
from portico.gateway.forward import Forward
from portico.gateway.gate import Gate
from portico.gateway.pipeline import GovernedCall
from portico.gateway.refusals import NotReady, UpstreamTimeout, UpstreamUnreachableRefusal
from portico.gateway.relay import Relay
from portico.gateway.route import route
from portico.gateway.settle import settle_refused
from portico.gateway.tasks import Watch
from portico.gateway.wire.exchange import Exchange
from portico.kernel.errors import NotFound, Refusal

SHORTEST_FALLBACK_S, LONGEST_FALLBACK_S = 0.1, 120.0


class AgentCall(GovernedCall):
    __slots__ = (
        "_answer",
        "_asked",
        "_counted",
        "_fallback",
        "_kept",
        "_listed",
        "_message",
        "_push",
        "_rest",
        "_watch",
    )

    def __init__(self, gate: Gate, raw: RawCall, rest: bytes) -> None:
        super().__init__(gate, raw, collects=True)
        raw.body = b""
        self._rest = rest
        self._message: a2a.Ask | None = None
        self._answer: AgentAnswer | None = None
        self._watch: Watch | None = None
        self._fallback: asyncio.TimerHandle | None = None
        # Which questions to control were asked already.
        self._asked: set[str] = set()
        self._kept: Any = None
        self._listed: Any = None
        self._push: Any = None
        self._counted = ""

    # -- the way -------------------------------------------------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        # A quiet stream would not notice for long that nobody listens any more.
        exchange.ends_with_client = True
        super().begin(exchange)

    def _read(self, body: bytes) -> None:
        raw = self.raw
        if self._rest in a2a.CARDS:
            raw.operation = "AgentCard"
            return
        read = a2a.read_rpc(raw.head, body) if a2a.is_rpc(self._rest) else a2a.read_rest(raw.head, self._rest, body)
        self._message = read
        raw.operation, raw.model = read.operation, read.task_id[:200] or None

    def _go(self) -> None:
        gate, known = self._gate, self._known
        assert known is not None  # noqa: S101
        if self._message is None:
            self._answer_card()
            return
        self._admitted = admit(gate, known)
        self._marks.admitted = time.monotonic_ns()
        self._proceed()

    def _proceed(self) -> None:
        """Once all is known that the call needs; until then control is asked, one question after the other."""
        admitted, message = self._admitted, self._message
        assert admitted is not None  # noqa: S101
        assert message is not None  # noqa: S101
        self._check_owner(admitted, message)
        question = self._next_question(admitted, message)
        if question is not None:
            topic, body = question
            self._asked.add(topic)
            self._gate.asks.ask(topic, a2a.write_json(body), lambda told: self._told(topic, told))
            return
        if self._answer_repeated(admitted) or self._answer_ourselves(admitted, message):
            return
        routed = self._route(admitted)
        self._marks.routed = time.monotonic_ns()
        self._leave(admitted, routed)

    def _leave(self, admitted: AdmittedCall, routed: RoutedCall) -> None:
        gate = self._gate
        relay = Relay(self, self.exchange)
        assert self._answer is not None  # noqa: S101
        relay.translate_with(self._answer, self._answer.agent_meter())
        relay.bytes_in = len(self._message.body) if self._message is not None else 0
        if self._idempotency is not None:
            relay.keep_whole_body()
        self._forward = relay.sender = Forward(gate, routed, relay)
        self._relay = relay
        self._counted = admitted.service.entry.id
        gate.tasks.call_opened(self._counted)
        self._plan_fallback()
        if admitted.holds:
            gate.journal.write_then(reserve_line(admitted, gate.view.version), self._recorded)
            admitted.journaled = True
        else:
            self._forward.start()

    def _route(self, admitted: AdmittedCall) -> RoutedCall:
        entry, message, raw = admitted.service.entry, self._message, self.raw
        assert message is not None  # noqa: S101
        if entry.agent is None or not entry.agent.interfaces:
            raise CardMissing(entry.name)
        interface = a2a_calls.choose(entry.agent.interfaces, message)
        assert interface is not None  # noqa: S101
        written = a2a_calls.write_request(message, interface, raw.head.headers, changed=self._push is not None)
        raw.head.method, raw.upstream_path = written.method, written.path
        raw.head.headers, raw.body = written.headers, written.body
        routed = self._sticky(admitted, message) or route(self._gate, admitted)
        who = admitted.known.who
        facts = (who.id, who.name, who.scope)
        watch = Watch(self._gate.tasks, entry.org_id, entry.id, facts, routed.targets[0].endpoint_id, raw.id)
        self._watch = watch
        self._answer = answer = AgentAnswer(raw.id, message, interface, watch)
        answer.kept = self._kept
        if message.operation == a2a.EXTENDED_CARD:
            address, hosts = f"{self._gate.settings.base_url}/a2a/{entry.name}", entry.agent.hosts
            answer.reshape = lambda card: offered_card(card if isinstance(card, dict) else {}, address, hosts)
        elif message.operation == a2a.CREATE_PUSH and self._push is not None:
            shown = self._push["shown"]
            answer.reshape = lambda _: shown
        return routed

    def _sticky(self, admitted: AdmittedCall, message: a2a.Ask) -> RoutedCall | None:
        """A task lives at one endpoint, while that is there."""
        entry = admitted.service.entry
        known = self._gate.tasks.find(entry.org_id, entry.id, message.task_id) if message.task_id else None
        if known is None:
            return None
        for version in admitted.service.versions:
            for target in version.targets:
                if target.endpoint_id == known.endpoint_id:
                    return RoutedCall(admitted, [target])
        return None

    # -- whose task ----------------------------------------------------------------------------------------------------

    def _check_owner(self, admitted: AdmittedCall, message: a2a.Ask) -> None:
        """raises TaskNotFound: the same for a task of somebody else and for none"""
        entry, who_id, book = admitted.service.entry, admitted.known.who.id, self._gate.tasks
        for task_id in message.task_ids:
            known = book.find(entry.org_id, entry.id, task_id)
            if known is None and OWNERS not in self._asked:
                continue
            if known is None or known.principal_id != who_id:
                raise a2a.TaskNotFound(task_id)
            if task_id == message.task_id and known.snapshot.get("status") is not None:
                self._kept = known.snapshot
        context_id = message.context_id
        if context_id and book.owner_of_context(entry.org_id, entry.id, context_id) not in {None, who_id}:
            raise a2a.A2aRefusal(
                a2a.INVALID_PARAMS, f"There is no context {context_id!r} here; leave it out to begin one."
            )

    def _next_question(self, admitted: AdmittedCall, message: a2a.Ask) -> tuple[str, dict[str, Any]] | None:
        entry, who, book = admitted.service.entry, admitted.known.who, self._gate.tasks
        parties = {"org": entry.org_id, "service": entry.id, "principal": who.id, "scope": who.scope}
        if OWNERS not in self._asked:
            unknown = [each for each in message.task_ids if book.find(entry.org_id, entry.id, each) is None]
            context = message.context_id
            if context and book.owner_of_context(entry.org_id, entry.id, context) is not None:
                context = ""
            lost = [message.task_id] if message.operation == a2a.GET and self._kept is None else []
            if unknown or context or lost:
                return OWNERS, {**parties, "tasks": [*dict.fromkeys([*unknown, *lost])], "context": context}
        if message.operation == a2a.LIST and LIST not in self._asked:
            return LIST, {**parties, "params": message.params}
        if message.operation in {a2a.GET_PUSH, a2a.LIST_PUSH} and PUSHES not in self._asked:
            what = "list" if message.operation == a2a.LIST_PUSH else "get"
            config_id = str(message.params.get("id") or "")
            return PUSHES, {**parties, "task": message.task_id, "id": config_id, "operation": what}
        if message.operation == a2a.DELETE_PUSH and UNPUSH not in self._asked:
            return UNPUSH, {**parties, "task": message.task_id, "id": str(message.params.get("id") or "")}
        config = push_config(message)
        if config is not None and PUSH not in self._asked:
            return PUSH, {**parties, "task": message.task_id, "config": config, "version": message.version}
        return None

    def _told(self, topic: str, body: bytes | None) -> None:
        if self._done:
            return
        try:
            if body is None:
                raise NotReady("What Portico keeps of agents' tasks cannot be asked for right now.")
            self._learn(topic, a2a.read_json(body))
            self._proceed()
        except Refusal as refusal:
            self._refuse(refusal)

    def _learn(self, topic: str, told: Any) -> None:
        admitted, message = self._admitted, self._message
        assert admitted is not None  # noqa: S101
        assert message is not None  # noqa: S101
        entry, book = admitted.service.entry, self._gate.tasks
        if told.get("error"):
            raise a2a.A2aRefusal(int(told["code"]), str(told["error"]))
        if topic == OWNERS:
            for task_id, each in told["tasks"].items():
                known = book.find(entry.org_id, entry.id, task_id) or known_task(each)
                known.snapshot = known.snapshot or each["snapshot"] or {}
                book.remember(entry.org_id, entry.id, task_id, known)
            if told["context"]:
                book.remember_context(entry.org_id, entry.id, message.context_id, told["context"])
        elif topic in {LIST, PUSHES}:
            self._listed = told["result"]
        elif topic == PUSH:
            self._push = told
            replace_push(message, told["config"])

    # -- answers of our own --------------------------------------------------------------------------------------------

    def _answer_ourselves(self, admitted: AdmittedCall, message: a2a.Ask) -> bool:
        """Lists come from what Portico keeps: the agent knows only Portico, and would show everybody's."""
        if self._listed is None:
            return False
        self._answer_with(a2a_calls.write_result(message, self._listed), admitted)
        return True

    def _answer_with(self, body: bytes, admitted: AdmittedCall) -> None:
        kept = KeptAnswer(200, [(b"Content-Type", b"application/json")], body, 0.0)
        self._answer_kept(kept, b"X-Portico-Kept", admitted)

    def _answer_card(self) -> None:
        """The card costs a rate, as every question does, and no budget."""
        raw, gate, known = self.raw, self._gate, self._known
        assert known is not None  # noqa: S101
        service = find_service(gate, known.who, raw)
        permit(known.who, service)
        if raw.head.method not in {b"GET", b"HEAD"}:
            raise a2a.A2aRefusal(a2a.INVALID_REQUEST, "The card is read with GET.")
        take_rates(gate, known.who, raw.address)
        agent = service.entry.agent
        if agent is None:
            raise CardMissing(service.entry.name)
        etag = f'"{agent.etag}"'.encode()
        headers = [(b"ETag", etag), (b"Cache-Control", b"private, max-age=60"), *self._our_headers()]
        self._finish()
        if raw.head.get(b"if-none-match") == etag:
            self.exchange.answer(304, headers, b"")
        else:
            self.exchange.answer(200, [(b"Content-Type", b"application/json"), *headers], agent.card)

    # -- a fallback ----------------------------------------------------------------------------------------------------

    def _plan_fallback(self) -> None:
        after_s = self._fallback_s()
        if after_s:
            self._fallback = asyncio.get_running_loop().call_later(after_s, self._too_late)

    def _fallback_s(self) -> float:
        """How long the caller waits for the agent before it takes an answer of Portico's own; 0: it takes none."""
        said = self.raw.head.get(a2a.FALLBACK)
        if said is None or self._message is None or self._message.operation not in a2a.SENDS:
            return 0.0
        try:
            return min(max(float(said), SHORTEST_FALLBACK_S), LONGEST_FALLBACK_S)
        except ValueError:
            return 0.0

    def _too_late(self) -> None:
        if not self._done and not self.exchange.answer_started:
            after_s = self._fallback_s()
            self._refuse(AgentNotResponding(self.raw.name, f"Nothing came within {after_s:g} s."))

    def _answer_fallback(self, refusal: Refusal) -> None:
        message = self._message
        assert message is not None  # noqa: S101
        told = {"portico": {"fallback": True, "code": refusal.row.name, "agent": self.raw.name}}
        words = f"The agent {self.raw.name} did not answer in time. Please try again later."
        said = {
            "messageId": f"fallback-{self.raw.id}",
            "role": "ROLE_AGENT",
            "parts": [{"text": words}],
            "metadata": told,
        }
        event = {"message": said}
        headers = [*self._our_headers(), (b"X-Portico-Origin", b"portico"), (b"X-Portico-Fallback", b"used")]
        if message.streams:
            headers.append((b"Content-Type", b"text/event-stream; charset=utf-8"))
            self.exchange.answer(200, headers, a2a_calls.write_event(message, event))
        else:
            headers.append((b"Content-Type", b"application/json"))
            self.exchange.answer(200, headers, a2a_calls.write_result(message, event))

    # -- ends ----------------------------------------------------------------------------------------------------------

    def _refuse(self, refusal: Refusal) -> None:
        if self._done:
            return
        refusal = self._named(refusal)
        own = isinstance(refusal, a2a.A2aRefusal) and self._known is not None
        falls_back = isinstance(refusal, AgentNotResponding) and self._fallback_s() > 0
        if not own and not falls_back:
            super()._refuse(refusal)
            return
        forward = self._forward
        if forward is not None and forward.attempts > 0:
            self._end("failed", refusal)
        else:
            self._finish()
            settle_refused(self._gate, self.raw, self._known, refusal, self._marks, self._admitted)
        if self.exchange.connection.transport.is_closing():
            return
        if falls_back:
            self._answer_fallback(refusal)
            return
        status = 200 if a2a.is_rpc(self._rest) else a2a_calls.rest_status(getattr(refusal, "rpc_code", 0))
        headers = [(b"Content-Type", b"application/json"), *self._our_headers(), (b"X-Portico-Origin", b"portico")]
        self.exchange.answer(status, headers, self._refusal_body(refusal))

    def _named(self, refusal: Refusal) -> Refusal:
        """Failures that callers look for by name."""
        name = self.raw.name
        if isinstance(refusal, NotFound):
            return AgentNotRegistered(name)
        if isinstance(refusal, UpstreamTimeout | UpstreamUnreachableRefusal):
            return AgentNotResponding(name, refusal.message)
        return refusal

    def relay_failed(self, refusal: Refusal, *, started: bool) -> None:
        super().relay_failed(self._named(refusal), started=started)

    def _refusal_body(self, refusal: Refusal) -> bytes:
        body = super()._refusal_body(refusal)
        message = self._message
        if message is None and not isinstance(refusal, a2a.A2aRefusal):
            return body
        if message is None:
            version: a2a.Version = "1.0" if (self.raw.head.get(a2a.VERSION) or b"").startswith(b"1") else "0.3"
            binding: a2a.Binding = "JSONRPC" if a2a.is_rpc(self._rest) else "HTTP+JSON"
            return a2a_calls.refusal_body(refusal, binding, version, getattr(refusal, "rpc_id", None), body)
        return a2a_calls.refusal_body(refusal, message.binding, message.version, message.rpc_id, body)

    def _last_words(self, refusal: Refusal) -> bytes:
        """The task goes on; clients come back to it with the message of their version that subscribes again."""
        if self._message is None:
            return b""
        named = b"event: error\n" if self._message.binding == "HTTP+JSON" else b""
        return b"\n\n" + named + b"data: " + self._refusal_body(refusal) + b"\n\n"

    def _finish(self) -> None:
        super()._finish()
        if self._fallback is not None:
            self._fallback.cancel()
            self._fallback = None
        if self._watch is not None:
            self._watch.ended()
        if self._counted:
            self._gate.tasks.call_ended(self._counted)
            self._counted = ""
        if self._message is not None:
            relay, answer = self._relay, self._answer
            answered = relay is not None and 0 < relay.status < 500 and (answer is None or answer.error is None)
            self._gate.tasks.count(self._message.operation, "ok" if answered or self._listed is not None else "error")
