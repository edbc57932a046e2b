"""The gateway's state, in one place: the current view, buckets, accounts, breakers, pools, journal. One object a process."""

import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag

from portico.domains.limits.ledger import BudgetAccount
from portico.domains.limits.model import window_bounds_us
from portico.domains.limits.rate import RateBucket
from portico.domains.routing.model import (
    BreakerReport,
    BudgetEntry,
    GatewayStatus,
    LimitEntry,
    ServiceEntry,
    Snapshot,
)
from portico.gateway.asks import ControlAsks
from portico.gateway.breaker import Breaker
from portico.gateway.cache import AnswerCache
from portico.gateway.guard import ToolBook
from portico.gateway.idempotency import IdempotencyBook
from portico.gateway.journal import Journal
from portico.gateway.locate import Locator
from portico.gateway.pace import Pace, pace_report
from portico.gateway.sessions import SessionBook
from portico.gateway.stats import Stats
from portico.gateway.tasks import TaskBook
from portico.gateway.toolset_search import SearchBook
from portico.gateway.toolset_sessions import ToolsetSessions
from portico.gateway.view import NOBODY, Granted, RateGate, ServiceView, Target, View, Who, view_service
from portico.gateway.wire.server import Connection
from portico.gateway.wire.upstream import Pool
from portico.kernel.errors import RateLimited
from portico.platform.crypto import KeyRing, Sealer
from portico.platform.settings import Settings, with_reloadable

