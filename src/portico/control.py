"""The control process put together: database, API, realtime, jobs and the gateways' feed, on local sockets only."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvicorn
import uvloop

from portico.api.app import create_app
from portico.domains.agents import public as agents
from portico.domains.consumers import public as consumers
from portico.domains.routing import public as routing
from portico.domains.routing.feed import GatewayFeed
from portico.domains.routing.model import Hello, Snapshot
from portico.domains.usage import public as usage
from portico.domains.webhooks import public as webhooks
from portico.jobs.driver import Activity, run_reconcilers
from portico.jobs.plan import consumers as followers
from portico.jobs.plan import plan
from portico.platform import schema
from portico.platform.crypto import MasterKeyInvalid
from portico.platform.db import DatabaseUnavailable
from portico.platform.deps import Deps, open_deps
from portico.platform.sections import RealtimeSettings
from portico.platform.settings import EXIT_CONFIG, Loaded, Settings
from portico.platform.spans import SpanExport
from portico.realtime.admission import SocketTerms
from portico.realtime.frames import MAX_PATCH_FRAME_BYTES
from portico.realtime.landing import SocketLanding
from portico.realtime.line import DirectLine
from portico.realtime.sockets import Realtime

log = structlog.get_logger("portico.control")


class StartRefused(Exception):
    """Portico will not start; the message says why and holds the command that fixes it."""


def run_control(loaded: Loaded) -> int:
    """Blocks until stopped; the exit code of the process."""
    try:
        uvloop.run(_run(loaded))
    except (StartRefused, DatabaseUnavailable, MasterKeyInvalid) as refused:
        sys.stderr.write(f"{refused}\n")
        return EXIT_CONFIG
    return 0


async def _run(loaded: Loaded) -> None:
    settings = loaded.settings
    prepare_run_dir(settings.run_dir)
    async with open_deps(settings) as deps:
        await _bring_database_up_to_date(deps)
        spans = SpanExport(settings.otel) if settings.otel.enabled else None
        feed = _gateway_feed(deps, spans)
        activity, realtime = Activity(), Realtime(deps, feed, _socket_terms(settings.realtime))
        following = consumers.Following(tuple(followers(deps)))
        app = create_app(deps, feed, loaded, activity, following, spans)
        delivered = webhooks.DeliveryNumbers()
        app.state.metrics.registry.register(delivered)
        if spans is not None:
            app.state.metrics.registry.register(spans.numbers)
        server = _api_server(realtime.in_front_of(app), settings)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(feed.serve()),
                tasks.create_task(realtime.run()),
                tasks.create_task(SocketLanding(settings.run_dir / "sockets.sock", server).run()),
                tasks.create_task(run_reconcilers(plan(deps, feed, following, delivered, spans), deps.bus, activity)),
            ]
            if spans is not None:
                background.append(tasks.create_task(spans.run()))
            # What start-up made stays to the end: the collector need not go through it again for every few thousand calls.
            gc.collect()
            gc.freeze()
            # A fold makes thousands of rows and lets go of all of them; looking through them meanwhile finds nothing.
            gc.set_threshold(20_000, 20, 50)
            log.info("control.listening", socket=str(settings.run_dir / "control.sock"))
            await server.serve()
            for task in background:
                task.cancel()


def prepare_run_dir(folder: Path) -> None:
    """Ours alone: whoever can open these sockets needs no key."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StartRefused(f"The folder {folder} must belong to this user alone. Remove it, or: chmod 700 {folder}")


def _gateway_feed(deps: Deps, spans: SpanExport | None) -> GatewayFeed:
    async def welcome(hello: Hello) -> Snapshot:
        # The books of the gateway's earlier lives are closed first, so that its budgets start from what was really spent.
        await usage.close_epochs(deps, hello.gateway_id, hello.epoch, spans=spans)
        return await routing.compile_snapshot(deps)

    notes = agents.TaskNotes(deps)

    async def answer(topic: str, body: bytes) -> bytes:
        return await agents.answer_gateway(topic, body, notes, deps)

    return GatewayFeed(deps.settings.run_dir / "link.sock", deps.bus, welcome, answer)


def _socket_terms(settings: RealtimeSettings) -> SocketTerms:
    return SocketTerms(
        per_node=settings.max_sockets,
        per_scope=settings.max_sockets_per_scope,
        per_principal=settings.max_sockets_per_person,
        messages_per_minute=settings.messages_per_minute,
    )


class ControlServer(uvicorn.Server):
    """uvicorn without its signal handlers: the process decides when it stops."""

    def stop(self) -> None:
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _api_server(app: object, settings: Settings) -> ControlServer:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        uds=str(settings.run_dir / "control.sock"),
        log_config=None,
        access_log=False,
        loop="none",
        proxy_headers=False,
        server_header=False,
        ws=DirectLine,
        ws_max_size=MAX_PATCH_FRAME_BYTES,
        # Large frames are compressed once for all who get them, not by each connection with a window of its own.
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=max(1, int(settings.server.drain_s)),
    )
    return ControlServer(config)


async def _bring_database_up_to_date(deps: Deps) -> None:
    """The embedded database of a development installation follows the program; any other is the operator's to migrate."""
    current, newest = await schema.current_revision(deps.db), schema.newest_revision()
    if current == newest:
        return
    if deps.settings.environment == "development" and not deps.settings.database.url:
        # Loaded only when there is something to do: alembic is a fifth of a second of every start.
        from portico.platform import migrate

        await migrate.upgrade_database(deps.settings)
        return
    raise StartRefused(
        f"The database is at revision {current or 'none'}; this version of Portico needs {newest}. Run: portico migrate up"
    )
