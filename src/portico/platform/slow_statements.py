"""Statements that took too long are worth a log line and a count, with their text but never with what was bound to it."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

SLOW_S = 1.0


def watch_statements(engine: AsyncEngine, on_slow: Callable[[str, float], None], slow_s: float = SLOW_S) -> None:
    """Call `on_slow(statement, seconds)` after each statement that took at least `slow_s`."""

    def began(_c: Any, _cursor: Any, _statement: str, _bound: Any, context: Any, _many: bool) -> None:
        context.portico_began = time.perf_counter()

    def ended(_c: Any, _cursor: Any, statement: str, _bound: Any, context: Any, _many: bool) -> None:
        took_s = time.perf_counter() - context.portico_began
        if took_s >= slow_s:
            on_slow(statement, took_s)

    event.listen(engine.sync_engine, "before_cursor_execute", began)
    event.listen(engine.sync_engine, "after_cursor_execute", ended)
