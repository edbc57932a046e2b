"""Limits and budgets as an org agreed to them, and the rules a draft has to keep."""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Literal

from portico.domains.limits.model import Measure, Window
from portico.kernel.errors import FieldError
from portico.kernel.ids import BudgetId, LimitId, OrgId

BudgetSubject = Literal["org", "scope", "principal"]
LimitSubject = Literal["org", "scope", "key", "address"]
MAX_AMOUNT = 10**15
MAX_RATE = 10_000_000
MAX_PER_S = 31 * 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """`rate` calls per `per_s` seconds for one subject; without a subject id, for each of its kind by itself."""

    id: LimitId
    org_id: OrgId
    name: str
    subject_kind: LimitSubject
    subject_id: str | None
    rate: int
    per_s: int
    burst: int | None
    enabled: bool
    created_at: datetime
    subject_name: str = ""


@dataclass(frozen=True, slots=True)
class LimitDraft:
    name: str
    subject_kind: LimitSubject
    subject_id: str | None
    rate: int
    per_s: int
    burst: int | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Budget:
    """`limit` is µUSD, tokens or calls, by `measure`."""

    id: BudgetId
    org_id: OrgId
    name: str
    subject_kind: BudgetSubject
    subject_id: str | None
    measure: Measure
    window: Window
    limit: int
    warn_at_percent: int
    enabled: bool
    created_at: datetime
    subject_name: str = ""


@dataclass(frozen=True, slots=True)
class BudgetDraft:
    name: str
    subject_kind: BudgetSubject
    subject_id: str | None
    measure: Measure
    window: Window
    limit: int
    warn_at_percent: int = 80
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What one window of a budget has seen; `held` is reserved by calls under way."""

    used: int = 0
    held: int = 0
    warned: bool = False
    critical: bool = False
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class BudgetState:
    budget: Budget
    use: BudgetUse
    window_started_at: datetime
    resets_at: datetime

    @property
    def left(self) -> int:
        return max(0, self.budget.limit - self.use.used - max(0, self.use.held))

    @property
    def used_percent(self) -> float:
        return used_percent(self.use.used, self.budget.limit)


@dataclass(frozen=True, slots=True)
class BudgetCharge:
    """An amount for one window of one budget, in the budget's own unit."""

    budget_id: str
    window_started_at: datetime
    amount: int


def used_percent(used: int, limit: int) -> float:
    """A budget of nothing is used up from the start."""
    return round(100 * used / limit, 1) if limit else 100.0


Level = Literal["warning", "critical", "exhausted"]
CRITICAL_PERCENT = 95


def crossed(budget: Budget, use: BudgetUse) -> Level | None:
    """The gravest level that was reached and not told yet in this window; those below it would say less."""
    if use.exhausted:
        return None
    if use.used >= budget.limit:
        return "exhausted"
    if use.critical:
        return None
    share = use.used * 100
    if share >= budget.limit * max(CRITICAL_PERCENT, budget.warn_at_percent):
        return "critical"
    return "warning" if not use.warned and share >= budget.limit * budget.warn_at_percent else None


def name_problems(name: str) -> list[FieldError]:
    if 1 <= len(name) <= 80 and name.isprintable():
        return []
    return [FieldError("name", "must be 1 to 80 printable characters")]


def _between(field: str, value: int | None, least: int, most: int) -> list[FieldError]:
    if value is None or least <= value <= most:
        return []
    return [FieldError(field, f"must be between {least:,} and {most:,}")]


def limit_problems(name: str, rate: int, per_s: int, burst: int | None) -> list[FieldError]:
    return [
        *name_problems(name),
        *_between("rate", rate, 1, MAX_RATE),
        *_between("per_s", per_s, 1, MAX_PER_S),
        *_between("burst", burst, 1, MAX_RATE),
    ]


def budget_problems(name: str, limit: int, warn_at_percent: int) -> list[FieldError]:
    return [
        *name_problems(name),
        *_between("limit", limit, 0, MAX_AMOUNT),
        *_between("warn_at_percent", warn_at_percent, 1, 100),
    ]


def limit_subject_problems(kind: LimitSubject, subject_id: str | None) -> list[FieldError]:
    """The shape of a subject; whether it exists is looked up. Without an id, each key, scope or address counts by itself."""
    if subject_id is None:
        return []
    if kind == "org":
        return [FieldError("subject_id", "must be left out when the subject is the org")]
    return _address_problems(subject_id) if kind == "address" else []


def budget_subject_problems(kind: BudgetSubject, subject_id: str | None) -> list[FieldError]:
    if kind == "org":
        return [] if subject_id is None else [FieldError("subject_id", "must be left out when the subject is the org")]
    return [] if subject_id else [FieldError("subject_id", f"must name the {kind}")]


def each_of(kind: LimitSubject | BudgetSubject) -> str:
    """The name of a subject that was left open."""
    return f"each {kind}"


def _address_problems(text: str) -> list[FieldError]:
    try:
        ip_address(text)
    except ValueError:
        return [FieldError("subject_id", "must be an IP address, or left out for every address by itself")]
    return []
