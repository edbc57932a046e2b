from portico.kernel.errors import Conflict


class NameTaken(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a model route {name!r} here.", details="Choose another name.")


class IsAModel(Conflict):
    def __init__(self, name: str, service: str) -> None:
        super().__init__(
            f"{name!r} is a model of the service {service!r}, and a model's own name always wins.",
            details="Choose a name that no service offers.",
        )


class TooManyRoutes(Conflict):
    def __init__(self, most: int) -> None:
        super().__init__(f"There are {most} model routes, the most there may be.", details="Remove one.")
