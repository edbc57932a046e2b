"""Reading journal files: which there are, and the whole lines after a position. File IO and decoding only; no state.

A line counts when its newline is there. What cannot be read is reported with its file and offset, never raised.
"""

import re
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import islice
from pathlib import Path

from portico.domains.usage.entry import AT, UNREADABLE, Charges, read_opening, read_reservation
from portico.domains.usage.model import ReserveLine
from portico.domains.usage.parties import Parties, Row
from portico.domains.usage.reader import CallReader

# A transaction costs as much as some hundred calls, so what is behind is caught up in large steps; memory bounds them.
MAX_BATCH_BYTES = 8 * 1024 * 1024
MAX_BATCH_LINES = 20_000
MAX_LINE_BYTES = 16 * 1024 * 1024
_FILE = re.compile(r"(?P<epoch>[A-Za-z0-9_.-]{1,100})-(?P<number>\d{1,9})\.jsonl")
_GATEWAY = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_ID = AT["id"]
_CALL, _RESERVE, _HOP = b'["call",', b'["reserve","', b'["hop",'


@dataclass(frozen=True, slots=True)
class Position:
    number: int
    offset: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a journal that cannot be used."""

    file: str
    offset: int
    why: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What lies between two positions.

    parties        of all its calls, each once
    calls          their rows
    charges        by call id, of those calls that have some
    hops           those of the calls that belong to a trace of their client, by call id
    reservations   those whose call is not in the batch, by call id, each with its line as it stands there
    unpaired       ids of calls with charges whose reservation is not in the batch
    behind         whether more whole lines may follow right away
    """

    parties: list[Parties] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    charges: dict[str, Charges] = field(default_factory=dict)
    hops: dict[str, Row] = field(default_factory=dict)
    reservations: dict[str, tuple[ReserveLine, bytes]] = field(default_factory=dict)
    unpaired: list[str] = field(default_factory=list)
    lines: int = 0
    damage: list[Damage] = field(default_factory=list)
    next: Position = Position(0, 0)
    behind: bool = False


def list_gateways(journal_dir: Path) -> list[str]:
    if not journal_dir.is_dir():
        return []
    return sorted(entry.name for entry in journal_dir.iterdir() if entry.is_dir() and _GATEWAY.fullmatch(entry.name))


def list_segments(journal_dir: Path, gateway_id: str) -> dict[str, dict[int, Path]]:
    """Epoch -> number -> file."""
    segments: dict[str, dict[int, Path]] = {}
    folder = journal_dir / gateway_id
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _FILE.fullmatch(path.name)
        if match:
            segments.setdefault(match["epoch"], {})[int(match["number"])] = path
    return {epoch: dict(sorted(segments[epoch].items())) for epoch in sorted(segments)}


def read_batch(segments: dict[int, Path], at: Position, max_lines: int, *, closed: bool) -> Batch:
    """The whole lines after `at` in one file, up to `max_lines` and about MAX_BATCH_BYTES.

    closed   nobody writes to this epoch any more: a last line without its newline is torn, not unfinished
    """
    at = _existing(segments, at)
    path = segments.get(at.number)
    if path is None:
        return Batch(next=at)
    later = min((number for number in segments if number > at.number), default=None)
    found = _read_lines(path, at.offset)
    batch = _decode(found, path.name, at, max_lines)
    if not found.at_end or batch.next.offset < at.offset + len(found.chunk):
        return _moved(batch, batch.next, behind=True)
    if found.torn and (closed or later is not None):
        batch.damage.append(Damage(path.name, batch.next.offset, f"the last line is torn ({found.torn} bytes)"))
        batch = _moved(batch, Position(at.number, batch.next.offset + found.torn), behind=False)
    if later is not None:
        return _moved(batch, Position(later, 0), behind=True)
    return batch


def _existing(segments: dict[int, Path], at: Position) -> Position:
    """The position itself, or the beginning of the next file when its own is gone."""
    if at.number in segments:
        return at
    later = min((number for number in segments if number > at.number), default=None)
    return at if later is None else Position(later, 0)


