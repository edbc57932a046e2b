from portico.kernel.errors import Conflict, InUse


class SecretNameTaken(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a secret {name!r}.", details="Rotate it, or choose another name.")


class SecretInUse(InUse):
    def __init__(self, name: str, users: int) -> None:
        super().__init__(
            f"The secret {name!r} is used by {users} service{'s' if users != 1 else ''}.",
            details="Remove it from the services that use it first.",
        )