MOST_ADDRESSES = 100_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Which gateway this is and which life of it: `epoch` names its journal files."""

    gateway_id: str
    epoch: str
    pid: int
    started_at_us: int


class Gate:
    def __init__(self, settings: Settings, keys: KeyRing, journal: Journal, identity: Identity) -> None:
        self.settings, self.journal, self.identity = settings, journal, identity
        self.limits = settings.gateway
        self.token_key = keys.derive("tokens")
        self._sealer = Sealer(keys)
        self._tls = _client_tls(settings)
        self.locator = Locator(settings)
        self.view = View(EMPTY, {})
        self.current_at = 0.0
        self.breakers: dict[str, Breaker] = {}
        self.connections: set[Connection] = set()
        self.draining = False
        self.open_calls = 0
        self.stats = Stats()
        self.cache = AnswerCache(settings.gateway.cache_bytes)
        self.sessions = SessionBook()
        self.tools = ToolBook()
        self.toolset, self.searches = ToolsetSessions(), SearchBook()
        self.tasks = TaskBook(settings.data_dir / "tasks" / identity.gateway_id, identity.gateway_id, identity.epoch)
        self.asks = ControlAsks()
        # How fast models were lately, for those that routes choose among: by service, model, and whether streamed.
        self.paces: dict[tuple[str, str, bool], Pace] = {}
        self.idempotency = IdempotencyBook(
            settings.data_dir / "idempotency" / f"{identity.gateway_id}.jsonl",
            settings.gateway.max_idempotency_bytes,
            settings.gateway.idempotency_s,
            time.time(),
        )
        self.on_breaker_change: Callable[[], None] = _nobody
        self.on_journal_grew: Callable[[], None] = _nobody
        self._services: dict[str, ServiceView] = {}
        self._pools: dict[str, Pool] = {}
        self._accounts: dict[str, tuple[BudgetEntry, BudgetAccount]] = {}
        self._buckets: dict[tuple[str, str], RateBucket] = {}
        self._addresses: OrderedDict[tuple[str, str], RateBucket] = OrderedDict()
        self._anonymous = RateBucket(settings.gateway.anonymous_total_per_minute, 60)
        per_minute = settings.gateway.anonymous_per_minute
        self._per_stranger = LimitEntry("", "", "strangers", "address", None, "", per_minute, 60, None)

    # -- the snapshot --------------------------------------------------------------------------------------------------------------

    def adopt(self, snapshot: Snapshot) -> None:
        """Swap the view whole. Running calls keep the view they were admitted under; runtime state carries over by id."""
        granted = Granted.of(snapshot.grants)
        self._services = {entry.id: self._service(entry, granted) for entry in snapshot.services}
        self._adopt_budgets(snapshot)
        self.view = View(snapshot, self._services)
        self.tools.adopt(snapshot)
        self.still_current()
        self._drop_unused()

    def _service(self, entry: ServiceEntry, granted: Granted) -> ServiceView:
        """The view made before, when nothing it was made of has changed: credentials are not opened again."""
        known = self._services.get(entry.id)
        callers, seers = granted.callers.get(entry.id, NOBODY), granted.seers.get(entry.id, NOBODY)
        if known is not None and known.entry == entry and known.callers == callers and known.seers == seers:
            return known
        return view_service(entry, self._open_credential(entry), callers, seers)

    def _open_credential(self, entry: ServiceEntry) -> str | None:
        credential = entry.credential
        if credential is None:
            return None
        try:
            secret = self._sealer.open(credential.sealed, credential.context)
        except InvalidTag:
            # Sealed under another master key: the call goes without it and the service will say 401, which names the problem.
            return None
        return credential.format.replace("{secret}", secret)

    def _adopt_budgets(self, snapshot: Snapshot) -> None:
        accounts: dict[str, tuple[BudgetEntry, BudgetAccount]] = {}
        for entry in snapshot.budgets:
            known = self._accounts.get(entry.id)
            if known is not None and (known[0].measure, known[0].window) == (entry.measure, entry.window):
                account = known[1]
                account.name, account.subject, account.limit = entry.name, entry.subject_name, entry.limit
            else:
                account = _open_account(entry)
            accounts[entry.id] = (entry, account)
        self._accounts = accounts

    def reload(self, settings: Settings) -> None:
        """Take over what may change while running; what may not (listening, memory bounds) waits for a restart."""
        settings = self.settings = with_reloadable(self.settings, settings)
        self.limits = settings.gateway
        self.locator.allowed_ranges = settings.private_ranges
        per_minute = settings.gateway.anonymous_per_minute
        self._per_stranger = LimitEntry("", "", "strangers", "address", None, "", per_minute, 60, None)
        self._anonymous = RateBucket(settings.gateway.anonymous_total_per_minute, 60)
        # Callers carry their buckets; they are built again with the new defaults.
        self.view.callers.clear()

    def still_current(self) -> None:
        self.current_at = time.monotonic()

    @property
    def fresh(self) -> bool:
        """A revoked key must not live on in a gateway that hears nothing any more."""
        return self.view.version > 0 and time.monotonic() - self.current_at <= self.limits.max_snapshot_age_s

    def _drop_unused(self) -> None:
        endpoints = {
            target.endpoint_id for view in self._services.values() for each in view.versions for target in each.targets
        }
        for endpoint_id in [each for each in self._pools if each not in endpoints]:
            pool = self._pools.pop(endpoint_id)
            pool.retire()
            self.breakers.pop(endpoint_id, None)

    # -- what applies to a caller ------------------------------------------------------------------------------------------------------

    def with_terms(self, who: Who, key_rate: int | None) -> Who:
        """Attach the buckets and accounts every call of this caller is checked against, narrowest first."""
        gates: list[RateGate] = []
        if who.kind == "key":
            rate = key_rate or self.limits.key_per_minute
            gates.append(RateGate(self._bucket(("key", who.id), rate, 60, None), "per key", f"the key {who.name}"))
        gates += [
            RateGate(
                self._bucket((entry.id, _subject_of(entry, who)), entry.rate, entry.per_s, entry.burst),
                entry.name,
                entry.subject_name,
            )
            for kind in ("key", "scope", "org")
            for entry in self.view.limits.get(who.org_id, ())
            if entry.subject_kind == kind and _applies(entry, who)
        ]
        who.rates = tuple(gates)
        limits = self.view.limits.get(who.org_id, ())
        who.address_limits = tuple(entry for entry in limits if entry.subject_kind == "address")
        who.accounts = [account for entry, account in self._accounts.values() if _budget_applies(entry, who)]
        return who

    def _bucket(self, key: tuple[str, str], rate: int, per_s: int, burst: int | None) -> RateBucket:
        bucket = self._buckets.get(key)
        if bucket is None or (bucket.rate, bucket.per_s) != (rate, per_s) or bucket.burst != (burst or rate):
            bucket = self._buckets[key] = RateBucket(rate, per_s, burst)
        return bucket

    def address_rates(self, who: Who, address: str) -> list[RateGate]:
        """The org's limits on client addresses, for this address; buckets of addresses not seen for long are dropped."""
        return [
            RateGate(self._address_bucket((entry.id, address), entry), entry.name, f"the address {address}")
            for entry in who.address_limits
            if entry.subject_id is None or entry.subject_id == address
        ]

    def _address_bucket(self, key: tuple[str, str], entry: LimitEntry) -> RateBucket:
        bucket = self._addresses.get(key)
        if bucket is None or (bucket.rate, bucket.per_s, bucket.burst) != (
            entry.rate,
            entry.per_s,
            entry.burst or entry.rate,
        ):
            bucket = self._addresses[key] = RateBucket(entry.rate, entry.per_s, entry.burst)
            if len(self._addresses) > MOST_ADDRESSES:
                self._addresses.popitem(last=False)
        else:
            self._addresses.move_to_end(key)
        return bucket

    def take_anonymous(self, address: str) -> None:
        """Unauthenticated traffic: per address, and in all (C8).

        raises   RateLimited
        """
        now_s = time.monotonic()
        per_minute = self.limits.anonymous_per_minute
        bucket = self._address_bucket(("anonymous", address), self._per_stranger)
        wait_s = bucket.take(now_s)
        if wait_s:
            raise RateLimited("unauthenticated, per address", f"the address {address}", per_minute, 60, wait_s)
        wait_s = self._anonymous.take(now_s)
        if wait_s:
            raise RateLimited("unauthenticated, in all", "this installation", self._anonymous.rate, 60, wait_s)

    # -- endpoints -----------------------------------------------------------------------------------------------------------------------

    def pool_of(self, target: Target) -> Pool:
        pool = self._pools.get(target.endpoint_id)
        if pool is None or pool.url != target.url:
            if pool is not None:
                pool.retire()
            pool = Pool(
                target.url,
                self._tls if target.tls else None,
                self.limits.idle_upstream_connections,
                self.limits.max_waiting_per_endpoint,
            )
            self._pools[target.endpoint_id] = pool
        return pool

    def breaker_of(self, target: Target) -> Breaker:
        breaker = self.breakers.get(target.endpoint_id)
        if breaker is None:
            breaker = self.breakers[target.endpoint_id] = Breaker()
        return breaker

    def reset_breaker(self, service_id: str) -> None:
        found = self._services.get(service_id)
        if found is None:
            return
        for version in found.versions:
            for target in version.targets:
                if target.endpoint_id in self.breakers:
                    self.breakers[target.endpoint_id].reset(time.monotonic())
        self.on_breaker_change()

    def sweep(self) -> None:
        """Twice a second: what is too slow, on both sides."""
        now = time.monotonic()
        for connection in [each for each in self.connections if each.overdue(now)]:
            connection.expire()
        for pool in tuple(self._pools.values()):
            pool.sweep(now)
        self.asks.sweep(now)
        self.tasks.sweep()
        self.idempotency.forget_old(time.time())

    # -- the report ----------------------------------------------------------------------------------------------------------------------

    def status(self) -> GatewayStatus:
        identity = self.identity
        return GatewayStatus(
            gateway_id=identity.gateway_id,
            epoch=identity.epoch,
            pid=identity.pid,
            started_at_us=identity.started_at_us,
            snapshot_version=self.view.version,
            open_connections=len(self.connections),
            open_calls=self.open_calls,
            journal_ok=self.journal.ok,
            breakers=tuple(self._breaker_reports()),
            counters=self.stats.report() | self.tasks.report() | self.tools.report() | pace_report(self.paces),
        )

    def _breaker_reports(self) -> list[BreakerReport]:
        """Only what is not simply closed: a closed breaker is the silence of this list."""
        now_us, now = time.time_ns() // 1000, time.monotonic()
        reports = []
        for view in self._services.values():
            entry = view.entry
            for target in [target for version in view.versions for target in version.targets]:
                breaker = self.breakers.get(target.endpoint_id)
                if breaker is None or breaker.state == "closed":
                    continue
                since_us = now_us - int((now - breaker.since) * 1_000_000)
                probe_us = None if breaker.probe_at is None else now_us + int((breaker.probe_at - now) * 1_000_000)
                reports.append(
                    BreakerReport(
                        target.endpoint_id, entry.id, entry.org_id, breaker.state, breaker.reason, since_us, probe_us
                    )
                )
        return reports

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()
        self.idempotency.close()
        self.tasks.close()


