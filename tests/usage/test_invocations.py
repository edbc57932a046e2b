"""Calls of tools as invocations, read from the calls' own record."""

import pytest

from portico.domains.usage import fold, invocations
from portico.domains.usage.invocations import Invocation, InvocationFilter, list_invocations
from portico.domains.usage.lines import GuardNote, guard_note, read_guard_note
from portico.domains.usage.model import CallLine, Stage
from portico.domains.usage.record import CallFilter
from portico.kernel.paging import PageAsk, decode_cursor
from portico.platform.deps import Deps
from tests.usage import journals
from tests.usage.journals import NOON_US

TOOLS = CallFilter(kind="tools")
NOTE = GuardNote("ab" * 32, "cd" * 32, "k-1")


def invoked(number: int, tool: str | None = "read_file", method: str = "tools/call", **changes: object) -> CallLine:
    stages = (Stage("identify", 0, 5), Stage("guard", 5, 9, guard_note(NOTE)), Stage("route", 14, 2))
    return journals.call(
        at_us=NOON_US + number,
        service="files",
        service_kind="tools",
        dialect="mcp",
        method=method,
        model=tool,
        stages=stages,
        **changes,
    )


async def recorded(deps: Deps, *calls: CallLine) -> None:
    journals.append(deps.settings.data_dir / "journal", journals.lines(journals.opening("e1"), *calls))
    await fold.fold_journals(deps)


async def listed(deps: Deps, tool: str | None = None, page_size: int = 20) -> list[list[Invocation]]:
    """Page by page."""
    pages: list[list[Invocation]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        assert len(pages) < 20
        ask = PageAsk(page_size, decode_cursor(cursor))
        page = await list_invocations(journals.reader(), InvocationFilter(TOOLS, tool), ask, deps)
        pages.append(page.items)
        cursor = page.next_cursor
    return pages


@pytest.mark.req("R-SVC-007", "L03", "SP13")
async def test_an_invocation_says_what_was_called_with_what_and_whether_it_ran(deps: Deps) -> None:
    refused = invoked(2, verdict="refused", status=403, attempts=0, reason="POLICY_DENIED", message="No.")
    cached = invoked(3, cached=True, attempts=0)
    await recorded(deps, invoked(1), refused, cached, invoked(4, None, "tools/list"), journals.call(at_us=NOON_US + 5))
    [found] = await listed(deps)
    assert [each.executed for each in found] == [False, False, True]
    assert [each.line.verdict for each in found] == ["allowed", "refused", "allowed"]
    assert {each.guard for each in found} == {NOTE}
    assert [each.line.reason for each in found] == [None, "POLICY_DENIED", None]


async def test_pages_lead_on_past_whatever_else_a_server_was_asked(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocations, "BATCH", 3)
    monkeypatch.setattr(invocations, "MOST_LOOKED_THROUGH", 6)
    calls = [invoked(number, "drop_table" if number % 10 == 0 else "read_file") for number in range(1, 31)]
    await recorded(deps, *calls)
    pages = await listed(deps, "drop_table", 2)
    assert [each.record.line.id for page in pages for each in page] == [calls[n - 1].id for n in (30, 20, 10)]
    assert len(pages) > 2
    assert [each.line.id for page in await listed(deps, page_size=7) for each in page] == [
        each.id for each in reversed(calls)
    ]


def test_a_note_is_read_as_it_was_written() -> None:
    for note in (NOTE, GuardNote("", "cd" * 32), GuardNote("ab", "cd", "a,b:c")):
        assert read_guard_note(guard_note(note)) == note
    assert read_guard_note("anything else") == GuardNote()
