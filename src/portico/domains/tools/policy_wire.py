from typing import Annotated, Any

from pydantic import Field

from portico.domains.tools.decide import Asked, Holds
from portico.domains.tools.judge import Judgement, Verdict
from portico.domains.tools.model import Effect, Policy, PolicyDraft, PolicyVersion
from portico.domains.tools.policies import terms_of
from portico.domains.tools.simulate import Question
from portico.platform.web import Ask, Moment, Patch, Shaped, Wire

Name = Annotated[str, Field(min_length=1, max_length=80)]
Expression = Annotated[str, Field(min_length=1, max_length=1000)]
Description = Annotated[str, Field(max_length=500)]
Position = Annotated[int, Field(ge=0, le=1_000_000)]
Id = Annotated[str, Field(min_length=1, max_length=64)]
Subjects = Annotated[list[Id], Field(max_length=100)]
Target = Annotated[
    str,
    Field(min_length=1, max_length=264),
    Shaped(r"[a-z0-9*-]{1,63}/.{1,200}", "must be server/tool, with * for any, such as files/* or */delete_*"),
]
Targets = Annotated[list[Target], Field(max_length=20)]
Json = dict[str, Any]


class PolicyAsk(Ask):
    """`position` says when it is asked: low first. No subjects: everybody; no targets: every tool."""

    name: Name
    effect: Effect
    expression: Expression
    description: Description = ""
    position: Position = 100
    subjects: Subjects = Field(default_factory=list)
    targets: Targets = Field(default_factory=list)
    enabled: bool = True

    def draft(self) -> PolicyDraft:
        return PolicyDraft(**_facts(self, set(type(self).model_fields)))


class PolicyPatch(Patch):
    """What is left out stays."""

    name: Name = ""
    effect: Effect = "deny"
    expression: Expression = ""
    description: Description = ""
    position: Position = 100
    subjects: Subjects = Field(default_factory=list)
    targets: Targets = Field(default_factory=list)
    enabled: bool = True

    def changes(self) -> dict[str, Any]:
        return _facts(self, self.model_fields_set)


class CheckExpressionAsk(Ask):
    expression: Annotated[str, Field(max_length=4000)]


class SimulateAsk(Ask):
    """`draft` is put in for trial, in the place of the policy `replaces` when that is given."""

    principal: Id
    server: Annotated[str, Field(min_length=1, max_length=63)]
    tool: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: Json = Field(default_factory=dict)
    draft: PolicyAsk | None = None
    replaces: Id | None = None
    address: Annotated[str, Field(max_length=64)] = ""

    def question(self) -> Question:
        draft = None if self.draft is None else self.draft.draft()
        return Question(
            self.principal, self.server, self.tool, self.arguments, draft, self.replaces, address=self.address
        )


class PolicyWire(Wire):
    id: str
    name: str
    effect: Effect
    expression: str
    description: str
    position: int
    subjects: list[str]
    targets: list[str]
    enabled: bool
    version: int
    created_by: str
    created_at: Moment
    updated_at: Moment


class PolicyVersionWire(Wire):
    version: int
    terms: Json
    changed_by: str
    changed_at: Moment


class PolicyDetailWire(Wire):
    policy: PolicyWire
    versions: list[PolicyVersionWire]


class AskedPolicyWire(Wire):
    """`holds`: whether its expression came to true; `error` denies."""

    id: str
    name: str
    effect: Effect
    holds: Holds
    reason: str


class CheckedExpressionWire(Wire):
    """`problem`: why it cannot be a policy's, and where when that is known; null when it can."""

    problem: str | None


class FieldProblemWire(Wire):
    field: str
    message: str


class VerdictWire(Wire):
    """`verdict`: allow, or what stands in the way. `decided_by` is the policy that decided, where one did."""

    verdict: Verdict
    allowed: bool
    reason: str
    decided_by: str | None
    policies: list[AskedPolicyWire]
    problems: list[FieldProblemWire]
    unchecked: str


def policy_wire(policy: Policy) -> PolicyWire:
    return PolicyWire.model_validate({**terms_of(policy), **_stamps(policy)})


def policy_detail_wire(policy: Policy, versions: list[PolicyVersion]) -> PolicyDetailWire:
    earlier = [PolicyVersionWire.model_validate(each) for each in versions]
    return PolicyDetailWire(policy=policy_wire(policy), versions=earlier)


def checked_wire(problem: str | None) -> CheckedExpressionWire:
    return CheckedExpressionWire(problem=problem)


def verdict_wire(found: Judgement) -> VerdictWire:
    by = found.decision.by
    return VerdictWire(
        verdict=found.verdict,
        allowed=found.verdict == "allow",
        reason=found.reason,
        decided_by=None if by is None else by.id,
        policies=[_asked(each) for each in found.decision.asked],
        problems=[FieldProblemWire(field=each.field, message=each.message) for each in found.problems],
        unchecked=found.unchecked,
    )


def _asked(asked: Asked) -> AskedPolicyWire:
    policy = asked.policy
    return AskedPolicyWire(id=policy.id, name=policy.name, effect=policy.effect, holds=asked.holds, reason=asked.reason)


def _stamps(policy: Policy) -> dict[str, object]:
    return {name: getattr(policy, name) for name in ("id", "version", "created_by", "created_at", "updated_at")}


def _facts(ask: PolicyAsk | PolicyPatch, sent: set[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {name: getattr(ask, name) for name in sent}
    return facts | {name: tuple(facts[name]) for name in ("subjects", "targets") if name in facts}
