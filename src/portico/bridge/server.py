"""One local server: started when it is first asked for, watched, started again with growing pauses, stopped when nobody asks."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from msgspec import UNSET

from portico.bridge import asking, greet, logs, rpc
from portico.bridge.child import Child, Lines, LogLines, ending
from portico.bridge.greet import Manner
from portico.bridge.logs import Log
from portico.bridge.notices import Notices
from portico.bridge.rpc import Message, RpcError
from portico.bridge.sessions import Sessions
from portico.bridge.talk import Talk, Trouble, died, unavailable
from portico.bridge.turns import Turn
from portico.domains.routing.model import LocalServerEntry, LocalServerReport, LocalServerState
from portico.platform.settings import Settings

log = structlog.get_logger("portico.bridge")

FIRST_PAUSE_S, LONGEST_PAUSE_S, WELL_S = 1.0, 60.0, 30.0
# A server that died so often in a row is started again only when somebody asks for it.
MOST_RESTARTS_BY_ITSELF = 5
STOP_STDIN_S, STOP_TERM_S = 2.0, 2.0
WAIT_FOR_PAUSE_S = 2.0
OUT_OF_THE_WAY_S = 10.0
# Ends that are no failure.
STOPPED, IDLE, LEAVING, CHANGED = "It was stopped.", "It was idle.", "Portico stops.", "Its definition changed."
MEANT = frozenset({STOPPED, IDLE, LEAVING, CHANGED})


@dataclass(frozen=True, slots=True)
class Place:
    """What a server is told about where it stands; `turns` bounds how many start at once."""

    settings: Settings
    folders: Path
    turns: asyncio.Semaphore


class Server:
    def __init__(self, service_id: str, org_id: str, name: str, entry: LocalServerEntry, place: Place) -> None:
        self.service_id, self.org_id, self.name, self.entry, self._place = service_id, org_id, name, entry, place
        self.folder = place.folders / service_id
        self.log, self.sessions = Log(), Sessions()
        self.notices = Notices(self._subscribe, self._unsubscribe)
        self.manner: Manner | None = None
        self.state: LocalServerState = "stopped"
        self.error: str | None = None
        self.since, self.used_at = time.time(), time.monotonic()
        self.restarts = 0
        self.pid: int | None = None
        self.memory_bytes = self.processes = 0
        self.jailed = True
        self._talk: Talk | None = None
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._sessions_first = False
        self._well_since = 0.0
        self._ready = asyncio.Event()
        self._why: str | None = None
        self._listens: dict[str, Any] = {}
        self._small: set[asyncio.Task[None]] = set()

    # -- what callers use ----------------------------------------------------------------------------------------------------------

    async def talk(self) -> Talk:
        """The conversation with the running server, which is started for it.

        raises   Trouble, which says in words why there is none
        """
        self.used_at = time.monotonic()
        if self._task is not None and self._why is not None:
            # On its way out, for whatever reason: what is asked now is for its next life.
            await asyncio.wait({self._task}, timeout=OUT_OF_THE_WAY_S)
        if self.state == "running" and self._talk is not None:
            return self._talk
        self._refuse_switched_off()
        await self._sit_out_pause()
        self.start()
        try:
            async with asyncio.timeout(self.entry.start_timeout_s + 5):
                await self._ready.wait()
        except TimeoutError:
            raise unavailable(f"The tool server {self.name!r} is still starting.", 5) from None
        if self.state != "running" or self._talk is None:
            raise unavailable(f"The tool server {self.name!r} could not be started. {self.error or ''}".rstrip())
        return self._talk

    @property
    def allowed(self) -> bool:
        return self._place.settings.runs_local_servers and self.entry.enabled

    def _refuse_switched_off(self) -> None:
        if not self._place.settings.runs_local_servers:
            raise unavailable("Local tool servers are switched off on this installation (tools.local_servers).")
        if not self.entry.enabled:
            raise unavailable(f"The tool server {self.name!r} is switched off.")

    async def _sit_out_pause(self) -> None:
        left_s = self._not_before - time.monotonic()
        if left_s <= 0 or self._busy:
            return
        if left_s > WAIT_FOR_PAUSE_S:
            raise unavailable(
                f"The tool server {self.name!r} does not run. {self.error or ''} It is started again in {left_s:.0f} s "
                "at the earliest.",
                left_s,
            )
        await asyncio.sleep(left_s)

    def used(self) -> None:
        self.used_at = time.monotonic()

    @property
    def touched(self) -> bool:
        return self._task is not None

    @property
    def _busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Does nothing for a server that starts or runs."""
        if not self._busy:
            self._ready.clear()
            self._why = None
            self._enter("starting")
            self._task = asyncio.get_running_loop().create_task(self._live())

    async def stop(self, why: str) -> None:
        """Close its input, ask it to end, end it; returns when nothing of it is left."""
        if not self._busy or self._task is None:
            self.error = None
            self._enter("stopped")
            self.forgive()
            return
        self._why = self._why or why
        child = self._child
        if child is not None:
            child.close_stdin()
            if not await self._ended_within(STOP_STDIN_S):
                child.ask_to_end()
                if not await self._ended_within(STOP_TERM_S):
                    child.kill()
        else:
            self._task.cancel()
        await asyncio.wait({self._task})
        self.forgive()

    def forgive(self) -> None:
        """The next start need not wait for what went wrong before."""
        self._failures, self._not_before = 0, 0.0

    async def redefine(self, name: str, entry: LocalServerEntry) -> None:
        """Its next life is led as `entry` says; sessions stay, and their clients are told that lists may differ."""
        self.name = name
        if entry == self.entry:
            return
        self.entry = entry
        # Before it ends, as the next call may start it the moment it has ended.
        self.manner, self._sessions_first = None, False
        await self.stop(CHANGED)

    async def remove(self) -> None:
        await self.stop(STOPPED)
        self.notices.close()
        asking.remove_folder(self.folder)

    async def _ended_within(self, seconds: float) -> bool:
        return self._task is None or bool((await asyncio.wait({self._task}, timeout=seconds))[0])

    def look(self, now: float) -> None:
        """Once a second: calls that took too long, idleness, and a start that is due."""
        if self._talk is not None:
            self._talk.give_up_overdue()
        if self.state == "running":
            if self._failures and now - self._well_since > WELL_S:
                self._failures = 0
            idle_s = self.entry.idle_stop_s
            if idle_s and not self.in_flight_of_clients and now - self.used_at > idle_s and self._why is None:
                self._keep(self.stop(IDLE))
        elif self.state == "failed" and not self._busy:
            again = 0 < self._failures <= MOST_RESTARTS_BY_ITSELF and now >= self._not_before
            if again and self.allowed:
                self.start()

    @property
    def in_flight_of_clients(self) -> int:
        return 0 if self._talk is None else len(self._talk.clients_calls)

    def report(self) -> LocalServerReport:
        return LocalServerReport(
            self.service_id,
            self.org_id,
            self.state,
            int(self.since * 1_000_000),
            self.error,
            self.restarts,
            self.pid,
            self.memory_bytes,
            self.processes,
            None if self.manner is None else self.manner.version,
            self.jailed,
        )

    # -- one life ------------------------------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        """From start to end of one process; afterwards nothing of it is left, and the state says how it ended."""
        trouble: str | None = None
        refused_start = False
        gone = asyncio.Event()
        try:
            await self._begin(gone)
            await gone.wait()
        except asking.StartRefused as refused:
            trouble, self._failures = str(refused), MOST_RESTARTS_BY_ITSELF
            refused_start = True
            # Waiting mends nothing here, but somebody may: the next call tries anew.
        except (Trouble, RpcError) as failed:
            trouble = self._why or failed.message
        except OSError as error:
            trouble = f"It could not be started: {error}"
        finally:
            child, self._child = self._child, None
            if child is not None:
                child.kill()
                await asyncio.shield(child.gone())
            self._finish(trouble)
            if refused_start:
                self._not_before = 0.0

    async def _begin(self, gone: asyncio.Event) -> None:
        turn = Turn(self._place.turns)
        try:
            await turn.take()
            prepared = asking.prepare(self.entry, self.folder, self._place.settings)
            asking.make_folder(self.folder)
            self.log.hide(prepared.secrets)
            self.jailed = prepared.jailed
            child = self._child = Child(lambda news: self._heard_of(news, gone))
            talk = Talk(self.name, child.write, self._unasked, self._flooded)
            out = Lines(self.entry.message_bytes, talk.heard, self._too_long)
            # Known before it answers, so that its death ends the greeting, too.
            self._talk = talk
            await child.start(prepared.ask, out, LogLines(logs.MOST_LINE_BYTES, self.log.heard))
            self.manner = await self._greet(talk)
        finally:
            turn.give_back()
        if gone.is_set():
            return
        self._well_since = self.used_at = time.monotonic()
        self._enter("running")
        self.log.note(f"started; it speaks {self.manner.version}")
        self._ready.set()
        self._listen_to_changes()

    async def _greet(self, talk: Talk) -> Manner:
        """A server that ends over the newer era's first question is asked the older one's next time."""
        sessions_first = self._sessions_first if self.manner is None else not self.manner.modern
        try:
            return await greet.greet(talk, self.entry.start_timeout_s, sessions_first=sessions_first)
        except (Trouble, RpcError):
            if self.manner is None:
                self._sessions_first = not sessions_first
            raise

    def _finish(self, trouble: str | None) -> None:
        talk, self._talk = self._talk, None
        stopped = self._why in MEANT
        why = trouble or self._why or "It ended."
        if stopped:
            self.error = None
            self._enter("stopped")
        else:
            self.error = self._with_last_words(why)
            self._failures += 1
            self.restarts += 1
            pause_s = min(FIRST_PAUSE_S * 2 ** (self._failures - 1), LONGEST_PAUSE_S)
            self._not_before = time.monotonic() + pause_s
            self._enter("failed")
        self.log.note(f"stopped: {why}")
        if talk is not None:
            talk.end(died(f"The tool server {self.name!r} ended during the call: {self.error or why}"))
        self.pid, self.memory_bytes, self.processes = None, 0, 0
        self._listens.clear()
        self._ready.set()

    def _with_last_words(self, why: str) -> str:
        said = self.log.last_words
        return self.log.mask(f"{why} Its last words: {said}"[:1000] if said else why)

    def _enter(self, state: LocalServerState) -> None:
        if state != self.state:
            self.state, self.since = state, time.time()
            log.info("server.state", service=self.service_id, state=state, error=self.error)

    # -- what is heard -------------------------------------------------------------------------------------------------------------

    def _heard_of(self, news: dict[str, Any], gone: asyncio.Event) -> None:
        """What its keeper says."""
        if "pid" in news:
            self.pid = news["pid"]
        if "memory_bytes" in news:
            self.memory_bytes, self.processes = news["memory_bytes"], news["processes"]
        if "error" in news:
            self._why = self._why or f"{news['error']}."
        if "killed" in news:
            self._why = self._why or f"It was ended because {news['killed']}."
        if "exit" in news:
            self._why = self._why or ending(news["exit"])
        if "gone" in news:
            if self._talk is not None:
                self._talk.end(died(f"The tool server {self.name!r} ended: {self._with_last_words(self._why or '')}"))
            gone.set()

    def _too_long(self) -> None:
        self._end_it(f"It was ended because it sent a message of more than {self.entry.message_bytes:,} bytes.")

    def _flooded(self, why: str) -> None:
        self._end_it(f"It was ended because {why}.")

    def _end_it(self, why: str) -> None:
        self._why = self._why or why
        if self._talk is not None:
            self._talk.end(died(f"The tool server {self.name!r} ended: {why}"))
        if self._child is not None:
            self._child.kill()

    def _unasked(self, message: Message) -> None:
        if message.is_notice and self.notices.heard(message):
            return
        talk = self._talk
        if talk is None:
            return
        if message.method == "ping" and message.id is not UNSET:
            talk.tell(rpc.answer(message.id, {}))
            return
        waiting = talk.clients_calls
        if len(waiting) == 1 and waiting[0].heard is not None:
            waiting[0].heard(message)
        elif message.id is not UNSET:
            why = "Nobody can be asked: " + (
                "several calls are under way, and this does not say which it belongs to."
                if waiting
                else "no call is under way."
            )
            talk.tell(rpc.error(message.id, RpcError(rpc.INTERNAL, why)))

    # -- changes it is asked to tell of ----------------------------------------------------------------------------------------------

    def _listen_to_changes(self) -> None:
        manner, talk = self.manner, self._talk
        if manner is None or talk is None:
            return
        if self.restarts or self.notices.uris:
            self.notices.started_anew()
        if manner.modern and (wanted := manner.lists()):
            filters = rpc.raw(dict.fromkeys(wanted, True))
            params = greet.modern_params({"notifications": filters})
            self._listens[""] = talk.begin("subscriptions/listen", params, float("inf"), own=True)
        for uri in self.notices.uris:
            self._subscribe(uri)

    def _subscribe(self, uri: str) -> None:
        manner, talk = self.manner, self._talk
        if manner is None or talk is None or not manner.subscribable or uri in self._listens:
            return
        with contextlib.suppress(Trouble):
            if manner.modern:
                params = greet.modern_params({"notifications": rpc.raw({"resourceSubscriptions": [uri]})})
                self._listens[uri] = talk.begin("subscriptions/listen", params, float("inf"), own=True)
            else:
                talk.begin("resources/subscribe", {"uri": rpc.raw(uri)}, 30, own=True)

    def _unsubscribe(self, uri: str) -> None:
        manner, talk = self.manner, self._talk
        if manner is None or talk is None or not manner.subscribable:
            return
        with contextlib.suppress(Trouble):
            if manner.modern:
                listen = self._listens.pop(uri, None)
                if listen is not None:
                    talk.cancel(listen, "nobody listens")
            else:
                talk.begin("resources/unsubscribe", {"uri": rpc.raw(uri)}, 30, own=True)

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._small.add(task)
        task.add_done_callback(self._small.discard)
