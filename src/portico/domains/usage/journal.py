"""Reading journal files: which there are, and the whole lines after a position. File IO and decoding only; no state.

A line counts when its newline is there. What cannot be read is reported with its file and offset, never raised.
"""

import re
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import msgspec

from portico.domains.usage.entry import CallEntry, Entry, ReserveEntry, ReserveMark

# What is far behind is caught up in large steps, but not so large that they leave the caches of the processor.
MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_BATCH_LINES = 10_000
MAX_LINE_BYTES = 16 * 1024 * 1024
_FILE = re.compile(r"(?P<epoch>[A-Za-z0-9_.-]{1,100})-(?P<number>\d{1,9})\.jsonl")
_GATEWAY = re.compile(r"[A-Za-z0-9_.-]{1,100}")

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, ValueError)
_lines: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_decode_line = _lines.decode
_decode_reservation = msgspec.json.Decoder(ReserveEntry).decode


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

    reservations   those whose call is not in the batch
    paired         ids of calls whose reservation is in the batch too
    behind         whether more whole lines may follow right away
    """

    calls: list[CallEntry] = field(default_factory=list)
    reservations: list[ReserveEntry] = field(default_factory=list)
    paired: set[str] = field(default_factory=set)
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
    found = _read_lines(path, at.offset, max_lines)
    batch = _decode(found, path.name, at)
    if not found.at_end:
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


def _read_lines(path: Path, offset: int, max_lines: int) -> _Found:
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
    cut = _cut(chunk, max_lines)
    whole = chunk.rfind(b"\n") + 1
    return _Found(chunk[:cut], 0, len(chunk) - whole if ends else 0, ends and cut == whole)


def _skip_line(name: str, offset: int, seen: int) -> _Found:
    with Path(name).open("rb") as file:
        file.seek(offset + seen)
        while chunk := file.read(MAX_BATCH_BYTES):
            found = chunk.find(b"\n")
            if found >= 0:
                return _Found(b"", seen + found + 1, 0, False)
            seen += len(chunk)
    return _Found(b"", 0, seen, True)


def _cut(chunk: bytes, max_lines: int) -> int:
    """Where the `max_lines`-th line ends, or the last whole line when there are fewer."""
    # Counting newlines first would cost more than finding them one by one.
    end = 0
    for _ in range(max_lines):
        found = chunk.find(b"\n", end)
        if found < 0:
            break
        end = found + 1
    return end


def _decode(found: _Found, name: str, at: Position) -> Batch:
    batch = Batch(next=Position(at.number, at.offset + len(found.chunk) + found.skipped))
    if found.skipped:
        batch.damage.append(Damage(name, at.offset, f"the line is longer than {MAX_LINE_BYTES} bytes"))
    chunk, offset = found.chunk, at.offset
    if b"\\u0000" in chunk:
        # PostgreSQL keeps no NUL in text; a replacement character, as long, says that something stood there.
        chunk = chunk.replace(b"\\u0000", b"\\ufffd")
    reserved: dict[str, int] = {}
    count = 0
    # One line at a time is far easier on the processor's caches than all of them split beforehand.
    for raw in BytesIO(chunk):
        count += 1
        try:
            # An empty line is how a gateway finds out whether its disk has room again.
            entry = _decode_line(raw) if raw != b"\n" else None
        except _UNREADABLE as error:
            batch.damage.append(Damage(name, offset, str(error)[:200]))
        else:
            if isinstance(entry, CallEntry):
                batch.calls.append(entry)
            elif isinstance(entry, ReserveMark):
                reserved[entry.id] = offset
        offset += len(raw)
    _pair(batch, reserved, chunk, name, at)
    return replace(batch, lines=count)


def _pair(batch: Batch, reserved: dict[str, int], chunk: bytes, name: str, at: Position) -> None:
    """A reservation whose call is in the batch too has done its work; only the others are worth reading."""
    if reserved:
        batch.paired.update(call.id for call in batch.calls if call.id in reserved)
    for call_id, offset in reserved.items():
        if call_id in batch.paired:
            continue
        start = offset - at.offset
        try:
            batch.reservations.append(_decode_reservation(chunk[start : chunk.index(b"\n", start)]))
        except _UNREADABLE as error:
            batch.damage.append(Damage(name, offset, str(error)[:200]))