def _applies(entry: LimitEntry, who: Who) -> bool:
    if entry.subject_kind == "key":
        return (entry.subject_id is None and who.kind == "key") or entry.subject_id == who.id
    if entry.subject_kind == "scope":
        return entry.subject_id is None or entry.subject_id == who.scope
    return True


def _subject_of(entry: LimitEntry, who: Who) -> str:
    """A limit without a subject id counts each subject on its own."""
    return who.id if entry.subject_kind == "key" else who.scope if entry.subject_kind == "scope" else who.org_id


def _budget_applies(entry: BudgetEntry, who: Who) -> bool:
    if entry.org_id != who.org_id:
        return False
    match entry.subject_kind:
        case "org":
            return True
        case "scope":
            return entry.subject_id == who.scope
        case _:
            return entry.subject_id == who.id


def _open_account(entry: BudgetEntry) -> BudgetAccount:
    account = BudgetAccount(entry.id, entry.name, entry.subject_name, entry.measure, entry.window, entry.limit)
    now_us = time.time_ns() // 1000
    account.roll(now_us)
    if window_bounds_us(entry.window, now_us)[0] == entry.window_started_at_us:
        account.used = entry.used
    return account


def _client_tls(settings: Settings) -> ssl.SSLContext:
    """Certificates are always verified; an operator may add authorities."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.upstream.ca_file:
        context.load_verify_locations(settings.upstream.ca_file)
    return context


def _nobody() -> None:
    return


EMPTY = Snapshot(
    version=0,
    compiled_at_us=0,
    orgs=(),
    keys=(),
    members=(),
    grants=(),
    revoked_sign_ins=(),
    services=(),
    limits=(),
    budgets=(),
)
