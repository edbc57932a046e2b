from typing import Annotated

from pydantic import Field, SecretStr

from portico.domains.vault.model import MAX_VALUE_CHARS, Secret
from portico.kernel.scope import OrgScope
from portico.platform.web import Ask, Moment, Wire

# SecretStr keeps the value out of logs and of validation errors, which would echo their input.
Value = Annotated[SecretStr, Field(min_length=1, max_length=MAX_VALUE_CHARS)]


class SecretAsk(Ask):
    name: Annotated[str, Field(min_length=1, max_length=63)]
    value: Value
    description: Annotated[str, Field(max_length=500)] = ""


class RotationAsk(Ask):
    value: Value
    description: Annotated[str, Field(max_length=500)] | None = None


class SecretWire(Wire):
    name: str
    description: str
    version: int
    created_at: Moment
    updated_at: Moment
    used_by: list[str]


def secret_wire(secret: Secret, scope: OrgScope) -> SecretWire:
    """Names of restricted services show only to those who may see these services."""
    visible = [
        user.name
        for user in secret.used_by
        if not user.restricted
        or scope.may("members.manage")
        or any(resource_id == user.id for resource_id, _ in scope.granted)
    ]
    return SecretWire(
        name=secret.name,
        description=secret.description,
        version=secret.version,
        created_at=secret.created_at,
        updated_at=secret.updated_at,
        used_by=visible,
    )
