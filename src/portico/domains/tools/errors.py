from portico.domains.tools.model import MOST_ORG_TOKENS, MOST_POLICIES
from portico.kernel.errors import Conflict, FieldError, Refusal


class PinMoved(Conflict):
    def __init__(self, name: str, seen_pin: str) -> None:
        super().__init__(
            f"The tool {name!r} was seen with another definition since; its pin is now {seen_pin}.",
            details="Look at the difference again, then decide about that pin.",
        )


class TooMuchApproved(Conflict):
    def __init__(self) -> None:
        super().__init__(
            f"The approved definitions of this org would come to more than {MOST_ORG_TOKENS:,} tokens.",
            details="Remove tool servers that nobody uses, or ask for shorter definitions.",
        )


class NothingToReject(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"The definition of {name!r} that was seen last is approved.", details="Disable the tool to take it away."
        )


class PolicyNameTaken(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a policy {name!r} in this org.", details="Choose another name.")


class TooManyPolicies(Conflict):
    def __init__(self, what: str = f"{MOST_POLICIES} policies") -> None:
        super().__init__(f"An org can have at most {what}.", details="Remove or disable one first.")


class PolicyUnusable(Refusal):
    """The expression cannot be a policy's; says why and where."""

    code = "INVALID_INPUT"

    def __init__(self, reason: str) -> None:
        super().__init__(f"expression: {reason}")
        self._fields = (FieldError("expression", reason),)

    @property
    def fields(self) -> tuple[FieldError, ...]:
        return self._fields


class ListingFailed(Refusal):
    """The server did not give a list of its tools that could be read."""

    code = "UPSTREAM_BROKEN"
