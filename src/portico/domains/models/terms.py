"""What may be said of a model, and what a route may ask for."""

import re
from collections.abc import Sequence
from typing import get_args

from portico.domains.models.model import Capability, ModelFacts, RouteDraft, Rule
from portico.kernel.errors import FieldError

MAX_RULES, MAX_TARGETS, MAX_WORDS, MAX_ROUTES = 20, 10, 20, 200
MAX_TOKENS, MAX_COST, MAX_MS, MAX_PRICE = 1_000_000_000, 10**12, 3_600_000, 10**12
CAPABILITIES: tuple[str, ...] = get_args(Capability)
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}")
_TASK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def facts_problems(said: ModelFacts) -> list[FieldError]:
    return [
        *_words_problems(said),
        *_between("context_tokens", said.context_tokens, 1, MAX_TOKENS),
        *_between("max_output_tokens", said.max_output_tokens, 1, 10_000_000),
        *_between("quality", said.quality, 1, 5),
        *_between("speed", said.speed, 1, 5),
        *_capability_problems("capabilities", said.capabilities),
        *_price_problems(said),
        *_end_problems(said),
    ]


def route_problems(draft: RouteDraft) -> list[FieldError]:
    problems = [] if _MODEL.fullmatch(draft.name) else [FieldError("name", "must look like a model's name, e.g. auto")]
    if len(draft.description) > 500:
        problems.append(FieldError("description", "must be at most 500 characters"))
    if not 1 <= len(draft.rules) <= MAX_RULES:
        problems.append(FieldError("rules", f"must be 1 to {MAX_RULES} rules"))
    names = [rule.name for rule in draft.rules]
    if len(set(names)) != len(names):
        problems.append(FieldError("rules", "must have different names"))
    for place, rule in enumerate(draft.rules):
        problems += _rule_problems(f"rules[{place}]", rule)
    return problems


def _rule_problems(field: str, rule: Rule) -> list[FieldError]:
    named = (*rule.targets, *rule.fallbacks)
    problems = []
    if not (rule.name.strip() and len(rule.name) <= 80 and rule.name.isprintable()):
        problems.append(FieldError(f"{field}.name", "must be 1 to 80 printable characters"))
    if not rule.targets or len(named) > MAX_TARGETS:
        problems.append(FieldError(f"{field}.targets", f"must be 1 to {MAX_TARGETS} models, fallbacks included"))
    if len(set(named)) != len(named):
        problems.append(FieldError(f"{field}.targets", "must name each model once, fallbacks included"))
    problems += [FieldError(f"{field}.targets", f"{each!r} is not a model's name") for each in named if not _is(each)]
    if len(rule.tasks) > MAX_WORDS or not all(_TASK.fullmatch(task) for task in rule.tasks):
        problems.append(FieldError(f"{field}.tasks", f"must be at most {MAX_WORDS} words such as code or summary"))
    if rule.min_tokens is not None and rule.max_tokens is not None and rule.min_tokens > rule.max_tokens:
        problems.append(FieldError(f"{field}.min_tokens", "must not be more than max_tokens"))
    return [
        *problems,
        *_between(f"{field}.min_tokens", rule.min_tokens, 0, MAX_TOKENS),
        *_between(f"{field}.max_tokens", rule.max_tokens, 1, MAX_TOKENS),
        *_between(f"{field}.max_cost_microusd", rule.max_cost_microusd, 0, MAX_COST),
        *_between(f"{field}.max_latency_ms", rule.max_latency_ms, 1, MAX_MS),
        *_capability_problems(f"{field}.needs", rule.needs),
    ]


def _is(name: str) -> bool:
    return _MODEL.fullmatch(name) is not None


def _words_problems(said: ModelFacts) -> list[FieldError]:
    problems = [
        FieldError(field, "must be at most 128 printable characters")
        for field, text in (("family", said.family), ("version", said.version))
        if len(text) > 128 or not (text == "" or text.isprintable())
    ]
    problems += [
        FieldError(field, "is not a model's name")
        for field, name in (("sends", said.sends), ("successor", said.successor))
        if name and not _is(name)
    ]
    return problems + ([FieldError("note", "must be at most 2000 characters")] if len(said.note) > 2000 else [])


def _capability_problems(field: str, words: Sequence[str]) -> list[FieldError]:
    if len(set(words)) == len(words) and set(words) <= set(CAPABILITIES):
        return []
    return [FieldError(field, f"must be different words of {', '.join(CAPABILITIES)}")]


def _price_problems(said: ModelFacts) -> list[FieldError]:
    if said.price is None:
        return []
    names = ("input_microusd_per_mtok", "output_microusd_per_mtok", "call_microusd")
    return [each for name in names for each in _between(f"price.{name}", getattr(said.price, name), 0, MAX_PRICE)]


def _end_problems(said: ModelFacts) -> list[FieldError]:
    problems = []
    if said.deprecated_at is not None and said.retires_at is not None and said.deprecated_at > said.retires_at:
        problems.append(FieldError("retires_at", "must not lie before deprecated_at"))
    if said.successor and said.successor == said.model:
        problems.append(FieldError("successor", "must be another model"))
    if said.when_retired == "successor" and not said.successor:
        problems.append(FieldError("successor", "must be named when calls are to go there"))
    return problems


def _between(field: str, value: int | None, least: int, most: int) -> list[FieldError]:
    if value is None or least <= value <= most:
        return []
    return [FieldError(field, f"must be between {least:,} and {most:,}")]
