"""The budget ledger of one gateway: reserve before, settle after, in memory.

Synchronous on purpose: between the check and the hold nothing else can run, so concurrent calls cannot overshoot.
"""

from datetime import UTC, datetime

from portico.domains.limits.model import Measure, Window, window_bounds_us
from portico.kernel.errors import BudgetExhausted
from portico.kernel.money import dollars


class Spend:
    """Upper bound, or final amount, of one call in each measure."""

    __slots__ = ("calls", "money_microusd", "tokens")

    def __init__(self, money_microusd: int, tokens: int, calls: int = 1) -> None:
        self.money_microusd, self.tokens, self.calls = money_microusd, tokens, calls

    def of(self, measure: Measure) -> int:
        return self.money_microusd if measure == "money" else self.tokens if measure == "tokens" else self.calls


class BudgetAccount:
    """One budget's current window. `used + held <= limit` holds after every reserve."""

    __slots__ = ("ends_us", "held", "id", "limit", "measure", "name", "started_us", "subject", "used", "window")

    def __init__(self, budget_id: str, name: str, subject: str, measure: Measure, window: Window, limit: int) -> None:
        self.id, self.name, self.subject = budget_id, name, subject
        self.measure, self.window, self.limit = measure, window, limit
        self.used = self.held = 0
        self.started_us = self.ends_us = 0

    def roll(self, now_us: int) -> None:
        """Enter the window that `now` lies in; a clock that steps back stays in the window it knows."""
        if now_us >= self.ends_us:
            self.started_us, self.ends_us = window_bounds_us(self.window, now_us)
            self.used = self.held = 0

    @property
    def left(self) -> int:
        return self.limit - self.used - self.held

    def shown(self, amount: int) -> str:
        return dollars(amount) if self.measure == "money" else f"{amount:,} {self.measure}"


class Hold:
    """`amount` of the account's window that began at `started_us`, until it is known what was charged."""

    __slots__ = ("account", "amount", "charged", "started_us")

    def __init__(self, account: BudgetAccount, started_us: int, amount: int) -> None:
        self.account, self.started_us, self.amount = account, started_us, amount
        self.charged = 0


def reserve(accounts: list[BudgetAccount], bound: Spend, now_us: int) -> list[Hold]:
    """Hold the upper bound in every budget, or in none.

    raises   BudgetExhausted naming the first budget without room
    cost     memory only; O(number of budgets that apply)
    """
    holds: list[Hold] = []
    for account in accounts:
        account.roll(now_us)
        amount = bound.of(account.measure)
        if amount > account.left:
            release(holds)
            raise _exhausted(account, amount, now_us)
        account.held += amount
        holds.append(Hold(account, account.started_us, amount))
    return holds


def settle(holds: list[Hold], spend: Spend) -> None:
    """Replace each hold by what it came to. A hold of a window that has ended changes only that window's record."""
    for hold in holds:
        account = hold.account
        hold.charged = spend.of(account.measure)
        if account.started_us == hold.started_us:
            account.held -= hold.amount
            account.used += hold.charged


def release(holds: list[Hold]) -> None:
    settle(holds, Spend(0, 0, 0))


def _exhausted(account: BudgetAccount, asked: int, now_us: int) -> BudgetExhausted:
    return BudgetExhausted(
        account.name,
        account.subject,
        account.shown(max(account.left, 0)),
        account.shown(asked),
        datetime.fromtimestamp(account.ends_us / 1_000_000, UTC),
        (account.ends_us - now_us) / 1_000_000,
    )
