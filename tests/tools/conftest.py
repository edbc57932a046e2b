import pytest
from argon2 import PasswordHasher

from portico.domains.tenancy.service import passwords as password_work


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm at the least cost: the owners of these tests never sign in."""
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
