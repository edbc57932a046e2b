"""The record survives a full disk: what was under way is written later, and nothing new is taken meanwhile."""

import asyncio
import errno
import io
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portico.domains.usage.lines import encode_line
from portico.domains.usage.model import CallLine, JournalLine, OpenLine, ReserveLine
from portico.domains.usage.reader import read_line
from portico.gateway.journal import Journal
from portico.platform.sections import RecordSettings
from portico.platform.settings import Settings
from tests.gateway import house as terms
from tests.gateway.builder import Builder
from tests.gateway.house import budget, chat_answer, model, open_house, snapshot

DISK_BYTES = 512 * 1024


def lines_of(folder: Path) -> list[JournalLine]:
    return [read_line(line) for file in sorted(folder.iterdir()) for line in file.read_bytes().split(b"\n") if line]


def call_line(name: str) -> CallLine:
    fields = dict.fromkeys(("org_id", "scope", "principal_id", "principal_name", "service_id", "service"), "x")
    fields |= dict.fromkeys(("service_kind", "dialect", "method", "path", "correlation_id", "trace"), "x")
    numbers = {"at_us": 1, "status": 200, "snapshot_version": 1, "duration_us": 1}
    return CallLine(id=name, principal_kind="key", verdict="allowed", **fields, **numbers)  # type: ignore[arg-type]


def written(name: str) -> bytes:
    return encode_line(call_line(name))


def reserved(name: str) -> bytes:
    fields = dict.fromkeys(("org_id", "scope", "principal_id", "principal_name", "service_id", "service"), "x")
    fields |= dict.fromkeys(("service_kind", "dialect", "method", "path", "correlation_id"), "x")
    numbers = {"at_us": 1, "snapshot_version": 1, "reserved_microusd": 1}
    line = ReserveLine(id=name, principal_kind="key", charges=(), **fields, **numbers)  # type: ignore[arg-type]
    return encode_line(line)


