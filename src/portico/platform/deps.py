"""What a domain is handed: the ground it stands on, nothing else."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from portico.kernel.clock import Clock
from portico.platform.bus import Bus
from portico.platform.cache import ReadCache
from portico.platform.crypto import KeyRing, Sealer
from portico.platform.db import Database, Tx
from portico.platform.settings import Settings


@dataclass(frozen=True, slots=True)
class Deps:
    db: Database
    bus: Bus
    clock: Clock
    keys: KeyRing
    sealer: Sealer
    settings: Settings
    cache: ReadCache

    def uow(self) -> AbstractAsyncContextManager[Tx]:
        """One write transaction."""
        return self.db.write()

    def read(self) -> AbstractAsyncContextManager[Tx]:
        return self.db.read()
