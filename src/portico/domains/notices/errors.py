from portico.kernel.errors import Refusal


class PersonRequired(Refusal):
    code = "ROLE_REQUIRED"

    def __init__(self) -> None:
        super().__init__("Notices are for people; a key has none. Sign in, or read the events.")
