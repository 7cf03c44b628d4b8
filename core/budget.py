"""What work may cost and what it did cost."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from core.errors import BudgetSpent

_Amount = TypeVar("_Amount", int, float, Decimal)


class Usage(BaseModel):
    """What was used: tokens, calls, seconds of model time, and US dollars.

    `unpriced_calls` counts model calls whose price nobody knows; `cost` is the sum of the known ones, so it is
    complete only while `unpriced_calls` is 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_calls: int = 0
    tool_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: Decimal = Decimal(0)
    unpriced_calls: int = 0
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            model_calls=self.model_calls + other.model_calls,
            tool_calls=self.tool_calls + other.tool_calls,
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            tokens_cached=self.tokens_cached + other.tokens_cached,
            cost=self.cost + other.cost,
            unpriced_calls=self.unpriced_calls + other.unpriced_calls,
            seconds=self.seconds + other.seconds,
        )

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out

    @property
    def priced(self) -> bool:
        return self.unpriced_calls == 0


def total(usages: Iterable[Usage]) -> Usage:
    """Add up usages."""
    return sum(usages, Usage())


class Budget(BaseModel):
    """Limits that code enforces; None means no limit of that kind. `seconds` is wall time, `cost` US dollars."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_calls: int | None = None
    tool_calls: int | None = None
    tokens: int | None = None
    cost: Decimal | None = None
    seconds: float | None = None

    def check(self, used: Usage, scope: str) -> None:
        """Raise BudgetSpent, naming the limit, if one more model or tool call would go over it."""
        reached: tuple[tuple[str, float | Decimal, float | Decimal | None], ...] = (
            ("model calls", used.model_calls, self.model_calls),
            ("tool calls", used.tool_calls, self.tool_calls),
            ("tokens", used.tokens, self.tokens),
            ("cost", used.cost, self.cost),
            ("seconds", used.seconds, self.seconds),
        )
        for limit, amount, allowed in reached:
            if allowed is not None and amount >= allowed:
                raise BudgetSpent(scope, limit, f"{allowed:,}")

    def share(self, parts: int) -> Budget:
        """Divide what can be divided (tokens and cost) among `parts` tasks; every task keeps the whole wall time."""
        n = max(parts, 1)
        return self.model_copy(
            update={
                "tokens": None if self.tokens is None else max(self.tokens // n, 1),
                "cost": None if self.cost is None else self.cost / n,
            }
        )

    def within(self, other: Budget) -> Budget:
        """Take the tighter of two budgets, limit by limit."""

        return Budget(
            model_calls=_least(self.model_calls, other.model_calls),
            tool_calls=_least(self.tool_calls, other.tool_calls),
            tokens=_least(self.tokens, other.tokens),
            cost=_least(self.cost, other.cost),
            seconds=_least(self.seconds, other.seconds),
        )


class Choices(BaseModel):
    """What a person chose for a mission; what is left out is as the house has it.

    `approve_plan` lets the plan wait for them. `models` maps tiers to models. `memory` False uses and keeps nothing beyond the
    conversation. `tokens` is a limit of its own, `language` that of the answer. `operators` do the work without a plan.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    approve_plan: bool = False
    models: dict[str, str] = Field(default_factory=dict)
    memory: bool = True
    tokens: int | None = None
    language: str = ""
    operators: tuple[str, ...] = ()


def _least(a: _Amount | None, b: _Amount | None) -> _Amount | None:
    return b if a is None else a if b is None else min(a, b)
