"""How a line looks in the journal: one JSON array, its kind first, then values in a fixed order.

Arrays, because a gateway writes two lines for every call and the folder reads both: names would be most of the bytes, and
matching them most of the reading. The gateway puts its values in these orders by itself; a test holds both against this.
"""

import re
from itertools import pairwise
from typing import Final, NamedTuple

from msgspec.json import Encoder

from portico.domains.usage.model import STAGES, CallLine, JournalLine, OpenLine, ReserveLine, Stage

OPEN, RESERVE, CALL, HOP = "open", "reserve", "call", "hop"
# A call is [CALL, id, at_us, [PARTIES], SUMMED ..., correlation_id, [DETAILS], charges, stages]; what most of them share
# stands together, so that it is read once for many. A call whose client brought a trace is a HOP of that trace instead.
PARTIES: Final = ("org_id", "scope", "principal_id", "principal_name", "service_id", "service", "service_kind")
SUMMED: Final = ("verdict", "status", "duration_us", "added_us", "tokens_in", "tokens_out", "cost_microusd")
DETAILS: Final = (
    "version",
    "endpoint",
    "endpoint_id",
    "canary",
    "principal_kind",
    "dialect",
    "method",
    "path",
    "model",
    "reason",
    "message",
    "streamed",
    "cached",
    "attempts",
    "first_byte_us",
    "tokens_estimated",
    "reserved_microusd",
    "bytes_in",
    "bytes_out",
    "snapshot_version",
    "trace",
    "address",
)
# A reservation is [RESERVE, id, at_us, [PARTIES], ROUTE ..., correlation_id, snapshot_version, reserved_microusd, charges].
ROUTE: Final = ("principal_kind", "dialect", "method", "path", "model")

encode = Encoder().encode


_GUARD = re.compile(r"definition (\S+), arguments (\S+)(?:, idempotency key (\S+))?")


class GuardNote(NamedTuple):
    """What the guard's stage of a tool call says; empty where it says nothing."""

    pin: str = ""
    arguments: str = ""
    key: str = ""


def guard_note(said: GuardNote) -> str:
    """For people and for `read_guard_note`; no part holds spaces."""
    note = f"definition {said.pin or 'unpinned'}, arguments {said.arguments}"
    return f"{note}, idempotency key {said.key}" if said.key else note


def read_guard_note(note: str) -> GuardNote:
    found = _GUARD.fullmatch(note)
    if found is None:
        return GuardNote()
    return GuardNote("" if found[1] == "unpinned" else found[1], found[2], found[3] or "")


def encode_line(line: JournalLine) -> bytes:
    """Without its newline."""
    match line:
        case OpenLine():
            return encode((OPEN, line.gateway_id, line.epoch, line.at_us))
        case ReserveLine():
            held = (line.snapshot_version, line.reserved_microusd, line.charges)
            return encode((RESERVE, *_begin(line), *_values(line, ROUTE), said_correlation(line), *held))
        case CallLine():
            summed, details = _values(line, SUMMED), _values(line, DETAILS)
            rest = (said_correlation(line), details, line.charges, _said_stages(line.stages))
            return encode((HOP if line.trace else CALL, *_begin(line), *summed, *rest))


def own_correlation(call_id: str) -> str:
    """The correlation id of a call whose client brought none."""
    return "req-" + call_id.partition("_")[2]


def said_correlation(line: CallLine | ReserveLine) -> str:
    """Nothing for the one made from the call's own id, as nearly all are: it need not be written, stored and indexed."""
    return "" if line.correlation_id == own_correlation(line.id) else line.correlation_id


def stages_ending(ends: tuple[int, ...]) -> tuple[Stage, ...]:
    """Stages by when each of them ended, in µs after the call's start; one begins where the one before it ended."""
    spans = zip(STAGES, pairwise((0, *ends)), strict=False)
    return tuple(Stage(name, start, end - start) for name, (start, end) in spans)


def _begin(line: CallLine | ReserveLine) -> tuple[object, ...]:
    return line.id, line.at_us, _values(line, PARTIES)


def _values(line: CallLine | ReserveLine, names: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(getattr(line, name) for name in names)


def _said_stages(stages: tuple[Stage, ...]) -> tuple[int, ...] | tuple[Stage, ...]:
    """Their ends, when those say it all."""
    ends = tuple(stage.start_us + stage.took_us for stage in stages)
    return ends if stages_ending(ends) == stages else stages
