from typing import Annotated

from fastapi import Depends, Request

from portico.domains.tenancy.model import Identity
from portico.kernel.errors import MissingCredentials


def _identity(request: Request) -> Identity:
    """Who the API door found; none means nobody is signed in."""
    identity = _perhaps(request)
    if identity is None:
        raise MissingCredentials
    return identity


def _perhaps(request: Request) -> Identity | None:
    identity: Identity | None = getattr(request.state, "identity", None)
    return identity


def _address(request: Request) -> str | None:
    address: str | None = getattr(request.state, "address", None)
    return address


Caller = Annotated[Identity, Depends(_identity)]
PerhapsCaller = Annotated[Identity | None, Depends(_perhaps)]
Address = Annotated[str | None, Depends(_address)]
