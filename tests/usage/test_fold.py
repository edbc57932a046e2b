"""The journal is counted exactly once, whatever dies when."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from portico.domains.limits.tables import budget_use, budgets
from portico.domains.tenancy import public as tenancy
from portico.domains.usage import fold, journal, store, store_journal
from portico.domains.usage.fold import KeyTouches, close_epochs, fold_journals
from portico.domains.usage.model import Charge, Stage
from portico.domains.usage.record import CallFilter
from portico.domains.usage.tables import call_totals, calls, open_reservations
from portico.kernel.ids import BudgetId, KeyId
from portico.platform.db import Tx, from_micros
from portico.platform.deps import Deps
from tests.usage.journals import GATEWAY, NOON_US, ORG, append, call, lines, opening, reader, reservation

BUDGET = BudgetId("bud_1")
WINDOW_US = NOON_US
WINDOW = from_micros(WINDOW_US)


@pytest.fixture
def journal_dir(deps: Deps) -> Path:
    return deps.settings.data_dir / "journal"


@pytest.fixture
async def budget(deps: Deps) -> str:
    async with deps.uow() as tx:
        await tx.execute(
            budgets.insert().values(
                id=BUDGET,
                org_id=ORG,
                name="everything",
                subject_kind="org",
                measure="money",
                window="hour",
                limit_amount=10**9,
                warn_at_percent=80,
                enabled=True,
                created_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
        )
    return BUDGET


@pytest.fixture(autouse=True)
def touched(monkeypatch: pytest.MonkeyPatch) -> list[dict[KeyId, datetime]]:
    """Keys are tenancy's; here it is enough to see what it is told."""
    told: list[dict[KeyId, datetime]] = []

    async def touch_keys(_tx: Tx, _scope: object, last_used: dict[KeyId, datetime]) -> None:
        told.append(last_used)

    monkeypatch.setattr(tenancy, "touch_keys", touch_keys)
    return told


async def used_and_held(deps: Deps) -> tuple[int, int]:
    async with deps.read() as tx:
        row = (await tx.execute(select(budget_use.c.used, budget_use.c.held))).one_or_none()
    return (0, 0) if row is None else (row.used, row.held)


async def ids_of(deps: Deps, table: Any = calls) -> list[str]:
    column = table.c.id if table is calls else table.c.call_id
    async with deps.read() as tx:
        return sorted((await tx.execute(select(column))).scalars())


async def counted(deps: Deps) -> int:
    """What the totals of the hour say, which must agree with the rows."""
    async with deps.read() as tx:
        hours = select(func.sum(call_totals.c.calls)).where(
            call_totals.c.step_s == 3600, call_totals.c.subject == "all"
        )
        return int((await tx.execute(hours)).scalar_one() or 0)


def held(amount: int) -> tuple[Charge, ...]:
    return (Charge(BUDGET, WINDOW_US, amount, 0),)


def came_to(reserved: int, charged: int) -> tuple[Charge, ...]:
    return (Charge(BUDGET, WINDOW_US, reserved, charged),)


async def test_folding_twice_counts_once(deps: Deps, journal_dir: Path, budget: str) -> None:
    settled = call(charges=came_to(500, 120), cost_microusd=120, reserved_microusd=500)
    append(journal_dir, lines(opening("e1"), reservation(settled, held(500)), settled, call()))
    first = await fold_journals(deps)
    second = await fold_journals(deps)
    assert (first.lines, first.calls, second.lines, second.calls) == (4, 2, 0, 0)
    assert await used_and_held(deps) == (120, 0)
    assert await counted(deps) == 2
    assert await ids_of(deps, open_reservations) == []


async def test_a_reservation_is_held_until_its_call_comes(deps: Deps, journal_dir: Path, budget: str) -> None:
    settled = call(charges=came_to(500, 120), cost_microusd=120)
    append(journal_dir, lines(reservation(settled, held(500))))
    await fold_journals(deps)
    assert await used_and_held(deps) == (0, 500)
    assert await ids_of(deps, open_reservations) == [settled.id]
    append(journal_dir, lines(settled))
    await fold_journals(deps)
    assert await used_and_held(deps) == (120, 0)
    assert await ids_of(deps, open_reservations) == []


