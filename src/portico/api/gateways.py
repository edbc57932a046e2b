"""What the API door asks of the gateway feed; `main` hands it in, tests may leave it out."""

from collections.abc import Sequence
from typing import Protocol

from fastapi import Request

from portico.domains.routing.model import GatewayStatus


class GatewayReports(Protocol):
    def statuses(self) -> Sequence[GatewayStatus]: ...

    def fresh(self, gateway_id: str) -> bool:
        """Whether the gateway was heard within the last seconds."""
        ...


def reports_of(request: Request) -> list[tuple[GatewayStatus, bool]] | None:
    """The newest report of each gateway that is linked, with its freshness; None when this process has no feed."""
    feed: GatewayReports | None = request.app.state.feed
    return None if feed is None else [(each, feed.fresh(each.gateway_id)) for each in feed.statuses()]
