"""What work may cost and what it did cost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from core.budget import Budget, Usage, total
from core.errors import BudgetSpent
from core.events import money


def test_usages_add_up_field_by_field():
    one = Usage(
        model_calls=1, tool_calls=2, tokens_in=3, tokens_out=4, tokens_cached=5, cost=Decimal("0.1"), seconds=0.5
    )
    two = Usage(model_calls=10, tokens_in=30, cost=Decimal("0.2"), unpriced_calls=1, seconds=1.5)
    both = total([one, two])
    assert both == Usage(
        model_calls=11,
        tool_calls=2,
        tokens_in=33,
        tokens_out=4,
        tokens_cached=5,
        cost=Decimal("0.3"),
        unpriced_calls=1,
        seconds=2.0,
    )
    assert both.tokens == 37


def test_every_field_of_usage_is_added():
    ones = Usage(**dict.fromkeys(Usage.model_fields, 1))
    assert ones + ones == Usage(**dict.fromkeys(Usage.model_fields, 2))


def test_nothing_used_is_the_start():
    assert total([]) == Usage()


def test_an_unknown_price_is_said_and_not_counted_as_nothing():
    assert Usage(model_calls=1).priced
    assert not (Usage(model_calls=1, cost=Decimal(1)) + Usage(model_calls=1, unpriced_calls=1)).priced


@pytest.mark.parametrize(
    ("budget", "used", "limit"),
    [
        (Budget(model_calls=3), Usage(model_calls=3), "model calls"),
        (Budget(tool_calls=3), Usage(tool_calls=4), "tool calls"),
        (Budget(tokens=100), Usage(tokens_in=60, tokens_out=40), "tokens"),
        (Budget(cost=Decimal("0.5")), Usage(cost=Decimal("0.5")), "cost"),
        (Budget(seconds=10), Usage(seconds=10.1), "seconds"),
    ],
)
def test_a_limit_reached_is_named(budget, used, limit):
    with pytest.raises(BudgetSpent) as caught:
        budget.check(used, "Task t1")
    assert caught.value.limit == limit
    assert str(caught.value).startswith("Task t1 reached its limit of ")


def test_a_large_limit_is_said_so_that_it_can_be_read():
    with pytest.raises(BudgetSpent, match="limit of 1,000,000 tokens"):
        Budget(tokens=1_000_000).check(Usage(tokens_in=1_000_000), "This mission")


def test_below_the_limit_and_without_one_nothing_happens():
    Budget(model_calls=3, tokens=100).check(Usage(model_calls=2, tokens_in=99), "Mission")
    Budget().check(Usage(model_calls=10**6, cost=Decimal(10**6)), "Mission")


def test_a_limit_of_nothing_allows_nothing():
    with pytest.raises(BudgetSpent):
        Budget(tool_calls=0).check(Usage(), "Task t1")


def test_tokens_and_cost_are_divided_and_time_is_not():
    share = Budget(tokens=100, cost=Decimal(9), seconds=60, model_calls=30).share(3)
    assert share == Budget(tokens=33, cost=Decimal(3), seconds=60, model_calls=30)
    assert Budget(tokens=2).share(10).tokens == 1
    assert Budget(tokens=10).share(0).tokens == 10
    assert Budget().share(4) == Budget()


def test_the_tighter_limit_wins_one_by_one():
    merged = Budget(tokens=10, cost=Decimal(5)).within(Budget(tokens=20, cost=Decimal(1), seconds=3))
    assert merged == Budget(tokens=10, cost=Decimal(1), seconds=3)


def test_budgets_are_frozen_and_closed():
    with pytest.raises(ValidationError):
        Budget(tokens=1).tokens = 2
    with pytest.raises(ValidationError):
        Budget(dollars=1)


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        ("0", "$0"),
        ("12.346", "$12.35"),
        ("1", "$1.00"),
        ("0.5", "$0.50"),
        ("0.0123", "$0.0123"),
        ("0.001", "$0.001"),
        ("0.00002", "under $0.0001"),
        ("0.99999", "$1.00"),
    ],
)
def test_money_is_written_with_the_digits_it_needs(cost, words):
    assert money(Decimal(cost)) == words
