"""Argon2id off the event loop, at most two at a time and a bounded queue behind them."""

import asyncio
import base64
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from portico.kernel.errors import InvalidInput, RateLimited

MAX_PASSWORD_CHARS = 1024


class PasswordWork:
    """Each hash costs 64 MiB and a fifth of a second of CPU, so a flood of sign-ins must neither fill the memory nor take
    every core. Semaphore and pool are those of threads, which belong to no event loop.
    """

    def __init__(self, hasher: PasswordHasher, threads: int = 2, most_waiting: int = 32) -> None:
        self._hasher = hasher
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._most_open = threads + most_waiting
        self._room = threading.BoundedSemaphore(self._most_open)

    async def hash(self, password: str) -> str:
        return await self._run(password, None) or ""

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Takes the same time when there is no hash, because there is no such person."""
        verdict = await self._run(password, password_hash or self._nobodys_hash())
        return password_hash is not None and verdict is not None

    async def _run(self, password: str, password_hash: str | None) -> str | None:
        if not self._room.acquire(blocking=False):
            raise RateLimited("sign-ins at once", "this installation", self._most_open, 1, 1.0)
        work = self._hash if password_hash is None else self._verify
        try:
            future = self._pool.submit(work, password, password_hash or "")
        except RuntimeError:
            self._room.release()
            raise
        # Given back when the work is done, not when its caller stops waiting: a client that hangs up frees no CPU.
        future.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(future)

    def _hash(self, password: str, _: str) -> str:
        return self._hasher.hash(password)

    def _verify(self, password: str, password_hash: str) -> str | None:
        try:
            self._hasher.verify(password_hash, password)
        except (VerifyMismatchError, InvalidHashError):
            return None
        return password_hash

    def _nobodys_hash(self) -> str:
        """A well-formed hash of the same cost that no password has."""
        hasher = self._hasher
        salt, tag = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, hasher.hash_len))
        cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
        return f"$argon2id$v=19${cost}${salt}${tag}"


passwords = PasswordWork(PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4))


def check_password(password: str, least: int, field: str = "password") -> None:
    if not least <= len(password) <= MAX_PASSWORD_CHARS:
        raise InvalidInput(field, f"must have {least} to {MAX_PASSWORD_CHARS} characters")
