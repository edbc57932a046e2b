from portico.domains.publishing.model import MAX_EVENT_BYTES
from portico.kernel.errors import Conflict, Refusal


class EventTooLarge(Refusal):
    code = "TOO_LARGE"

    def __init__(self) -> None:
        super().__init__(f"An event may have at most {MAX_EVENT_BYTES:,} bytes; send a reference to what is larger.")


class PublishedDifferently(Conflict):
    def __init__(self, source: str, external_id: str) -> None:
        super().__init__(
            f"{source} has published another event with the id {external_id!r}.",
            details="Give each event an id of its own; send the same one again only with the same content.",
        )


class PublishedLongAgo(Conflict):
    def __init__(self, source: str, external_id: str) -> None:
        super().__init__(
            f"{source} has published {external_id!r} before, and it has left the log since.",
            details="Give each event an id of its own.",
        )
