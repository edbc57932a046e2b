"""Journal lines as the folder reads them: the lines of model.py, shaped for their way into the tables.

Folding is most of what a call costs the control process, so nothing is decoded that is only stored again (`stages`), the
garbage collector is kept out of it, and bounds are checked by the decoder. What a column could not hold must fail there,
where it costs one line, and not in the database, where it would stop the fold.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import DecodeError, Meta, Raw, Struct, defstruct
from msgspec.json import Decoder, Encoder
from msgspec.structs import astuple, fields

from portico.domains.usage.model import CallLine, Charge, OpenLine, Stage, Verdict

Id: TypeAlias = Annotated[str, Meta(max_length=64)]
Word: TypeAlias = Annotated[str, Meta(max_length=16)]
Moment: TypeAlias = Annotated[int, Meta(ge=0, lt=253_402_300_800_000_000)]  # up to the year 10000
Amount: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
PrincipalKind: TypeAlias = Literal["key", "person", "anonymous"]
Small: TypeAlias = Annotated[int, Meta(ge=0, lt=10_000)]

# Clients choose these; an index entry has a largest size. Every name that the hub accepts is shorter.
MAX_SERVICE_NAME = 100
MAX_CORRELATION_ID = 128


class ChargeEntry(Struct, frozen=True, array_like=True, gc=False):
    budget_id: str
    window_started_at_us: Moment
    held: Amount
    charged: Amount


class CallEntry(Struct, frozen=True, kw_only=True, tag="call", tag_field="t", gc=False):
    """A CallLine with its fields in the order of the table: first those with a column, from `version` on the details."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    org_id: Id
    scope: Id
    at_us: Moment
    principal_id: Id
    principal_name: str
    service_id: Id
    service: str
    service_kind: Word
    verdict: Verdict
    status: Small
    duration_us: Amount
    added_us: Amount = 0
    tokens_in: Amount = 0
    tokens_out: Amount = 0
    cost_microusd: Amount = 0
    correlation_id: str

    version: str | None = None
    endpoint: str | None = None
    endpoint_id: Id | None = None
    canary: bool = False
    principal_kind: PrincipalKind
    dialect: Word
    method: str
    path: str
    model: str | None = None
    reason: str | None = None
    message: str | None = None
    streamed: bool = False
    cached: bool = False
    attempts: Small = 0
    first_byte_us: Amount | None = None
    tokens_estimated: bool = False
    reserved_microusd: Amount = 0
    bytes_in: Amount = 0
    bytes_out: Amount = 0
    snapshot_version: Amount
    trace_id: str
    address: str | None = None
    charges: tuple[ChargeEntry, ...] = ()
    stages: Raw = Raw(b"[]")


class ReserveEntry(Struct, frozen=True, kw_only=True, tag="reserve", tag_field="t", omit_defaults=True, gc=False):
    """A ReserveLine; written back as JSON while its call is under way."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    at_us: Moment
    org_id: Id
    scope: Id
    principal_kind: PrincipalKind
    principal_id: Id
    principal_name: str
    service_id: Id
    service: str
    service_kind: Word
    dialect: Word
    method: str
    path: str
    correlation_id: str
    snapshot_version: Amount
    reserved_microusd: Amount
    charges: tuple[ChargeEntry, ...]
    model: str | None = None


class ReserveMark(Struct, frozen=True, tag="reserve", tag_field="t", gc=False):
    """All that is read of a reservation whose call follows soon enough, as nearly every call does."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]


Entry: TypeAlias = CallEntry | ReserveMark | OpenLine

_NAMES = CallEntry.__struct_fields__
_SPLIT = _NAMES.index("version")
COLUMNS, DETAILS = _NAMES[:_SPLIT], _NAMES[_SPLIT:]
_SERVICE, _CORRELATION = COLUMNS.index("service"), COLUMNS.index("correlation_id")
_STORED = {field.name: field.type for field in fields(CallEntry)} | {"charges": tuple[Charge, ...]}
_Details = defstruct("_Details", [(name, _STORED[name]) for name in DETAILS], array_like=True, frozen=True)
_encode = Encoder().encode
_decode_call = Decoder(CallEntry).decode
_decode_details = Decoder(_Details).decode
_decode_stages = Decoder(tuple[Stage, ...]).decode


def entry_of(line: CallLine) -> CallEntry:
    """A line as if it had been read from a journal."""
    return _decode_call(_encode(line))


def row_of(entry: CallEntry) -> tuple[Any, ...]:
    """The values of COLUMNS, then the details as one JSON array."""
    values = astuple(entry)
    row = (*values[:_SPLIT], _encode(values[_SPLIT:]))
    if len(entry.service) > MAX_SERVICE_NAME or len(entry.correlation_id) > MAX_CORRELATION_ID:
        return _shortened(row)
    return row


def line_of(row: Sequence[Any], *, whole: bool) -> CallLine:
    """The line that row_of was given; stages and charges only of a `whole` one."""
    *columns, details = row
    values = dict(zip(COLUMNS, columns, strict=True)) | dict(
        zip(DETAILS, astuple(_decode_details(details)), strict=True)
    )
    values["stages"] = _stages(values["stages"]) if whole else ()
    values["charges"] = values["charges"] if whole else ()
    return CallLine(**values)


def _shortened(row: tuple[Any, ...]) -> tuple[Any, ...]:
    values = list(row)
    values[_SERVICE] = values[_SERVICE][:MAX_SERVICE_NAME]
    values[_CORRELATION] = values[_CORRELATION][:MAX_CORRELATION_ID]
    return tuple(values)


def _stages(raw: Raw) -> tuple[Stage, ...]:
    """They were stored unread; a call whose stages are damaged is still a call."""
    try:
        return _decode_stages(raw)
    except (DecodeError, UnicodeDecodeError):
        return ()