async def test_the_record_reads_back_as_it_was_written(deps: Deps, journal_dir: Path) -> None:
    written = call(
        version="v2",
        endpoint="http://10.0.0.1",
        canary=True,
        model="m",
        reason="E",
        message="w\x00rds",
        first_byte_us=3,
    )
    append(journal_dir, lines(written))
    await fold_journals(deps)
    async with deps.read() as tx:
        found = await store.find_call(tx, reader(), written.id)
        listed = await store.list_calls(tx, reader(), CallFilter(), None, 10)
    assert found is not None
    assert found.line == call(
        **{name: getattr(written, name) for name in written.__struct_fields__} | {"message": "w\ufffdrds"}
    )
    assert [record.line.id for record in listed] == [written.id]


class Died(Exception):
    pass


STEPS = (
    "lock_folding",
    "load_position",
    "insert_reservations",
    "take_reservations",
    "insert_calls",
    "add_totals",
    "save_position",
)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_at_any_step_loses_and_repeats_nothing(
    deps: Deps, journal_dir: Path, budget: str, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    early, late = call(charges=came_to(500, 120)), call(charges=came_to(40, 30))
    append(journal_dir, lines(reservation(early, held(500))))
    await fold_journals(deps)
    append(journal_dir, lines(early, reservation(late, held(40)), late, reservation(call(), held(7))))
    real = getattr(store_journal, step)

    async def dies(tx: Tx, *rest: Any, **named: Any) -> Any:
        if after:
            await real(tx, *rest, **named)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(store_journal, step, dies)
        with pytest.raises(Died):
            await fold_journals(deps)
    assert await used_and_held(deps) == (0, 500)
    await fold_journals(deps)
    await fold_journals(deps)
    assert await used_and_held(deps) == (150, 7)
    assert await ids_of(deps) == sorted([early.id, late.id])
    assert await counted(deps) == 2


async def test_a_crash_between_commit_and_deletion_counts_once(
    deps: Deps, journal_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(journal_dir, lines(call()), number=1)
    append(journal_dir, lines(call()), number=2)

    async def dies(_self: object, paths: Any) -> None:
        if list(paths):
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(fold._Folder, "delete_files", dies)
        with pytest.raises(Died):
            await fold_journals(deps)
    await fold_journals(deps)
    assert len(await ids_of(deps)) == 2
    assert [path.name for path in sorted((journal_dir / GATEWAY).iterdir())] == ["e1-2.jsonl"]


async def test_a_line_waits_for_its_newline_at_every_byte(deps: Deps, journal_dir: Path) -> None:
    first, last = lines(call()), lines(call(path="/svc/inventory/größe"))
    path = append(journal_dir, first)
    for length in range(len(last)):
        path.write_bytes(first + last[:length])
        status = await fold_journals(deps)
        assert status.skipped == 0
        assert len(await ids_of(deps)) == 1, f"a line cut at byte {length} was counted"
    path.write_bytes(first + last)
    await fold_journals(deps)
    assert len(await ids_of(deps)) == 2


def test_a_torn_last_line_of_a_closed_epoch_is_dropped_at_every_byte(tmp_path: Path) -> None:
    first, last = lines(call()), lines(call())
    path = tmp_path / "e1-1.jsonl"
    for length in range(1, len(last)):
        path.write_bytes(first + last[:length])
        batch = journal.read_batch({1: path}, journal.Position(1, 0), 100, closed=True)
        assert len(batch.calls) == 1
        assert [(damage.file, damage.offset) for damage in batch.damage] == [("e1-1.jsonl", len(first))]
        assert batch.next == journal.Position(1, len(first) + length)


@pytest.mark.parametrize(
    "bad",
    [b"{\n", b" \n", b"\xff\xfe\n", b'{"t":"call"}\n', b"[]\n", b'{"t":"other"}\n', b'"\\ud800"\n'],
    ids=repr,
)
async def test_a_corrupt_line_costs_that_line_alone(deps: Deps, journal_dir: Path, bad: bytes) -> None:
    before, after = call(), call()
    append(journal_dir, lines(before) + bad + lines(after))
    status = await fold_journals(deps)
    assert (status.calls, status.skipped) == (2, 1)
    assert await ids_of(deps) == sorted([before.id, after.id])


async def test_an_empty_line_means_nothing(deps: Deps, journal_dir: Path) -> None:
    append(journal_dir, b"\n" + lines(call()) + b"\n\n")
    status = await fold_journals(deps)
    assert (status.calls, status.skipped) == (1, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"duration_us": 2**64},
        {"status": 2**40},
        {"at_us": -1},
        {"at_us": 2**60},
        {"id": "x" * 100},
        {"cost_microusd": -5},
        {"charges": (Charge("bud", 2**62, 1, 1),)},
    ],
    ids=str,
)
async def test_what_no_column_can_hold_costs_that_line_alone(
    deps: Deps, journal_dir: Path, changes: dict[str, Any]
) -> None:
    append(journal_dir, lines(call(), call(**changes), call()))
    status = await fold_journals(deps)
    assert (status.calls, status.skipped, len(await ids_of(deps))) == (2, 1, 2)


