from portico.domains.webhooks.model import MAX_WEBHOOKS
from portico.kernel.errors import Conflict, FieldError, Refusal


class UrlRefused(Refusal):
    code = "WEBHOOK_URL"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The webhook's url {reason}.")
        self._fields = (FieldError("url", reason),)

    @property
    def fields(self) -> tuple[FieldError, ...]:
        return self._fields


class NoTls(Refusal):
    code = "WEBHOOK_TLS"

    def __init__(self, host: str) -> None:
        super().__init__(f"The webhook at {host} is not https, which production requires.")


class NameTaken(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a webhook {name!r} in this scope.", details="Choose another name.")


class TooManyWebhooks(Conflict):
    def __init__(self) -> None:
        super().__init__(
            f"This scope has {MAX_WEBHOOKS} webhooks, the most there may be.", details="Remove one that is not needed."
        )


class StillPending(Conflict):
    def __init__(self, delivery_id: str) -> None:
        super().__init__(
            f"The delivery {delivery_id} is still pending and will be sent by itself.",
            details="Wait for its next attempt, or resume its webhook if it is paused.",
        )


class NotSending(Conflict):
    def __init__(self, name: str, status: str) -> None:
        super().__init__(f"The webhook {name!r} is {status} and sends nothing.", details="Resume it first.")
