"""Profiles: which Portico to talk to and with what credential, in ~/.config/portico/config.toml, readable by its owner alone."""

import fcntl
import json
import os
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from portico.cli.failures import WrongUsage

DEFAULT_URL = "http://127.0.0.1:8009"
_TEXT_FIELDS = ("url", "key", "access_token", "refresh_token")


@dataclass(frozen=True)
class Profile:
    """Either an API key, or the tokens of a sign-in; never a password."""

    name: str = "default"
    url: str = DEFAULT_URL
    key: str = ""
    access_token: str = ""
    access_token_until: int = 0
    refresh_token: str = ""

    @property
    def access_token_is_fresh(self) -> bool:
        return bool(self.access_token) and self.access_token_until - 30 > time.time()

    def signed_out(self) -> "Profile":
        return replace(self, key="", access_token="", access_token_until=0, refresh_token="")


class Profiles:
    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path.home() / ".config" / "portico" / "config.toml"

    def load(self, name: str) -> Profile:
        stored = self._read().get(name)
        return Profile(name=name) if stored is None else stored

    def names(self) -> list[str]:
        return sorted(self._read())

    def save(self, profile: Profile) -> None:
        with self.locked():
            self._write(self._read() | {profile.name: profile})

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One command at a time may renew a sign-in: a refresh token works once, and using it twice ends the sign-in."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> dict[str, Profile]:
        if not self.path.exists():
            return {}
        try:
            stored = tomllib.loads(self.path.read_text()).get("profiles", {})
            return {name: _from_table(name, table) for name, table in stored.items()}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError, ValueError) as error:
            raise WrongUsage(
                f"{self.path} cannot be read ({error}).", next_step="correct it, or remove it and sign in again"
            ) from error

    def _write(self, profiles: dict[str, Profile]) -> None:
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(_as_table(profile) for _, profile in sorted(profiles.items())))
        draft.replace(self.path)

    def save_locked(self, profile: Profile) -> None:
        """As `save`, for a caller that already holds the lock."""
        self._write(self._read() | {profile.name: profile})


def _from_table(name: str, table: dict[str, object]) -> Profile:
    texts = {field: str(table[field]) for field in _TEXT_FIELDS if field in table}
    return Profile(name=name, access_token_until=int(str(table.get("access_token_until", 0))), **texts)


def _as_table(profile: Profile) -> str:
    # A JSON string without control characters is a TOML string.
    lines = [f"[profiles.{json.dumps(profile.name)}]"]
    lines += [f"{field} = {json.dumps(getattr(profile, field))}" for field in _TEXT_FIELDS if getattr(profile, field)]
    if profile.access_token:
        lines.append(f"access_token_until = {profile.access_token_until}")
    return "\n".join(lines) + "\n"