def _moved(batch: Batch, to: Position, *, behind: bool) -> Batch:
    return replace(batch, next=to, behind=behind)


@dataclass(frozen=True, slots=True)
class _Found:
    """`skipped` counts the bytes of one over-long line; `torn` those after the last newline, when the file ends there."""

    chunk: bytes
    skipped: int
    torn: int
    at_end: bool


def _read_lines(path: Path, offset: int) -> _Found:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            chunk = file.read(MAX_BATCH_BYTES)
            while b"\n" not in chunk and len(chunk) >= MAX_BATCH_BYTES:
                more = file.read(MAX_BATCH_BYTES)
                if not more:
                    break
                chunk += more
                if len(chunk) > MAX_LINE_BYTES:
                    return _skip_line(file.name, offset, len(chunk))
            ends = file.read(1) == b""
    except FileNotFoundError:
        return _Found(b"", 0, 0, True)
    whole = chunk.rfind(b"\n") + 1
    return _Found(chunk[:whole], 0, len(chunk) - whole if ends else 0, ends)


def _skip_line(name: str, offset: int, seen: int) -> _Found:
    with Path(name).open("rb") as file:
        file.seek(offset + seen)
        while chunk := file.read(MAX_BATCH_BYTES):
            found = chunk.find(b"\n")
            if found >= 0:
                return _Found(b"", seen + found + 1, 0, False)
            seen += len(chunk)
    return _Found(b"", 0, seen, True)


def _decode(found: _Found, name: str, at: Position, max_lines: int) -> Batch:
    reader = CallReader()
    batch = Batch()
    if found.skipped:
        batch.damage.append(Damage(name, at.offset, f"the line is longer than {MAX_LINE_BYTES} bytes"))
    chunk, offset = found.chunk, at.offset
    # A backslash is rare, and looked for much faster than what it may begin.
    if b"\\" in chunk and b"\\u0000" in chunk:
        # PostgreSQL keeps no NUL in text; a replacement character, as long, says that something stood there.
        chunk = chunk.replace(b"\\u0000", b"\\ufffd")
    reserved: dict[str, int] = {}
    count = 0
    # One line at a time is far easier on the processor's caches than all of them split beforehand.
    for raw in islice(BytesIO(chunk), max_lines):
        count += 1
        try:
            if raw.startswith(_CALL):
                _take_call(batch, reader, raw, reserved)
            elif raw.startswith(_RESERVE):
                reserved[_reserved_id(raw)] = offset
            elif raw.startswith(_HOP):
                row = _take_call(batch, reader, raw, reserved)
                batch.hops[row[_ID]] = row
            elif raw != b"\n":
                # An empty line is how a gateway finds out whether its disk has room again.
                read_opening(raw)
        except UNREADABLE as error:
            batch.damage.append(Damage(name, offset, str(error)[:200]))
        offset += len(raw)
    _read_reserved(batch, reserved, chunk, name, at)
    return replace(batch, parties=reader.parties, lines=count, next=Position(at.number, offset + found.skipped))


def _take_call(batch: Batch, reader: CallReader, raw: bytes, reserved: dict[str, int]) -> Row:
    row, charged = reader.read(raw)
    batch.calls.append(row)
    call_id: str = row[_ID]
    # A reservation whose call is in the batch too has done its work; only the others are worth reading.
    paired = reserved.pop(call_id, None) is not None
    if charged:
        batch.charges[call_id] = charged
        if not paired:
            batch.unpaired.append(call_id)
    return row


def _reserved_id(raw: bytes) -> str:
    """All that is read of a reservation whose call follows soon enough, as nearly every call does."""
    start = len(_RESERVE)
    return str(raw[start : raw.index(b'"', start)], "ascii")


def _read_reserved(batch: Batch, reserved: dict[str, int], chunk: bytes, name: str, at: Position) -> None:
    for call_id, offset in reserved.items():
        start = offset - at.offset
        raw = chunk[start : chunk.index(b"\n", start)]
        try:
            batch.reservations[call_id] = read_reservation(raw), raw
        except UNREADABLE as error:
            batch.damage.append(Damage(name, offset, str(error)[:200]))
