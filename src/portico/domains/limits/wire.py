from typing import Annotated

from pydantic import Field

from portico.domains.limits.model import Measure, Window
from portico.domains.limits.terms import BudgetState, BudgetSubject, Limit, LimitSubject
from portico.platform.web import Ask, Moment, Patch, Wire

Name = Annotated[str, Field(min_length=1, max_length=80)]
SubjectId = Annotated[str, Field(min_length=1, max_length=64)]


class LimitAsk(Ask):
    name: Name
    subject_kind: LimitSubject
    subject_id: SubjectId | None = None
    rate: int
    per_s: int = 60
    burst: int | None = None
    enabled: bool = True


class LimitPatch(Patch):
    """What is left out stays; `null` is meaningful for subject_id and burst only."""

    name: Name = ""
    subject_kind: LimitSubject = "org"
    subject_id: SubjectId | None = None
    rate: int = 0
    per_s: int = 0
    burst: int | None = None
    enabled: bool = True


class BudgetAsk(Ask):
    name: Name
    subject_kind: BudgetSubject
    subject_id: SubjectId | None = None
    measure: Measure
    window: Window
    limit: int
    warn_at_percent: int = 80
    enabled: bool = True


class BudgetPatch(Patch):
    """What is left out stays; `null` is meaningful for subject_id only."""

    name: Name = ""
    subject_kind: BudgetSubject = "org"
    subject_id: SubjectId | None = None
    measure: Measure = "calls"
    window: Window = "day"
    limit: int = 0
    warn_at_percent: int = 80
    enabled: bool = True


class LimitSubjectWire(Wire):
    kind: LimitSubject
    id: str | None
    name: str


class BudgetSubjectWire(Wire):
    kind: BudgetSubject
    id: str | None
    name: str


class LimitWire(Wire):
    id: str
    name: str
    subject: LimitSubjectWire
    rate: int
    per_s: int
    burst: int | None
    enabled: bool
    created_at: Moment


class BudgetWire(Wire):
    id: str
    name: str
    subject: BudgetSubjectWire
    measure: Measure
    window: Window
    limit: int
    used: int
    reserved: int
    left: int
    used_percent: float
    warn_at_percent: int
    window_started_at: Moment
    resets_at: Moment
    enabled: bool
    created_at: Moment


def limit_wire(limit: Limit) -> LimitWire:
    return LimitWire(
        id=limit.id,
        name=limit.name,
        subject=LimitSubjectWire(kind=limit.subject_kind, id=limit.subject_id, name=limit.subject_name),
        rate=limit.rate,
        per_s=limit.per_s,
        burst=limit.burst,
        enabled=limit.enabled,
        created_at=limit.created_at,
    )


def budget_wire(state: BudgetState) -> BudgetWire:
    budget = state.budget
    return BudgetWire(
        id=budget.id,
        name=budget.name,
        subject=BudgetSubjectWire(kind=budget.subject_kind, id=budget.subject_id, name=budget.subject_name),
        measure=budget.measure,
        window=budget.window,
        limit=budget.limit,
        used=state.use.used,
        reserved=max(0, state.use.held),
        left=state.left,
        used_percent=state.used_percent,
        warn_at_percent=budget.warn_at_percent,
        window_started_at=state.window_started_at,
        resets_at=state.resets_at,
        enabled=budget.enabled,
        created_at=budget.created_at,
    )
