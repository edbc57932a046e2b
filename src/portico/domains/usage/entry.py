"""Journal lines on their way into the tables.

Folding is most of what a call costs the control process. So a line becomes the row of its call at once; what many calls
share is read once for all of them; what is only stored (details, stages) is passed on as it stands. Bounds are checked by
the decoder: what a column could not hold must fail there, where it costs one line, and not in the database, where it would
stop the fold.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import DecodeError, Meta, Raw, defstruct
from msgspec.json import Decoder
from msgspec.structs import fields

from portico.domains.usage.lines import DETAILS, PARTIES, SUMMED, own_correlation, stages_ending
from portico.domains.usage.model import (
    Amount,
    CallLine,
    Charge,
    Moment,
    OpenLine,
    PrincipalKind,
    ReserveLine,
    Stage,
    Verdict,
)
from portico.domains.usage.parties import Row

Key: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Id: TypeAlias = Annotated[str, Meta(max_length=64)]
Word: TypeAlias = Annotated[str, Meta(max_length=16)]
Small: TypeAlias = Annotated[int, Meta(ge=0, lt=10_000)]

# Clients choose these; an index entry has a largest size. Every name that the hub accepts is shorter.
MAX_SERVICE_NAME = 100
MAX_CORRELATION_ID = 128

# A row has the values of COLUMNS, the details as one JSON array (DETAILS, charges, stages), and last its parties.
COLUMNS = ("id", "at_us", *SUMMED, "correlation_id")
AT = {name: place for place, name in enumerate((*COLUMNS, "details", "parties"))}


Charges: TypeAlias = tuple[Charge, ...]
_Parties: TypeAlias = tuple[Id, Id, Id, str, Id, str, Word]
# fmt: off
_Call: TypeAlias = tuple[
    Literal["call", "hop"], Key, Moment, Raw, Verdict, Small, Amount, Amount, Amount, Amount, Amount, str, Raw, Raw, Raw
]
_Reservation: TypeAlias = tuple[
    Literal["reserve"], Key, Moment, _Parties, PrincipalKind, Word, str, str, str | None, str, Amount, Amount, Charges
]
# fmt: on
_type_of = {field.name: field.type for field in fields(CallLine)}
_Details = defstruct(
    "_Details",
    [(name, _type_of[name]) for name in DETAILS] + [("charges", tuple[Charge, ...]), ("stages", Raw)],
    array_like=True,
)
# What is shown of a call whose details cannot be read any more.
_UNKNOWN = {"principal_kind": "key", "dialect": "", "method": "", "path": "", "snapshot_version": 0, "trace": ""}

decode_call = Decoder(_Call).decode
_decode_reservation = Decoder(_Reservation).decode
_decode_opening = Decoder(tuple[Literal["open"], str, str, Moment]).decode
decode_parties = Decoder(_Parties).decode
decode_charges = Decoder(Charges).decode
_decode_details = Decoder(_Details).decode
_decode_stages = Decoder(tuple[int | Stage, ...]).decode
UNREADABLE = (DecodeError, UnicodeDecodeError, ValueError)


def read_reservation(raw: bytes) -> ReserveLine:
    """raises one of UNREADABLE"""
    _, call_id, at_us, parties, kind, dialect, method, path, model, brought, version, reserved, charges = (
        _decode_reservation(raw)
    )
    org_id, scope, principal_id, principal_name, service_id, service, service_kind = parties
    return ReserveLine(
        id=call_id,
        at_us=at_us,
        org_id=org_id,
        scope=scope,
        principal_kind=kind,
        principal_id=principal_id,
        principal_name=principal_name,
        service_id=service_id,
        service=service,
        service_kind=service_kind,
        dialect=dialect,
        method=method,
        path=path,
        correlation_id=brought or own_correlation(call_id),
        snapshot_version=version,
        reserved_microusd=reserved,
        charges=charges,
        model=model,
    )


def read_opening(raw: bytes) -> OpenLine:
    """raises one of UNREADABLE"""
    _, gateway_id, epoch, at_us = _decode_opening(raw)
    return OpenLine(gateway_id, epoch, at_us)


def line_of(row: Row, *, whole: bool) -> CallLine:
    """The line that a row was made of; stages and charges only of a `whole` one."""
    *columns, stored, parties = row
    values = dict(zip(PARTIES, parties.values, strict=True)) | dict(zip(COLUMNS, columns, strict=True))
    values |= _details(stored)
    values["correlation_id"] = values["correlation_id"] or own_correlation(values["id"])
    values["stages"] = _stages(values["stages"]) if whole else ()
    values["charges"] = values["charges"] if whole else ()
    return CallLine(**values)


def _details(stored: bytes) -> dict[str, Any]:
    """They were stored unread; a call whose details are damaged is still a call."""
    try:
        found = _decode_details(stored)
    except UNREADABLE:
        return _UNKNOWN | {"charges": (), "stages": Raw(b"[]")}
    return {name: getattr(found, name) for name in _Details.__struct_fields__}


def _stages(raw: Raw) -> tuple[Stage, ...]:
    try:
        found = _decode_stages(raw)
    except UNREADABLE:
        return ()
    # Ends are numbers; earlier versions wrote the stages out.
    ends = tuple(stage for stage in found if isinstance(stage, int))
    return stages_ending(ends) if len(ends) == len(found) else tuple(each for each in found if isinstance(each, Stage))
