"""GET /notices and what a person does with theirs. There is no permission for it: each notice names its own."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from portico.domains.notices import service
from portico.domains.notices.wire import NoticeCountWire, NoticeWire, notice_wire
from portico.platform.web import DepsDep, Listing, PageDep, Who, listing

router = APIRouter(prefix="/notices", tags=["notices"])


@router.get("")
async def list_notices(
    deps: DepsDep,
    page: PageDep,
    scope: Who,
    unread: Annotated[bool, Query(description="Only what one has not read.")] = False,
) -> Listing[NoticeWire]:
    """What a person should know of in this scope, newest first."""
    return listing(await service.list_notices(scope, unread, page, deps), notice_wire)


@router.get("/count")
async def count_notices(deps: DepsDep, scope: Who) -> NoticeCountWire:
    return NoticeCountWire(unread=await service.count_unread(scope, deps))


@router.post("/read-all", status_code=204)
async def read_all_notices(deps: DepsDep, scope: Who) -> None:
    """All that are there now."""
    await service.read_all(scope, deps)


@router.post("/{notice_id}/read", status_code=204)
async def read_notice(notice_id: Annotated[str, Path(min_length=1, max_length=40)], deps: DepsDep, scope: Who) -> None:
    await service.read_notice(scope, notice_id, deps)
