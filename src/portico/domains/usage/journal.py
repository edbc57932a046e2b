"""Reading journal files: which there are, and the whole lines after a position. File IO and decoding only; no state.

A line counts when its newline is there. What cannot be read is reported with its file and offset, never raised.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from portico.domains.usage.model import CallLine, JournalLine, OpenLine, ReserveLine

MAX_BATCH_BYTES = 1024 * 1024
MAX_BATCH_LINES = 2000
MAX_LINE_BYTES = 16 * 1024 * 1024
_FILE = re.compile(r"(?P<epoch>[A-Za-z0-9_.-]{1,100})-(?P<number>\d{1,9})\.jsonl")
_GATEWAY = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_LARGEST = 2**62
_END_OF_TIME_US = 253_402_300_800_000_000

_decoder: msgspec.json.Decoder[JournalLine] = msgspec.json.Decoder(JournalLine)


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
    """What lies between two positions. `behind` says whether more whole lines may follow right away."""

    calls: list[CallLine] = field(default_factory=list)
    reservations: list[ReserveLine] = field(default_factory=list)
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
    """The whole lines after `at` in one file, up to `max_lines` and about 1 MB.

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
    return Batch(batch.calls, batch.reservations, batch.lines, batch.damage, to, behind)


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
    if chunk.count(b"\n") <= max_lines:
        return chunk.rfind(b"\n") + 1
    end = 0
    for _ in range(max_lines):
        end = chunk.index(b"\n", end) + 1
    return end


def _decode(found: _Found, name: str, at: Position) -> Batch:
    batch = Batch(next=Position(at.number, at.offset + len(found.chunk) + found.skipped))
    if found.skipped:
        batch.damage.append(Damage(name, at.offset, f"the line is longer than {MAX_LINE_BYTES} bytes"))
    offset, count = at.offset, 0
    for raw in _split(found.chunk):
        count += 1
        try:
            # An empty line is how a gateway finds out whether its disk has room again.
            if raw != b"\n":
                _keep(batch, _decode_line(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            batch.damage.append(Damage(name, offset, str(error)[:200]))
        offset += len(raw)
    return Batch(batch.calls, batch.reservations, count, batch.damage, batch.next)


def _split(chunk: bytes) -> list[bytes]:
    return [part + b"\n" for part in chunk.split(b"\n")[:-1]]


def _decode_line(raw: bytes) -> JournalLine:
    # PostgreSQL keeps no NUL in text; a replacement character says that something stood there.
    line = _decoder.decode(raw.replace(b"\\u0000", b"\\ufffd") if b"\\u0000" in raw else raw)
    if not isinstance(line, OpenLine):
        _check_bounds(line)
    return line


def _check_bounds(line: CallLine | ReserveLine) -> None:
    """What a column could not hold must fail here, where it costs one line, and not in the database, where it stops the fold."""
    moments = [line.at_us, *(charge.window_started_at_us for charge in line.charges)]
    if not (min(moments) >= 0 and max(moments) < _END_OF_TIME_US):
        raise ValueError("a time is out of range")
    amounts = [amount for charge in line.charges for amount in (charge.held, charge.charged)]
    numbers: tuple[int, ...] = (line.reserved_microusd, line.snapshot_version)
    names: tuple[str, ...] = (line.id, line.org_id, line.scope, line.principal_id, line.service_id)
    if isinstance(line, CallLine):
        numbers += (line.duration_us, line.added_us, line.first_byte_us or 0, line.tokens_in, line.tokens_out)
        numbers += (line.cost_microusd, line.bytes_in, line.bytes_out)
        names += (line.endpoint_id or "",)
        if not (0 <= line.status < 10_000 and 0 <= line.attempts < 10_000):
            raise ValueError("the status or the number of attempts is out of range")
    if min(*numbers, *amounts, 0) < 0 or max(*numbers, *amounts, 0) > _LARGEST:
        raise ValueError("a number is out of range")
    if max(map(len, names)) > 64 or not line.id or max(len(line.dialect), len(line.service_kind)) > 16:
        raise ValueError("an id or a name is too long")


def _keep(batch: Batch, line: JournalLine) -> None:
    if isinstance(line, CallLine):
        batch.calls.append(line)
    elif isinstance(line, ReserveLine):
        batch.reservations.append(line)
