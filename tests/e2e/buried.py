"""Dead letters for the browser to find. A consumer's tries take 36 minutes of the installation's own clock, so the letters
are written as the last try writes them, about events that really happened."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from portico.domains.consumers import letter_store
from portico.domains.consumers.model import DeadLetter
from portico.domains.events import public as events
from portico.domains.events.model import EventFilter
from portico.domains.tenancy import public as tenancy
from portico.kernel import ids
from portico.kernel.ids import DeadLetterId, OrgId
from portico.platform.deps import open_deps
from portico.platform.settings import load_settings
from tests.e2e.house import House

ERROR = "KeyError: the endpoint's filter names a service that is gone"


def bury(house: House, org_id: str, kind: str, name: str, consumer: str = "webhooks") -> None:
    """The event of this kind that carries this name, as what `consumer` gave up."""
    _apart(lambda: _bury(house, OrgId(org_id), kind, name, consumer))


async def _bury(house: House, org_id: OrgId, kind: str, name: str, consumer: str) -> None:
    settings = load_settings(house.installation.environment).settings
    scope = tenancy.open_system_scope(org_id)
    async with open_deps(settings) as deps, deps.uow() as tx:
        found = await events.find_events(tx, scope, EventFilter((kind,)), 0, 500)
        # The newest: another test may have used the name.
        event = max((each for each in found if each.payload["name"] == name), key=lambda each: each.seq)
        now = deps.clock.now()
        letter = DeadLetter(ids.new(DeadLetterId), consumer, event, None, ERROR, 4, event.at, now)
        await letter_store.insert_letter(tx, tenancy.platform_scope(), letter)


def _apart(work: Callable[[], Any]) -> None:
    """In a thread, because Playwright keeps an event loop running in this one."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "the letter was not written in time"
    if failed:
        raise failed[0]
