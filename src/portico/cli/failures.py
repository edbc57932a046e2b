"""What ends a command early: each knows its exit code, and says what failed, on what, and what to do next."""

from typing import ClassVar


class CommandFailed(Exception):
    """Something was refused or went wrong."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, next_step: str = "", correlation_id: str = "") -> None:
        super().__init__(what)
        self.what, self.next_step, self.correlation_id = what, next_step, correlation_id

    def lines(self) -> list[str]:
        lines = [self.what]
        if self.next_step:
            lines.append(f"  next: {self.next_step}")
        if self.correlation_id:
            lines.append(f"  correlation id: {self.correlation_id}")
        return lines


class ApiRefused(CommandFailed):
    """The API answered with an error; `code` is its name in the list of refusals."""

    def __init__(self, what: str, *, code: str, status: int, next_step: str = "", correlation_id: str = "") -> None:
        super().__init__(what, next_step=next_step, correlation_id=correlation_id)
        self.code, self.status = code, status


class WrongUsage(CommandFailed):
    exit_code = 2


class NotReachable(CommandFailed):
    exit_code = 3

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"Portico at {url} cannot be reached ({reason}).",
            next_step="start it with `portico up` or `portico serve`, or name another address with --url",
        )


class NotSignedIn(CommandFailed):
    exit_code = 4

    def __init__(self, what: str, *, correlation_id: str = "") -> None:
        super().__init__(
            what, next_step="run `portico login`, or set PORTICO_KEY to an API key", correlation_id=correlation_id
        )
