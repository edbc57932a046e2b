"""The way of a governed call: identify -> admit -> route -> forward -> relay -> settle, once, whatever happens on the way."""

import time
from math import ceil

from portico.domains.usage.model import Verdict
from portico.gateway.admit import admit, output_bound, reserve_line
from portico.gateway.cache import KeptAnswer
from portico.gateway.call import AdmittedCall, KnownCall, RawCall, RoutedCall, Usage
from portico.gateway.choose import NOT_SERVED, turned_down
from portico.gateway.dialects import openai
from portico.gateway.dialects.openai_fields import Ask
from portico.gateway.forward import Forward
from portico.gateway.gate import Gate
from portico.gateway.identify import identify
from portico.gateway.record import Marks
from portico.gateway.refusals import BodyTooLarge, MalformedRequest, NotReady, RecordUnavailable, envelope
from portico.gateway.relay import STOPPED, Relay
from portico.gateway.route import route
from portico.gateway.settle import settle_cached, settle_call, settle_refused
from portico.gateway.wire.exchange import Exchange
from portico.gateway.wire.head import Header
from portico.kernel.errors import BadKey, CredentialExpired, MissingCredentials, RateLimited, Refusal

NOTHING_USED = Usage()


class GovernedCall:
    """Handler of one exchange and owner of its relay. `read` of the dialect has made `raw`; the body may still be to come."""

    __slots__ = (
        "_admitted",
        "_ask",
        "_cache_key",
        "_done",
        "_forward",
        "_gate",
        "_idempotency",
        "_known",
        "_marks",
        "_meter",
        "_relay",
        "exchange",
        "max_body_bytes",
        "raw",
    )

    def __init__(self, gate: Gate, raw: RawCall, *, collects: bool) -> None:
        self._gate, self.raw = gate, raw
        limits = gate.limits
        self.max_body_bytes = limits.max_body_bytes if collects else limits.max_streamed_body_bytes
        self._marks = Marks()
        self._known: KnownCall | None = None
        self._admitted: AdmittedCall | None = None
        self._forward: Forward | None = None
        self._relay: Relay | None = None
        self._meter: openai.AnswerMeter | openai.StreamMeter | None = None
        self._ask: Ask | None = None
        self._cache_key: bytes | None = None
        self._idempotency: bytes | None = None
        self._done = False
        self.exchange: Exchange = None  # type: ignore[assignment]

    # -- Handler: what the exchange tells ---------------------------------------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        """Who calls is settled before a body is read: a stranger cannot make us hold ten megabytes."""
        self.exchange = exchange
        self._gate.open_calls += 1
        self.raw.began_ns = exchange.connection.received_ns or time.monotonic_ns()
        try:
            self._refuse_unready()
            self._known = identify(self._gate, self.raw)
            self._marks.identified = time.monotonic_ns()
            if self.raw.body is not None or self._must_collect():
                exchange.collect_body()
            else:
                self._go()
        except Refusal as refusal:
            self._refuse(refusal)

    def body_collected(self, body: bytes) -> None:
        raw = self.raw
        raw.body = body
        # Time spent waiting for the client's bytes is not ours.
        arrived_ns = self.exchange.connection.received_ns
        if arrived_ns > self._marks.identified:
            raw.began_ns += arrived_ns - self._marks.identified
            self._marks.identified = arrived_ns
        try:
            self._read(body)
            self._go()
        except Refusal as refusal:
            self._refuse(refusal)

    def body_too_large(self) -> None:
        self._refuse_or_break(BodyTooLarge(self.max_body_bytes))

    def body_broken(self) -> None:
        self._refuse_or_break(MalformedRequest("The body's framing is malformed."))

    def client_gone(self) -> None:
        """The client left: stop the service's work and charge for what was delivered."""
        self._end("cancelled", None)

    def client_is_slow(self) -> None:
        if self._relay is not None:
            self._relay.client_is_slow()

    def client_is_ready(self) -> None:
        if self._relay is not None:
            self._relay.client_is_ready()

    def client_stalled(self) -> None:
        if self.exchange.answer_started:
            self._end("cancelled", None)
            self.exchange.break_answer()
        else:
            self._refuse_or_break(MalformedRequest("The body did not arrive in time."))

    # -- the way ------------------------------------------------------------------------------------------------------------------------------

    def _refuse_unready(self) -> None:
        if not self._gate.fresh:
            raise NotReady("The gateway has no current configuration.")
        if self._gate.draining:
            raise NotReady("The gateway is stopping.")

    def _must_collect(self) -> bool:
        """Idempotent repetition and the cache compare whole requests."""
        return b"idempotency-key" in self.raw.head.lowered

    def _read(self, body: bytes) -> None:
        """What is acted upon of a body that was collected."""
        if self.raw.is_model:
            self._read_model_call(body)

    def _read_model_call(self, body: bytes) -> None:
        raw = self.raw
        self._ask = ask = openai.read_ask(body)
        raw.name = raw.model = ask.model
        raw.bounded_output = raw.upstream_path.startswith(b"/chat")
        raw.streamed = bool(ask.stream) and raw.bounded_output
        raw.choices, raw.output_max, raw.wants_usage = ask.n or 1, ask.output_max, ask.wants_usage

    def _go(self) -> None:
        gate, known, marks = self._gate, self._known, self._marks
        assert known is not None  # noqa: S101
        self._admitted = admitted = admit(gate, known)
        marks.admitted = time.monotonic_ns()
        if self._answer_repeated(admitted) or self._answer_cached(admitted):
            return
        routed = self._route(admitted)
        marks.routed = time.monotonic_ns()
        relay = Relay(self, self.exchange)
        if self.raw.is_model:
            self._prepare_model_call(admitted, relay)
        elif self._cache_key is not None or self._idempotency is not None:
            relay.keep_whole_body()
        self._forward = relay.sender = forward = Forward(gate, routed, relay)
        self._relay = relay
        if self.raw.choice is not None:
            forward.turned_down = self._turned_down
        if admitted.holds:
            gate.journal.write_then(reserve_line(admitted, gate.view.version), self._recorded)
            admitted.journaled = True
        else:
            self._forward.start()

    def _route(self, admitted: AdmittedCall) -> RoutedCall:
        choice = self.raw.choice
        return route(self._gate, admitted) if choice is None else choice.route(self._gate, admitted)

    def _recorded(self, written: bool) -> None:
        """The reservation is in the journal, so the call may leave."""
        if self._done or self._forward is None:
            return
        try:
            if not written:
                raise RecordUnavailable(self._gate.journal.trouble or "the journal cannot be written")
            self._forward.start()
        except Refusal as refusal:
            self._refuse(refusal)
        except Exception:  # noqa: BLE001  (the relay: other calls wait for the same write and must not fail with this one)
            self.exchange.connection.fail()

    def _prepare_model_call(self, admitted: AdmittedCall, relay: Relay) -> None:
        raw = self.raw
        assert raw.body is not None  # noqa: S101
        if raw.choice is not None:
            raw.body = raw.choice.asked_body
        asked_bytes = len(raw.body)
        if raw.bounded_output and self._ask is not None:
            bound = output_bound(raw, admitted.service) if admitted.holds else None
            raw.body = openai.with_additions(raw.body, self._ask, output_bound=bound)
        if raw.streamed:
            self._meter = openai.StreamMeter(asked_bytes, hide_usage=not raw.wants_usage)
        else:
            self._meter = openai.AnswerMeter(asked_bytes)
            if self._cache_key is not None or self._idempotency is not None:
                relay.keep_whole_body()
        relay.meter_with(self._meter)

    # -- answers that are already known ----------------------------------------------------------------------------------------------------------

    def _answer_repeated(self, admitted: AdmittedCall) -> bool:
        raw = self.raw
        key = raw.head.get(b"idempotency-key")
        if key is None or raw.head.method in {b"GET", b"HEAD", b"OPTIONS"}:
            return False
        request = raw.head.method + b" " + raw.head.target + b"\n" + (raw.body or b"")
        earlier = self._gate.idempotency.begin(admitted.known.who.id, key, request, time.time())
        if earlier is None:
            self._idempotency = key
            return False
        status, headers, body = earlier
        self._answer_kept(KeptAnswer(status, headers, body, 0.0), b"X-Portico-Replayed", admitted)
        return True

    def _answer_cached(self, admitted: AdmittedCall) -> bool:
        if admitted.service.entry.cache_ttl_s <= 0:
            return False
        self._cache_key = self._gate.cache.key_of(admitted)
        kept = None if self._cache_key is None else self._gate.cache.get(self._cache_key)
        if kept is None:
            return False
        self._answer_kept(kept, b"X-Portico-Cache", admitted)
        return True

    def _answer_kept(self, kept: KeptAnswer, mark: bytes, admitted: AdmittedCall) -> None:
        self._finish()
        settle_cached(self._gate, admitted, kept.status, len(kept.body), self._marks)
        headers = [*kept.headers, (mark, b"hit"), *self._our_headers()]
        # A repetition is not chosen for anew: whichever model answered it then, this choice may be another.
        if self.raw.choice is not None and self._cache_key is not None:
            headers += self.raw.choice.headers
        self.exchange.answer(kept.status, headers, kept.body)

    # -- RelayOwner ------------------------------------------------------------------------------------------------------------------------------------

    def answer_lines(self, status: int) -> bytes:
        raw = self.raw
        ids = (raw.correlation_id.encode(), raw.traceparent, raw.id.encode())
        lines = b"X-Request-Id: %b\r\ntraceparent: %b\r\nX-Portico-Call: %b\r\n" % ids
        if status >= 400:
            lines += b"X-Portico-Origin: upstream\r\n"
        if raw.choice is not None and self._forward is not None:
            lines += raw.choice.answered(self._gate, self._forward, status)
        return lines + self._rate_lines()

    def relay_ended(self) -> None:
        relay = self._relay
        assert relay is not None  # noqa: S101
        if self._done:
            return
        self._keep_answer(relay)
        verdict: Verdict = "failed" if relay.status >= 500 else "allowed"
        self._end(verdict, None, complete=True)
        relay.let_go()
        self._relay = self._forward = None

    def relay_failed(self, refusal: Refusal, *, started: bool) -> None:
        if self._done:
            return
        if not started:
            self._refuse(refusal)
            return
        relay = self._relay
        assert relay is not None  # noqa: S101
        self._end("failed", refusal)
        last_words = self._last_words(refusal) if relay.streamed else b""
        if last_words:
            self.exchange.write(last_words)
            self.exchange.head.keep_alive = False
            self.exchange.end_answer([])
        else:
            self.exchange.break_answer()

    def _last_words(self, refusal: Refusal) -> bytes:
        """How the dialect tells of a failure inside a stream of events; nothing when breaking off says it."""
        if self.raw.dialect != "openai":
            return b""
        # The empty line ends an event that broke off, so that ours is read as one of its own.
        return b"\n\n" + openai.error_event(self._refusal_body(refusal))

    # -- ends ------------------------------------------------------------------------------------------------------------------------------------------------

    def _refuse_or_break(self, refusal: Refusal) -> None:
        if self.exchange.answer_started:
            self._end("failed", refusal)
            self.exchange.break_answer()
        else:
            self._refuse(refusal)

    def _turned_down(self, status: int) -> bool:
        return turned_down(status) and self._go_on(f"it answered {status}")

    def _go_on(self, why: str) -> bool:
        """The next model of a route takes the call over, when there is one; how it ends is then that one's matter."""
        choice, admitted, relay, before = self.raw.choice, self._admitted, self._relay, self._forward
        if choice is None or admitted is None or relay is None or before is None or relay.status:
            return False
        if not choice.go_on(why):
            return False
        before.stop()
        # What is kept is kept for the model that was chosen first.
        self._cache_key = None
        try:
            routed = choice.route(self._gate, admitted)
            self._prepare_model_call(admitted, relay)
            self._forward = relay.sender = forward = choice.forward(self._gate, routed, relay, before)
            forward.turned_down = self._turned_down
            forward.start()
        except Refusal as refusal:
            self._refuse(refusal)
        return True

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with the envelope. A call that had left is settled as failed, one that had not as refused."""
        if self._done or (isinstance(refusal, NOT_SERVED) and self._go_on(refusal.message)):
            return
        refusal = self._count_stranger(refusal)
        forward = self._forward
        if forward is not None and forward.attempts > 0:
            self._end("failed", refusal)
        else:
            self._finish()
            settle_refused(self._gate, self.raw, self._known, refusal, self._marks, self._admitted)
        if self.exchange.connection.transport.is_closing():
            return
        headers: list[Header] = [
            (b"Content-Type", b"application/json"),
            *self._our_headers(),
            (b"X-Portico-Origin", b"portico"),
        ]
        if refusal.retry_after_s is not None:
            headers.append((b"Retry-After", b"%d" % max(1, int(refusal.retry_after_s + 0.999))))
        if isinstance(refusal, RateLimited):
            headers += [
                (b"X-RateLimit-Limit", b"%d" % refusal.rate),
                (b"X-RateLimit-Remaining", b"0"),
                # A person's words; a header holds only visible ASCII.
                (b"X-RateLimit-Name", "".join(c if " " <= c <= "~" else "?" for c in refusal.limit).encode()),
                (b"X-RateLimit-Reset", b"%d" % ceil(refusal.retry_after_s or 0)),
            ]
        if refusal.row.status == 401:
            headers.append((b"WWW-Authenticate", b'Bearer realm="portico"'))
        self.exchange.answer(refusal.row.status, headers, self._refusal_body(refusal))

    def _refusal_body(self, refusal: Refusal) -> bytes:
        raw = self.raw
        return envelope(refusal, raw.correlation_id, raw.head.path.decode("latin-1"), raw.trace_id)

    def _count_stranger(self, refusal: Refusal) -> Refusal:
        """Guessing keys is limited per address and in all."""
        if isinstance(refusal, MissingCredentials | BadKey | CredentialExpired):
            try:
                self._gate.take_anonymous(self.raw.address)
            except Refusal as limited:
                return limited
        return refusal

    def _end(self, verdict: Verdict, refusal: Refusal | None, *, complete: bool = False) -> None:
        if self._done:
            return
        self._finish()
        forward, relay, admitted = self._forward, self._relay, self._admitted
        if admitted is None:
            return
        if forward is None or relay is None:
            settle_refused(
                self._gate, self.raw, self._known, refusal or NotReady("The client left."), self._marks, admitted
            )
            return
        if not complete:
            forward.stop()
        usage = NOTHING_USED
        if self._meter is not None and 0 < relay.status < 400:
            usage = self._meter.usage(complete=complete)
        settle_call(self._gate, forward, usage, verdict, refusal, self._marks)

    def _finish(self) -> None:
        self._done = True
        self._gate.open_calls -= 1
        if self._idempotency is not None and self._known is not None:
            # Still ours: there is no answer to keep, so the key may be used again.
            self._gate.idempotency.finish(self._known.who.id, self._idempotency, None)

    def _keep_answer(self, relay: Relay) -> None:
        body = relay.whole_body
        if body is None:
            return
        admitted, known = self._admitted, self._known
        kept = [header for header in relay.headers if header[0].lower() not in STOPPED]
        if self._cache_key is not None and admitted is not None:
            self._gate.cache.put(self._cache_key, admitted.service.entry.cache_ttl_s, relay.status, kept, body)
        if self._idempotency is not None and known is not None and relay.status < 500:
            self._gate.idempotency.finish(known.who.id, self._idempotency, (relay.status, kept, body))
            self._idempotency = None

    def _our_headers(self) -> list[Header]:
        raw = self.raw
        headers = [
            (b"X-Request-Id", raw.correlation_id.encode()),
            (b"traceparent", raw.traceparent),
            (b"X-Portico-Call", raw.id.encode()),
        ]
        tightest = None if self._admitted is None else self._admitted.tightest
        if tightest is not None:
            bucket, now_s = tightest
            headers += [
                (b"X-RateLimit-Limit", b"%d" % bucket.rate),
                (b"X-RateLimit-Remaining", b"%d" % bucket.remaining(now_s)),
                (b"X-RateLimit-Reset", b"%d" % (bucket.full_in_s(now_s) + 1)),
            ]
        return headers

    def _rate_lines(self) -> bytes:
        tightest = None if self._admitted is None else self._admitted.tightest
        if tightest is None:
            return b""
        bucket, now_s = tightest
        reset_s = int(bucket.full_in_s(now_s) + 1)
        lines = f"X-RateLimit-Limit: {bucket.rate}\r\nX-RateLimit-Remaining: {bucket.remaining(now_s)}\r\n"
        return f"{lines}X-RateLimit-Reset: {reset_s}\r\n".encode()
