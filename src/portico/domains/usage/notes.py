"""What happened to a call at each stage, in words. Pure: said from the record when it is read, so writing it costs nothing."""

from collections.abc import Mapping
from typing import assert_never

from portico.domains.limits.model import Measure
from portico.domains.limits.public import Budget
from portico.domains.usage.model import CallLine, Charge, Stage
from portico.kernel.money import dollars

# Between the name that was asked for and the model it became, as the gateway notes it.
_BECAME = " → "
Budgets = Mapping[str, Budget]


def notes_of(line: CallLine, budgets: Budgets) -> list[str]:
    """One note for each stage of the line.

    budgets   those of the line's charges that the reader may see and that still exist
    """
    return [stage.note or _note(line, stage, budgets, last=stage is line.stages[-1]) for stage in line.stages]


def asked_model(line: CallLine) -> str | None:
    """What the client asked for, where the gateway chose a model for that name and noted both."""
    for stage in line.stages:
        if stage.name == "route" and _BECAME in stage.note:
            return stage.note.partition(_BECAME)[0]
    return line.model


def _note(line: CallLine, stage: Stage, budgets: Budgets, *, last: bool) -> str:
    if last and stage.name != "settle" and line.message is not None:
        return line.message
    match stage.name:
        case "identify":
            return _who(line)
        case "admit":
            return _held(line, budgets)
        case "route":
            return "answered from the cache" if line.cached else _where(line)
        case "forward":
            return _forwarded(line)
        case "relay":
            return _relayed(line)
        case "settle":
            return _settled(line)
        case _:
            return ""


def _who(line: CallLine) -> str:
    if line.principal_kind == "anonymous":
        return "nobody known"
    return f"{line.principal_kind} {line.principal_name} ({line.principal_id})"


def _held(line: CallLine, budgets: Budgets) -> str:
    if not line.charges:
        return "no budget holds for it"
    reserved = f"{dollars(line.reserved_microusd)} reserved; " if line.reserved_microusd else ""
    named = [_hold(charge, budgets[charge.budget_id]) for charge in line.charges if charge.budget_id in budgets]
    unnamed = len(line.charges) - len(named)
    if unnamed:
        named.append(f"{_counted(unnamed, 'other budget' if named else 'budget')}")
    return f"{reserved}held in {', '.join(named)}"


def _hold(charge: Charge, budget: Budget) -> str:
    """With the share of the whole budget, so that the tightest one stands out."""
    share = f", {100 * charge.held / budget.limit:.2g} % of it" if budget.limit and charge.held else ""
    return f"{budget.name!r} ({_amount(charge.held, budget.measure)}{share})"


def _amount(value: int, measure: Measure) -> str:
    match measure:
        case "money":
            return dollars(value)
        case "tokens":
            return _counted(value, "token")
        case "calls":
            return _counted(value, "call")
        case _:
            assert_never(measure)


def _where(line: CallLine) -> str:
    if line.version is None:
        return "no endpoint was chosen"
    canary = " (canary)" if line.canary else ""
    return f"{line.version}{canary} at {line.endpoint or 'no endpoint'}"


def _forwarded(line: CallLine) -> str:
    tries = _counted(line.attempts, "attempt")
    if line.first_byte_us is None:
        return f"{tries}, no answer"
    return f"{tries}, answered {line.status}"


def _relayed(line: CallLine) -> str:
    first = "" if line.first_byte_us is None else f", first byte after {_milliseconds(line.first_byte_us)}"
    streamed = ", streamed" if line.streamed else ""
    ended = ", the client left" if line.verdict == "cancelled" else ""
    return f"{_bytes(line.bytes_in)} in, {_bytes(line.bytes_out)} out{streamed}{first}{ended}"


def _settled(line: CallLine) -> str:
    parts = []
    if line.tokens_in or line.tokens_out:
        estimated = " (estimated)" if line.tokens_estimated else ""
        parts.append(f"{line.tokens_in:,} tokens in, {line.tokens_out:,} out{estimated}")
    parts.append(f"cost {dollars(line.cost_microusd)}")
    spare = line.reserved_microusd - line.cost_microusd
    if line.charges and spare > 0:
        parts.append(f"{dollars(spare)} released")
    return "; ".join(parts)


def _counted(value: int, what: str) -> str:
    return f"{value:,} {what}{'' if value == 1 else 's'}"


def _milliseconds(microseconds: int) -> str:
    return f"{microseconds / 1000:.3g} ms" if microseconds < 100_000 else f"{microseconds / 1_000_000:.2f} s"


def _bytes(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
