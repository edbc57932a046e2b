from portico.kernel.errors import Conflict


class NameTaken(Conflict):
    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"There is already a {kind} {name!r}.", details="Choose another name.")
