from portico.kernel.errors import Conflict, NotPermitted, RateLimited

PER_S = 60


class TooManyDashboards(Conflict):
    def __init__(self, scope: str, most: int) -> None:
        super().__init__(f"{scope} holds its {most} dashboards already.", details="Delete some first.")


class TooManyProposals(Conflict):
    def __init__(self, name: str, most: int) -> None:
        super().__init__(
            f"{most} proposals for {name!r} already wait for an answer.", details="Keep or discard some of them first."
        )


class OwnersOnly(NotPermitted):
    """Everyone with dashboards.manage edits a shared dashboard; giving it away or ending it is for fewer."""

    def __init__(self, deed: str) -> None:
        super().__init__("dashboards.manage")
        self.message = f"Only its owner or an admin may {deed} this dashboard."
        self.details = "Ask its owner, or make one of your own."


class TooManyChanges(RateLimited):
    def __init__(self, most: int, retry_after_s: float) -> None:
        super().__init__("dashboard changes", "one person", most, PER_S, retry_after_s)
