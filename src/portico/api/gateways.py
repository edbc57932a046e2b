"""What the API door asks of the gateway feed; `main` hands it in, tests may leave it out."""

from collections.abc import Sequence
from typing import Protocol

from fastapi import Request

from portico.domains.routing.model import GatewayStatus


class GatewayReports(Protocol):
    def statuses(self) -> Sequence[GatewayStatus]: ...


def reports_of(request: Request) -> Sequence[GatewayStatus] | None:
    """The newest report of each gateway that is connected; None when this process has no feed."""
    feed: GatewayReports | None = request.app.state.feed
    return None if feed is None else feed.statuses()
