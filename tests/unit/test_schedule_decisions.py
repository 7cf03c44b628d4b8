"""What becomes of a schedule that is due: on time, missed, overlapping, or beyond working out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.errors import BadInput
from core.missions import Priority, Status
from graphs.schedule_keeping import checked, preview
from graphs.schedules import MOST_MISSED, MOST_QUEUED, decide
from memory.schedules import Schedule, Standing

DUE = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)  # 08:00 in Berlin, a Monday


def schedule(**more: Any) -> Schedule:
    given = {
        "id": "s", "user_id": "ada", "conversation_id": "c", "name": "News", "goal": "Summarise the news",
        "cron": "0 8 * * *", "timezone": "Europe/Berlin", "next_at": DUE, "changed_at": DUE, "created_at": DUE,
    }  # fmt: skip
    return Schedule.model_validate(given | more)


def free(ids: Collection[str]) -> Standing:
    return Standing()


def busy(count: int):
    return lambda ids: Standing(unended=(Status.IN_PROGRESS,) * count)


def test_on_time_it_gives_one_mission_and_moves_on():
    wanted = schedule(unattended="deny", cost=Decimal("0.5"), priority=Priority.HIGH)
    turn = decide(wanted, DUE + timedelta(seconds=3), free)
    [mission] = turn.missions
    assert (mission.goal, mission.origin, mission.conversation_id) == ("Summarise the news", "schedule:s", "c")
    assert (mission.unattended, mission.cost, mission.priority) == ("deny", Decimal("0.5"), Priority.HIGH)
    assert turn.next_at == DUE + timedelta(days=1)
    assert turn.words == "Started for Mon 23 Nov 2026, 08:00."


def test_the_same_time_is_the_same_mission_whoever_takes_it():
    one, two = (decide(schedule(), DUE + timedelta(seconds=s), free).missions[0].id for s in (1, 60))
    other = decide(schedule(next_at=DUE + timedelta(days=1)), DUE + timedelta(days=1), free).missions[0].id
    assert one == two != other


@pytest.mark.parametrize(
    ("missed", "count", "words"),
    [
        ("skip", 0, "3 times were missed and not made up for."),
        ("latest", 1, "3 times were missed; started once, for Wed 25 Nov 2026, 08:00."),
        ("all", 3, "3 times were missed and made up for."),
    ],
)
def test_what_was_missed_follows_the_rule(missed: str, count: int, words: str):
    turn = decide(schedule(missed=missed), DUE + timedelta(days=2, hours=5), free)
    assert (len(turn.missions), turn.words) == (count, words)
    assert turn.next_at == DUE + timedelta(days=3)


def test_skipping_what_was_missed_does_not_skip_what_is_on_time():
    turn = decide(schedule(missed="skip"), DUE + timedelta(days=2, seconds=10), free)
    assert len(turn.missions) == 1
    assert turn.words == "2 times were missed and not made up for. Started for Wed 25 Nov 2026, 08:00."


def test_making_up_for_all_is_bounded_and_says_so():
    turn = decide(schedule(cron="* * * * *", missed="all"), DUE + timedelta(days=400), free)
    assert len(turn.missions) == MOST_MISSED == 100
    assert turn.words == "More than 100 times were missed and made up for. Only the newest 100 are made up for."


def test_an_overlap_is_skipped_or_queued():
    assert decide(schedule(), DUE, busy(1)).missions == ()
    assert decide(schedule(), DUE, busy(1)).words == (
        "Skipped Mon 23 Nov 2026, 08:00: the mission before it has not ended."
    )
    assert len(decide(schedule(overlap="queue"), DUE, busy(1)).missions) == 1
    assert decide(schedule(overlap="queue"), DUE, busy(MOST_QUEUED)).missions == ()


def test_times_that_have_their_mission_already_are_passed_over_in_silence():
    turn = decide(schedule(), DUE, lambda ids: Standing(known=frozenset(ids)))
    assert (turn.missions, turn.words, turn.next_at) == ((), "", DUE + timedelta(days=1))


@pytest.mark.parametrize("broken", [{"cron": "nonsense"}, {"timezone": "Mars/Olympus"}, {"cron": "0 0 30 2 *"}])
def test_what_cannot_be_worked_out_is_put_aside_with_the_reason(broken: dict[str, str]):
    turn = decide(schedule(**broken), DUE, free)
    assert (turn.missions, turn.next_at) == ((), None)
    assert turn.words.startswith("Paused, because")


GIVEN = {"goal": "Summarise the news", "cron": "0 8 * * 1-5", "timezone": "berlin"}


def test_a_wish_is_completed():
    wish = checked(GIVEN)
    assert (wish.name, wish.timezone, wish.missed, wish.overlap, wish.unattended) == (
        "Summarise the news", "Europe/Berlin", "latest", "skip", "park",
    )  # fmt: skip
    assert checked(GIVEN | {"goal": "word " * 50}).name.endswith("word ...")
    assert checked(GIVEN | {"cost": ""}).cost is None
    assert checked(GIVEN | {"goal": "a\x00b"}).goal == "ab"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"goal": "  "}, "goal: it is empty. Say what you would like to have done."),
        ({"goal": "x" * 20_001}, "goal: it is too long; at most 20000 characters."),
        ({"goal": "\ud800"}, "goal: it holds characters that are no text"),
        ({"goal": 5}, "goal: "),
        ({"missed": "never"}, "missed: it must be 'skip', 'latest' or 'all'."),
        ({"priority": "now"}, "priority: it must be 'urgent', 'high', 'medium' or 'low'."),
        ({"cost": -1}, "cost: it must be an amount of US dollars"),
        ({"cost": "NaN"}, "cost: it must be an amount of US dollars"),
        ({"when": "8"}, "when: there is no such field. There are name, goal, cron"),
        ({"cron": "0 8"}, "cron: "),
        ({"timezone": "Mars"}, "timezone: "),
        ({"cron": None}, "cron: "),
    ],
)
def test_a_wish_that_cannot_be_kept_names_the_field(change: dict[str, Any], words: str):
    with pytest.raises(BadInput) as problem:
        checked(GIVEN | change)
    assert words in str(problem.value)


def test_a_missing_field_is_named():
    with pytest.raises(BadInput, match="cron: it is missing"):
        checked({"goal": "x", "timezone": "UTC"})


def test_a_preview_says_when_in_words_and_in_times():
    assert preview("0 8 * * 1-5", "berlin", datetime(2026, 11, 21, tzinfo=UTC)) == {
        "words": "every weekday at 08:00",
        "timezone": "Europe/Berlin",
        "next": ["Mon 23 Nov 2026, 08:00", "Tue 24 Nov 2026, 08:00", "Wed 25 Nov 2026, 08:00"],
    }
