"""Money is a whole number of micro-dollars, so sums never drift."""

from typing import NewType

MicroUsd = NewType("MicroUsd", int)


def dollars(amount_microusd: int) -> str:
    """As many digits as it needs: $184.20, $0.0031."""
    whole, micros = divmod(abs(amount_microusd), 1_000_000)
    digits = f"{micros:06d}".rstrip("0").ljust(2, "0") if micros else "00"
    return f"{'-' if amount_microusd < 0 else ''}${whole:,}.{digits}" if amount_microusd else "$0"
