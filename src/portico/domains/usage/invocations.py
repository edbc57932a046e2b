"""Calls of tools as invocations: which definition was called with which arguments, what came of it, and whether it ran.

An invocation is the call of a tool; it was executed when it left for the server, and not when it was refused or answered
from what was kept. Nothing of it is stored beside the call's own record.
"""

from dataclasses import dataclass

from portico.domains.usage import store
from portico.domains.usage.lines import GuardNote, read_guard_note
from portico.domains.usage.model import CallLine
from portico.domains.usage.record import CallFilter, CallRecord
from portico.domains.usage.service import keyset
from portico.kernel.paging import Cursor, Page, PageAsk, make_page
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

TOOL_CALL = "tools/call"
# What a server's calls hold besides calls of tools is looked through this far for one page; the cursor leads on from there.
MOST_LOOKED_THROUGH, BATCH = 2000, 200


@dataclass(frozen=True, slots=True)
class InvocationFilter:
    calls: CallFilter
    tool: str | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    record: CallRecord
    guard: GuardNote

    @property
    def line(self) -> CallLine:
        return self.record.line

    @property
    def executed(self) -> bool:
        return self.line.attempts > 0 and not self.line.cached


async def list_invocations(scope: OrgScope, wanted: InvocationFilter, ask: PageAsk, deps: Deps) -> Page[Invocation]:
    """The newest first. A page may hold fewer than asked for, or none, and still lead on."""
    after = None if ask.cursor is None else keyset(ask.cursor.after)
    found: list[CallRecord] = []
    looked_through, more = 0, True
    async with deps.read() as tx:
        while more and len(found) <= ask.page_size and looked_through < MOST_LOOKED_THROUGH:
            rows = await store.list_calls(tx, scope, wanted.calls, after, BATCH, whole=True)
            more, looked_through = len(rows) == BATCH, looked_through + len(rows)
            found += [each for each in rows if _is_wanted(each.line, wanted.tool)]
            after = _place(rows[-1]) if rows else after
    page = make_page([_invocation(each) for each in found], ask, lambda each: _place(each.record), None)
    if page.next_cursor is not None or not more or after is None:
        return page
    return Page(page.items, page.page, page.page_size, None, Cursor(after, ask.page + 1).encode())


def _place(record: CallRecord) -> tuple[int, str]:
    return record.line.at_us, record.line.id


def _is_wanted(line: CallLine, tool: str | None) -> bool:
    return line.method == TOOL_CALL and tool in {None, line.model}


def _invocation(record: CallRecord) -> Invocation:
    note = next((stage.note for stage in record.line.stages if stage.name == "guard"), "")
    return Invocation(record, read_guard_note(note))
