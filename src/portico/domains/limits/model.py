"""Windows and rates: pure rules, used by the gateway in memory and by the control side in tables."""

from datetime import UTC, datetime, timedelta
from typing import Literal, assert_never

Window = Literal["hour", "day", "month"]
Measure = Literal["money", "tokens", "calls"]
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def window_start(window: Window, now: datetime) -> datetime:
    """Windows follow the UTC calendar, so every process agrees on them without talking."""
    now = now.astimezone(UTC)
    match window:
        case "hour":
            return now.replace(minute=0, second=0, microsecond=0)
        case "day":
            return now.replace(hour=0, minute=0, second=0, microsecond=0)
        case "month":
            return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        case _:
            assert_never(window)


def window_end(window: Window, now: datetime) -> datetime:
    start = window_start(window, now)
    match window:
        case "hour":
            return start + timedelta(hours=1)
        case "day":
            return start + timedelta(days=1)
        case "month":
            return (start + timedelta(days=32)).replace(day=1)
        case _:
            assert_never(window)


def window_bounds_us(window: Window, now_us: int) -> tuple[int, int]:
    """Start and end in µs since 1970; integer arithmetic for the two windows that allow it."""
    if window == "hour":
        start = now_us - now_us % HOUR_US
        return start, start + HOUR_US
    if window == "day":
        start = now_us - now_us % DAY_US
        return start, start + DAY_US
    now = datetime.fromtimestamp(now_us / 1_000_000, UTC)
    return int(window_start(window, now).timestamp()) * 1_000_000, int(window_end(window, now).timestamp()) * 1_000_000
