"""An agent's answer on its way to the client: watched for what it says of tasks, and written anew where the two speak differently."""

from collections.abc import Callable
from typing import Any, Final

from portico.domains.agents.model import InterfaceEntry
from portico.gateway.call import Usage
from portico.gateway.dialects import a2a, a2a_calls
from portico.gateway.dialects.a2a import Ask, Json
from portico.gateway.dialects.a2a_calls import AgentError
from portico.gateway.dialects.translate_call import Translation
from portico.gateway.dialects.translate_chat import AnswerUntranslatable
from portico.gateway.dialects.translate_stream import EventLines
from portico.gateway.tasks import Watch
from portico.gateway.wire.head import Header

MOST_EVENT_BYTES: Final = 8 * 1024 * 1024
_WAITED_FOR: Final = frozenset({a2a.STREAM, a2a.SUBSCRIBE})


class AgentAnswer(Translation):
    """`reshape` changes a result before the client gets it, whatever was spoken; None leaves it."""

    def __init__(self, call_id: str, ask: Ask, interface: InterfaceEntry, watch: Watch) -> None:
        super().__init__(call_id)
        self.ask, self.interface, self.watch = ask, interface, watch
        self.verbatim = a2a_calls.is_verbatim(ask, interface)
        self.reshape: Callable[[Any], Any] | None = None
        # The task as it was last seen, for an agent that does not know it any more.
        self.kept: Json | None = None
        self.error: AgentError | None = None
        self._said = 0

    def head(self, status: int, headers: list[Header]) -> list[Header]:
        kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
        self.streams = status == 200 and self.ask.streams and kind.startswith(b"text/event-stream")
        self.holds = not self.streams
        sent = (
            b"text/event-stream; charset=utf-8"
            if self.streams
            else kind
            if self.verbatim and kind
            else b"application/json"
        )
        dropped = {b"content-type", b"content-encoding", b"set-cookie", b"etag"}
        return [*(header for header in headers if header[0].lower() not in dropped), (b"Content-Type", sent)]

    def said_status(self, status: int) -> int:
        return self._said or status

    def whole(self, status: int) -> bytes:
        """raises AnswerUntranslatable"""
        body = b"".join(self._pieces)
        self._pieces.clear()
        try:
            result = a2a_calls.read_answer(self.ask, self.interface, status, body)
        except AgentError as error:
            return self._failed(error, body)
        except a2a.A2aRefusal as refusal:
            raise AnswerUntranslatable(refusal.message) from refusal
        self._watch(result)
        self._said = 200 if self.ask.binding == "JSONRPC" or status >= 400 else status
        if self.reshape is not None:
            return a2a_calls.write_result(self.ask, self.reshape(result))
        if self.verbatim:
            return body
        if self.ask.streams and isinstance(result, dict):
            raise AnswerUntranslatable("The agent was asked for a stream and answered with something else.")
        return a2a_calls.write_result(self.ask, result)

    def _watch(self, result: Any) -> None:
        if not isinstance(result, dict):
            return
        operation = self.ask.operation
        mine = True
        if operation == a2a.SEND:
            mine = self.watch.saw(result)
        elif operation in {a2a.GET, a2a.CANCEL}:
            mine = self.watch.saw_task(result)
        if not mine:
            raise AnswerUntranslatable("The agent answered with a task that belongs to somebody else.")

    def _failed(self, error: AgentError, body: bytes) -> bytes:
        if error.code == a2a.TASK_NOT_FOUND and self.ask.operation == a2a.GET and self.kept:
            # The agent lost it, as those do that keep tasks in memory; what passed by here is still true.
            self._said = 200
            return a2a_calls.write_result(self.ask, self.kept)
        self.error = error
        self._said = 200 if self.ask.binding == "JSONRPC" else a2a_calls.rest_status(error.code)
        if self.verbatim:
            self._said = 0
            return body
        return a2a_calls.write_error(self.ask, error)

    def agent_meter(self) -> "AgentMeter":
        return AgentMeter(self)


class _Events(EventLines):
    """Events of agents may carry files."""

    def _check(self) -> None:
        if self._size + len(self._carry) > MOST_EVENT_BYTES:
            raise AnswerUntranslatable(f"The agent's stream holds an event of more than {MOST_EVENT_BYTES} bytes.")


class AgentMeter:
    """What the relay feeds. Counts nothing: agents report no tokens."""

    def __init__(self, answer: AgentAnswer) -> None:
        self._answer = answer
        self._events = _Events()
        self._began = False

    def feed(self, chunk: bytes) -> bytes:
        """raises AnswerUntranslatable"""
        answer = self._answer
        if answer.holds:
            answer.hold(chunk)
            return b""
        written = b"".join([self._event(data) for data in self._events.feed(chunk)])
        return chunk if answer.verbatim else written

    def finish(self) -> bytes:
        answer = self._answer
        written = b""
        if not answer.holds:
            written = b"".join([self._event(data) for data in self._events.rest()])
        return b"" if answer.verbatim else written

    def usage(self, *, complete: bool) -> Usage:
        return Usage()

    def _event(self, data: bytes) -> bytes:
        answer = self._answer
        try:
            event = a2a_calls.read_event(answer.ask, answer.interface, data)
        except AgentError as error:
            answer.error = error
            told = a2a_calls.write_error(answer.ask, error)
            named = b"event: error\n" if answer.ask.binding == "HTTP+JSON" else b""
            return b"%bdata: %b\n\n" % (named, told)
        except a2a.A2aRefusal as refusal:
            raise AnswerUntranslatable(refusal.message) from refusal
        if not answer.watch.saw(event):
            raise AnswerUntranslatable("The agent's stream tells of a task that belongs to somebody else.")
        if answer.verbatim or not event:
            return b""
        return self._task_first(event) + a2a_calls.write_event(answer.ask, event)

    def _task_first(self, event: Json) -> bytes:
        """Agents of 0.3 may begin with an update; clients of 1.0 are promised the task before it."""
        began, self._began = self._began, True
        if began or "task" in event or "message" in event or self._answer.ask.version == "0.3":
            return b""
        update = event.get("statusUpdate") or event.get("artifactUpdate") or {}
        task = {"id": update.get("taskId", ""), "contextId": update.get("contextId", "")}
        task["status"] = update.get("status") or {"state": "TASK_STATE_WORKING"}
        return a2a_calls.write_event(self._answer.ask, {"task": task})