@pytest.mark.parametrize("stages", [b'[["a"]]', b"7", b'[["\\ud800",1,2]]', b'[["\xff",1,2]]'], ids=repr)
async def test_damaged_stages_cost_the_stages_alone(deps: Deps, journal_dir: Path, stages: bytes) -> None:
    written = call(stages=(Stage("MARK", 0, 1),))
    said = lines(written)
    append(journal_dir, said.replace(msgspec.json.encode(written.stages), stages))
    assert msgspec.json.encode(written.stages) in said
    await fold_journals(deps)
    async with deps.read() as tx:
        found = await store.find_call(tx, reader(), written.id)
    assert found is None or found.line.stages == ()
    assert (await fold_journals(deps)).lines == 0


async def test_a_damaged_reservation_costs_that_line_alone(deps: Deps, journal_dir: Path, budget: str) -> None:
    settled, open_call = call(charges=came_to(9, 4)), call()
    bad = lines(reservation(open_call, held(7))).replace(b',"GET",', b",7,")
    append(journal_dir, lines(call()) + bad + lines(reservation(settled, held(9)), settled))
    path = journal_dir / GATEWAY / "e1-1.jsonl"
    batch = journal.read_batch({1: path}, journal.Position(1, 0), 100, closed=False)
    assert [damage.offset for damage in batch.damage] == [path.read_bytes().index(bad)]
    assert (await fold_journals(deps)).skipped == 1
    assert await used_and_held(deps) == (4, 0)


async def test_what_a_client_chose_may_be_long(deps: Deps, journal_dir: Path) -> None:
    long = "x" * 9000
    append(journal_dir, lines(call(path=long, service=long, correlation_id=long, method=long, message=long)))
    assert (await fold_journals(deps)).calls == 1
    assert len(await ids_of(deps)) == 1


