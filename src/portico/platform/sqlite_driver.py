"""SQLite's driver with one visit to the connection's thread for a statement, where aiosqlite alone makes four or five.

Making a cursor, executing, fetching and closing are a few microseconds each; handing each of them to the thread and back
costs many times that, and was most of what a small transaction cost. A transaction is opened on its first statement's visit,
and none is made to end what is not open.
"""

import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Self

import aiosqlite
from aiosqlite.context import contextmanager

Rows = list[Any]
# Rows that are fetched at once by those who iterate over a cursor.
_CHUNK = 64


class Cursor:
    """What SQLAlchemy asks of a cursor. Rows are all in memory once a statement has run, as SQLAlchemy would have them."""

    arraysize = 1

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._rows: Rows = []
        self.description: tuple[Any, ...] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def execute(self, statement: str, parameters: Iterable[Any] = ()) -> Self:
        await self._visit(lambda cursor: cursor.execute(statement, tuple(parameters)))
        return self

    async def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> Self:
        await self._visit(lambda cursor: cursor.executemany(statement, parameters))
        return self

    async def fetchone(self) -> Any | None:
        return self._rows.pop(0) if self._rows else None

    async def fetchmany(self, size: int | None = None) -> Rows:
        taken, self._rows = self._rows[: size or self.arraysize], self._rows[size or self.arraysize :]
        return taken

    async def fetchall(self) -> Rows:
        taken, self._rows = self._rows, []
        return taken

    async def close(self) -> None:
        """The real cursor was closed as soon as its rows were fetched."""
        self._rows = []

    async def _visit(self, run: Callable[[sqlite3.Cursor], object]) -> None:
        self._rows, self.description, self.rowcount, self.lastrowid = await self._connection.visit(run)


class Connection(aiosqlite.Connection):
    # The statement that opens the transaction, until the first of its others takes it along.
    _opening: str | None = None
    # Whether a visit was begun whose end nobody has heard of: then only the thread knows how the connection stands.
    _unheard = False

    @contextmanager
    async def cursor(self) -> Cursor:  # type: ignore[override]
        return Cursor(self)

    def open_with(self, statement: str) -> None:
        """BEGIN in one of its forms, to be said together with what is said next."""
        self._opening = statement

    async def commit(self) -> None:
        if self._opening is None:
            await super().commit()
        self._opening = None

    async def rollback(self) -> None:
        self._opening = None
        if self._unheard or self._conn.in_transaction:
            await super().rollback()
            self._unheard = False

    async def visit(
        self, run: Callable[[sqlite3.Cursor], object]
    ) -> tuple[Rows, tuple[Any, ...] | None, int, int | None]:
        """Rows, description, row count and last row id of one statement."""

        opening, self._opening = self._opening, None

        def in_thread() -> tuple[Rows, tuple[Any, ...] | None, int, int | None]:
            cursor = self._conn.cursor()
            try:
                if opening is not None:
                    cursor.execute(opening)
                run(cursor)
                rows = cursor.fetchall() if cursor.description else []
                return rows, cursor.description, cursor.rowcount, cursor.lastrowid
            finally:
                cursor.close()

        self._unheard = True
        try:
            found: tuple[Rows, tuple[Any, ...] | None, int, int | None] = await self._execute(in_thread)  # type: ignore[no-untyped-call]
        except sqlite3.Error:
            self._unheard = False
            raise
        self._unheard = False
        return found


def opener(path: str, timeout_s: float) -> Callable[[], Coroutine[Any, Any, aiosqlite.Connection]]:
    """What create_async_engine takes as `async_creator`; `timeout_s` is the longest wait for another process's lock."""

    def connect() -> sqlite3.Connection:
        # Used by one thread at a time, though opened and closed in others.
        return sqlite3.connect(path, timeout=timeout_s, check_same_thread=False)

    async def open_connection() -> aiosqlite.Connection:
        connection = Connection(connect, _CHUNK)
        # A process that ends must not wait for a connection that nobody closed.
        connection._thread.daemon = True  # noqa: SLF001
        return await connection

    return open_connection