class Disk:
    """Stands in front of `os.write`: room for so many bytes, and then none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self._write = os.write
        monkeypatch.setattr("portico.gateway.journal.os.write", self.write)

    def write(self, file: int, data: bytes) -> int:
        if self.room is None:
            return self._write(file, data)
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(file, data[: self.room])
        self.room -= written
        return written


@contextmanager
def opened(folder: Path, segment_bytes: int = 1 << 20) -> Iterator[Journal]:
    journal = Journal(folder, "gateway-1", "01EPOCH", segment_bytes, 1)
    yield journal
    journal.close()


async def test_an_epoch_begins_with_its_name(tmp_path: Path) -> None:
    with opened(tmp_path / "journal"):
        pass
    assert lines_of(tmp_path / "journal") == [OpenLine("gateway-1", "01EPOCH", 1)]
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o700
    [file] = (tmp_path / "journal").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_reservation_is_in_the_file_when_its_call_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        went_on: list[tuple[bool, int]] = []
        journal.write_soon(written("call_0"))
        journal.write_then(reserved("call_1"), lambda written: went_on.append((written, len(lines_of(tmp_path)))))
        assert went_on == []
        await asyncio.sleep(0)
        assert went_on == [(True, 3)]


@pytest.mark.parametrize("room", [0, 1, 5, 50, 100])
async def test_a_line_that_was_cut_is_completed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    disk = Disk(monkeypatch)
    with opened(tmp_path) as journal:
        disk.room = room
        journal.write_soon(written("call_1"))
        journal.flush()
        assert journal.trouble == "the journal cannot be written: No space left on device"
        assert not journal.ok
        journal.write_soon(written("call_2"))
        journal.flush()
        journal.retry()
        assert not journal.ok
        disk.room = None
        journal.retry()
        assert journal.ok
        journal.write_soon(written("call_3"))
    assert [line.id for line in lines_of(tmp_path) if isinstance(line, CallLine)] == ["call_1", "call_2", "call_3"]
    assert journal.lost == 0


async def test_a_reservation_that_could_not_be_written_is_forgotten_and_its_call_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, told = Disk(monkeypatch), list[bool]()
    with opened(tmp_path) as journal:
        disk.room = 0
        journal.write_soon(written("call_1"))
        journal.write_then(reserved("call_2"), told.append)
        journal.flush()
        assert told == [False]
        disk.room = None
        journal.retry()
    assert [line.id for line in lines_of(tmp_path) if not isinstance(line, OpenLine)] == ["call_1"]


async def test_a_new_file_is_begun_when_one_is_full(tmp_path: Path) -> None:
    with opened(tmp_path, segment_bytes=1000) as journal:
        for index in range(50):
            journal.write_soon(written(f"call_{index}"))
            journal.flush()
    files = sorted(tmp_path.iterdir())
    assert len(files) > 5
    assert [file.name for file in files] == [f"01EPOCH-{number:06d}.jsonl" for number in range(len(files))]
    assert all(file.read_bytes().endswith(b"\n") for file in files)
    assert [line.id for line in lines_of(tmp_path) if isinstance(line, CallLine)] == [f"call_{n}" for n in range(50)]


async def test_what_waits_is_bounded_and_what_is_lost_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.gateway.journal.MOST_WAITING", 3)
    disk = Disk(monkeypatch)
    with opened(tmp_path) as journal:
        disk.room = 10
        for index in range(5):
            journal.write_soon(written(f"call_{index}"))
            journal.flush()
        disk.room = None
        journal.retry()
    assert journal.lost == 2
    assert [line.id for line in lines_of(tmp_path) if isinstance(line, CallLine)] == ["call_0", "call_1", "call_2"]


async def fill_and_recover(folder: Path, fill: Callable[[Path], None], make_room: Callable[[], None]) -> None:
    upstream = terms.Upstream(chat_answer(5, 10), pause_s=0.2)
    first = budget(1_000_000)
    async with upstream.running(), open_house(folder, snapshot(model(upstream.url), budgets=(first,))) as house:
        assert (await house.chat()).status == 200
        under_way = asyncio.create_task(house.chat())
        await asyncio.sleep(0.1)
        fill(folder)
        assert (await under_way).status == 200
        house.gate.journal.flush()
        # The first to notice may be the running call's own record or the next reservation; either way it is refused.
        seen = len(upstream.requests)
        for _ in range(3):
            got = await house.chat()
            assert (got.status, got.json["error"]["code"], got.json["error"]["retryable"]) == (503, "E9903", True)
        assert len(upstream.requests) == seen == 2
        assert not house.gate.status().journal_ok
        [(_, account)] = house.gate._accounts.values()
        assert (account.held, account.used) == (0, 50)
        house.gate.journal.retry()
        assert not house.gate.journal.ok
        make_room()
        house.gate.journal.retry()
        assert house.gate.journal.ok
        assert (await house.chat()).status == 200
        calls = await house.calls_ended(6)
        assert [call.verdict for call in calls].count("allowed") == 3
        assert sum(charge.charged for call in calls for charge in call.charges) == account.used == 75
        reserved = {line.id for line in house.journal() if isinstance(line, ReserveLine)}
        assert reserved <= {call.id for call in calls}
    assert house.gate.journal.lost == 0


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A file system of half a megabyte, where we may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.req("SP7")
async def test_a_full_disk_stops_new_calls_until_there_is_room(tiny_disk: Path | None) -> None:
    if tiny_disk is None:
        # Not allowed to mount: the kernel's limit on a file's size takes the disk's place, in a process of its own.
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "tests.gateway.test_journal"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return

    def fill(folder: Path) -> None:
        with (folder / "filler").open("wb", buffering=0) as filler:
            while takes(filler, b"\x00" * 4096):
                pass
        # The journal's last page has room for some lines more; all but the beginning of one is taken.
        [file] = (folder / "journal" / "gateway-1").iterdir()
        with file.open("ab", buffering=0) as journal:
            left = 4096 - file.stat().st_size % 4096
            journal.write(b"\n" * max(left - 300, 0))

    await fill_and_recover(tiny_disk, fill, (tiny_disk / "filler").unlink)


def takes(file: io.FileIO, block: bytes) -> bool:
    try:
        return file.write(block) == len(block)
    except OSError:
        return False


def limited_file_size() -> None:
    """The same with RLIMIT_FSIZE: the running call's record is cut in its middle."""
    folder = Path(tempfile.mkdtemp())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(_: Path) -> None:
        [file] = (folder / "journal" / "gateway-1").iterdir()
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 300, hard))

    asyncio.run(fill_and_recover(folder, fill, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))))


async def test_the_limit_on_file_sizes_shows_the_same(tmp_path: Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.gateway.test_journal"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def test_a_gateway_with_small_files_writes_them_one_after_another(build: Builder) -> None:
    upstream = await build.upstream(terms.answer(b"ok"))
    base = Settings(record=RecordSettings(journal_segment_bytes=2048))
    house = await build.house(terms.service("echo", upstream.url), base=base)
    for _ in range(20):
        assert (await house.ask("GET", "/svc/echo/x")).status == 200
    assert len(await house.calls_ended(20)) == 20
    assert len(list((house.data_dir / "journal" / "gateway-1").iterdir())) > 2


if __name__ == "__main__":
    limited_file_size()
