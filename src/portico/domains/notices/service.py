"""What a person does with their notices. It changes nothing of the org's, so it leaves no trail."""

from portico.domains.notices import store
from portico.domains.notices.errors import PersonRequired
from portico.domains.notices.model import KEPT, Notice
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.deps import Deps


async def list_notices(scope: OrgScope, unread: bool, ask: PageAsk, deps: Deps) -> Page[Notice]:
    """The newest first."""
    _must_be_person(scope)
    before = None if ask.cursor is None else _number(ask.cursor.after)
    async with deps.read() as tx:
        rows = await store.page_of_notices(tx, scope, unread=unread, before=before, limit=ask.page_size + 1)
    return make_page(rows, ask, lambda notice: (notice.number,), None)


async def count_unread(scope: OrgScope, deps: Deps) -> int:
    _must_be_person(scope)
    async with deps.read() as tx:
        return await store.count_unread(tx, scope)


async def read_notice(scope: OrgScope, notice_id: str, deps: Deps) -> None:
    _must_be_person(scope)
    async with deps.uow() as tx:
        notice = await store.load_notice(tx, scope, notice_id)
        if notice is None:
            raise NotFound("notice", notice_id)
        if not notice.read:
            await store.mark_read(tx, scope, notice.number)
            tx.nudge("notices")


async def read_all(scope: OrgScope, deps: Deps) -> None:
    """All that are there now; what comes afterwards is unread."""
    _must_be_person(scope)
    async with deps.uow() as tx:
        await store.mark_all_read(tx, scope)
        tx.nudge("notices")


async def purge_notices(scope: PlatformScope, deps: Deps) -> int:
    """Remove what is older than 90 days; how many went."""
    async with deps.uow() as tx:
        removed = await store.remove_older(tx, scope, deps.clock.now() - KEPT)
        await store.remove_stray_reads(tx, scope)
    return removed


def _must_be_person(scope: OrgScope) -> None:
    if scope.actor.kind != "person":
        raise PersonRequired


def _number(after: tuple[str | int | float | None, ...]) -> int:
    if len(after) != 1 or not isinstance(after[0], int):
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
    return after[0]
