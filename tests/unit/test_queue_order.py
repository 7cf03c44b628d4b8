"""Whose turn it is: priorities that age, fairness between users, one mission per conversation, suspects alone. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from core.missions import Status, now
from memory.claims import Rules, choose

RULES = Rules(per_user=2, attempts=3, ageing_seconds=300, lease_seconds=6)


def row(name: str, priority: str = "medium", *, waited: float = 0, user: str = "ada", **more: Any) -> Any:
    since = now() - timedelta(seconds=waited)
    told = {
        "id": name,
        "user_id": user,
        "conversation_id": f"talk of {name}",
        "priority": priority,
        "status": Status.PENDING.value,
        "owner": None,
        "lost": 0,
        "created_at": since,
        "queued_at": since,
        "wake_at": None,
    }
    return SimpleNamespace(**told | more)


def working(name: str, *, owner: str = "me", **more: Any) -> Any:
    return row(name, status=Status.IN_PROGRESS.value, owner=owner, **more)


def turns(rows: list[Any], served: Callable[[str], str] = lambda _: "", rules: Rules = RULES) -> list[str]:
    """Let one worker with one place take all of them; each is done before the next is chosen."""
    left, order, last = list(rows), [], {}
    while chosen := choose(left, {"me"}, "me", rules, busy=0, served=lambda u: last.get(u, served(u))):
        left.remove(chosen)
        order.append(chosen.id)
        last[chosen.user_id] = f"{len(order):04}"
    return order


def first(rows: list[Any], *, busy: int = 0, alive: set[str] | None = None) -> str | None:
    chosen = choose(rows, alive or {"me"}, "me", RULES, busy=busy, served=lambda _: "")
    return chosen.id if chosen else None


def test_urgent_before_high_before_medium_before_low() -> None:
    queued = [row("low", "low"), row("high", "high"), row("urgent", "urgent"), row("medium", "medium")]
    assert turns(queued) == ["urgent", "high", "medium", "low"]


def test_of_the_same_priority_the_oldest_is_first() -> None:
    assert turns([row("b", waited=1), row("a", waited=2), row("c")]) == ["a", "b", "c"]


def test_waiting_counts_until_low_comes_before_urgent() -> None:
    assert turns([row("urgent", "urgent"), row("low", "low", waited=890)]) == ["urgent", "low"]
    assert turns([row("urgent", "urgent"), row("low", "low", waited=910)]) == ["low", "urgent"], "three steps of 300 s"
    assert turns([row("high", "high"), row("low", "low", waited=590)]) == ["high", "low"]
    assert turns([row("high", "high"), row("low", "low", waited=610)]) == ["low", "high"]


def test_users_take_turns() -> None:
    queued = [row(f"a{n}", waited=10 - n) for n in range(3)] + [
        row(f"b{n}", user="bob", waited=5 - n) for n in range(2)
    ]
    assert turns(queued) == ["a0", "b0", "a1", "b1", "a2"]


def test_who_has_fewer_at_work_comes_first() -> None:
    assert first([working("w"), row("mine", waited=9), row("bobs", user="bob")]) == "bobs"


def test_a_user_has_no_more_at_work_than_there_are_places_for_one() -> None:
    assert first([working("w1"), working("w2"), row("third", "urgent")]) is None
    assert first([working("w1"), working("w2"), row("third", "urgent"), row("bobs", "low", user="bob")]) == "bobs"


def test_a_conversation_has_one_mission_at_work_and_keeps_its_order() -> None:
    talk = {"conversation_id": "talk"}
    assert first([working("w", **talk), row("next", **talk)]) is None
    assert turns([row("second", "urgent", waited=1, **talk), row("first", "low", waited=2, **talk)]) == [
        "first",
        "second",
    ]


def test_interrupted_missions_come_first() -> None:
    left = row("left", "low", status=Status.IN_PROGRESS.value, owner="gone")
    assert turns([row("urgent", "urgent"), left]) == ["left", "urgent"]


def test_a_mission_of_a_living_worker_is_left_alone() -> None:
    assert first([working("theirs", owner="other")], alive={"me", "other"}) is None
    assert first([working("theirs", owner="other")], alive={"me"}) == "theirs"


def test_what_was_put_down_waits_until_its_time() -> None:
    put_down = {"status": Status.IN_PROGRESS.value}
    assert first([row("later", wake_at=now() + timedelta(minutes=1), **put_down)]) is None
    assert first([row("due", wake_at=now() - timedelta(seconds=1), **put_down)]) == "due"


def test_a_mission_over_which_processes_were_lost_runs_alone() -> None:
    suspect = row("suspect", status=Status.IN_PROGRESS.value, owner="gone", lost=2)
    assert first([suspect, row("other", "urgent")], busy=1) is None, "nothing new begins until the others are done"
    assert first([suspect, row("other", "urgent")]) == "suspect"
    assert first([working("suspect", lost=2), row("other", "urgent")], busy=1) is None, "nothing begins beside it"
    assert first([working("w", lost=1), row("other", "urgent")], busy=1) == "other"
