"""The composition root: settings -> ground -> domains -> doors. Wiring only.

`portico serve` is three processes of this one program: a small supervisor, `control` (API, realtime, jobs) and `gateway`
(the loop that carries traffic). Each can run alone: `python -m portico.main control|gateway`.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portico.platform.settings import Settings, SettingsInvalid, load_settings

if TYPE_CHECKING:
    from portico.platform.deps import Deps


@dataclass(frozen=True)
class ServeOptions:
    """How `portico serve` behaves beyond the settings."""

    restart_children: bool = True


def serve(settings: Settings, options: ServeOptions) -> int:
    """Supervise control and gateway until SIGINT or SIGTERM; answers the exit code."""
    from portico.supervisor import supervise

    return supervise(settings, restart=options.restart_children)


@asynccontextmanager
async def open_deps(settings: Settings) -> AsyncIterator["Deps"]:
    """The ground for domains, opened and closed; waits for the database.

    raises   DatabaseUnavailable · MasterKeyInvalid
    """
    from portico.kernel.clock import SystemClock
    from portico.platform.bus import LocalBus
    from portico.platform.cache import ReadCache
    from portico.platform.crypto import Sealer, open_key_ring
    from portico.platform.db import open_database
    from portico.platform.deps import Deps

    bus = LocalBus()
    keys = open_key_ring(settings)
    database = open_database(settings, bus)
    try:
        await database.wait_until_up(settings.server.startup_wait_s)
        yield Deps(database, bus, SystemClock(), keys, Sealer(keys), settings, ReadCache(bus))
    finally:
        await database.close()


def run(role: str) -> int:
    """One process of `portico serve`, started by the supervisor or alone."""
    from portico.platform.telemetry import start_logging

    try:
        loaded = load_settings()
    except SettingsInvalid as invalid:
        sys.stderr.write(
            "The settings are not valid:\n" + "\n".join(f"  - {problem}" for problem in invalid.problems) + "\n"
        )
        return EXIT_CONFIG
    start_logging(loaded.settings.log)
    os.umask(0o077)
    if role == "gateway":
        from portico.gateway.process import run_gateway

        return run_gateway(loaded.settings)
    from portico.control import run_control

    return run_control(loaded)


# A start that failed for a reason that trying again will not mend; the supervisor then gives up.
EXIT_CONFIG = 78

if __name__ == "__main__":
    sys.exit(run(sys.argv[1] if len(sys.argv) > 1 else "control"))
