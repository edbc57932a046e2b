from portico.kernel.errors import Conflict, Refusal


class NameTaken(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"The service name {name!r} is taken.", details="Choose another name.")


class ModelTaken(Conflict):
    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model name {model!r} is already offered by another service of this scope.",
            details="Remove it there first, or offer it under another name.",
        )


class VersionTaken(Conflict):
    def __init__(self, service: str, version: str) -> None:
        super().__init__(f"The service {service!r} already has a version {version!r}.")


class EndpointTaken(Conflict):
    def __init__(self, url: str) -> None:
        super().__init__(f"This version already has the endpoint {url}.")


class LastActiveVersion(Conflict):
    def __init__(self, service: str) -> None:
        super().__init__(
            f"At least one active version of {service!r} must have a weight above 0.",
            details="Give another version weight first, or delete the service.",
        )


class LocalHasOneEndpoint(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} is a program on Portico's own machine, and has no other endpoints or versions.",
            details="Register a remote server under a name of its own.",
        )


class BuiltinReadOnly(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is a part of Portico and cannot be changed.")


class GatewayNotLinked(Refusal):
    code = "NOT_READY"

    def __init__(self) -> None:
        super().__init__("No gateway is linked, so there is no breaker to reset.")