async def test_a_line_longer_than_any_record_is_skipped(
    deps: Deps, journal_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MAX_BATCH_BYTES", 2000)
    monkeypatch.setattr(journal, "MAX_LINE_BYTES", 6000)
    append(journal_dir, lines(call(), call(path="p" * 20_000), call(path="p" * 3000), call()))
    status = await fold_journals(deps)
    assert (status.calls, status.skipped) == (3, 1)


async def test_a_call_written_twice_is_counted_once_and_said(deps: Deps, journal_dir: Path, budget: str) -> None:
    twice, other = call(charges=came_to(9, 9)), call()
    append(journal_dir, lines(twice, other, twice))
    status = await fold_journals(deps)
    append(journal_dir, lines(twice))
    again = await fold_journals(deps)
    assert (status.calls, status.repeated, again.calls, again.repeated) == (2, 1, 0, 1)
    assert await used_and_held(deps) == (9, 0)
    assert await counted(deps) == 2


async def test_many_batches_and_segments(deps: Deps, journal_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_BATCH_LINES", 3)
    written = [call() for _ in range(20)]
    for number, start in enumerate(range(0, 20, 7), start=1):
        append(journal_dir, lines(*written[start : start + 7]), number=number)
    status = await fold_journals(deps)
    assert (status.calls, status.files_deleted) == (20, 2)
    assert await ids_of(deps) == sorted(line.id for line in written)


async def test_two_folders_at_once_count_once(deps: Deps, journal_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(journal_dir, lines(call(), call()))
    real, depth = journal.read_batch, 0

    def read_and_be_overtaken(*args: Any, **named: Any) -> journal.Batch:
        nonlocal depth
        batch = real(*args, **named)
        depth += 1
        return batch

    monkeypatch.setattr(journal, "read_batch", read_and_be_overtaken)
    await asyncio.gather(*(fold_journals(deps) for _ in range(4)))
    assert depth >= 2
    assert len(await ids_of(deps)) == 2
    assert await counted(deps) == 2


async def test_an_epoch_that_ended_lapses_at_what_was_held(deps: Deps, journal_dir: Path, budget: str) -> None:
    settled, dead = call(charges=came_to(500, 120)), call(reserved_microusd=300, model="m")
    append(
        journal_dir,
        lines(opening("e1"), reservation(settled, held(500)), reservation(dead, held(300)), settled)[:-1] + b"\n",
    )
    append(journal_dir, b'["call","torn', epoch="e1")
    await fold_journals(deps)
    live = call()
    append(journal_dir, lines(opening("e2"), reservation(live, held(50))), epoch="e2")
    status = await close_epochs(deps, GATEWAY, "e2")
    assert (status.lapsed, status.skipped) == (1, 1)
    assert await used_and_held(deps) == (120 + 300, 0)
    async with deps.read() as tx:
        found = await store.find_call(tx, reader(), dead.id)
    assert found is not None
    line = found.line
    assert (line.verdict, line.reason, line.cost_microusd, line.tokens_estimated) == ("failed", "LAPSED", 300, True)
    assert line.message
    assert [path.name for path in (journal_dir / GATEWAY).iterdir()] == ["e2-1.jsonl"]
    await fold_journals(deps)
    assert await used_and_held(deps) == (420, 50)
    assert await ids_of(deps, open_reservations) == [live.id]


@pytest.mark.parametrize("step", ["take_open", "insert_calls", "add_totals", "close_position"])
async def test_a_crash_while_lapsing_charges_once(
    deps: Deps, journal_dir: Path, budget: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(fold, "_LAPSE_BATCH", 2)
    dead = [call(reserved_microusd=10) for _ in range(5)]
    append(journal_dir, lines(*(reservation(each, held(10)) for each in dead)))
    await fold_journals(deps)
    real = getattr(store_journal, step)
    passed = 0

    async def dies_the_second_time(tx: Tx, *rest: Any, **named: Any) -> Any:
        nonlocal passed
        found = await real(tx, *rest, **named)
        passed += 1
        if passed == (1 if step == "close_position" else 2):
            raise Died
        return found

    with monkeypatch.context() as patch:
        patch.setattr(store_journal, step, dies_the_second_time)
        with pytest.raises(Died):
            await close_epochs(deps, GATEWAY, "e2")
    await close_epochs(deps, GATEWAY, "e2")
    await close_epochs(deps, GATEWAY, "e2")
    assert await used_and_held(deps) == (50, 0)
    assert await ids_of(deps) == sorted(each.id for each in dead)
    assert await counted(deps) == 5


async def test_a_closed_epoch_cannot_be_folded_again(deps: Deps, journal_dir: Path) -> None:
    written = lines(call())
    path = append(journal_dir, written)
    await close_epochs(deps, GATEWAY, "e2")
    assert not path.exists()
    append(journal_dir, written)
    assert (await fold_journals(deps)).calls == 0
    assert len(await ids_of(deps)) == 1


async def test_a_key_is_touched_once_a_minute(
    deps: Deps, journal_dir: Path, touched: list[dict[KeyId, datetime]]
) -> None:
    touches = KeyTouches()
    for second in (0, 1, 30, 59, 60, 61):
        append(journal_dir, lines(call(at_us=NOON_US + second * 1_000_000)))
        await fold_journals(deps, touches=touches)
    assert touched == [{"key_1": WINDOW}, {"key_1": from_micros(NOON_US + 60_000_000)}]


async def test_a_fold_says_that_there_are_calls(deps: Deps, journal_dir: Path) -> None:
    event = deps.bus.listen("calls")
    await fold_journals(deps)
    assert not event.is_set()
    append(journal_dir, lines(call()))
    await fold_journals(deps)
    assert event.is_set()
