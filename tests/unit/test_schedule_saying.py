"""Schedules in plain words: which messages are taken for one, when it is due, and which are messages like any other."""

from __future__ import annotations

import pytest

from graphs.schedule_saying import LONGEST, Saying, understood

NEWS = "Summarise the news"


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        ("every Monday at 9, summarise the news", "0 9 * * 1"),
        ("Every Monday at 9 summarise the news", "0 9 * * 1"),
        ("Please, every monday at 9:30: summarise the news", "30 9 * * 1"),
        ("From now on, every weekday at 8 am please summarise the news", "0 8 * * 1-5"),
        ("Each day at 5.15 pm, summarise the news", "15 17 * * *"),
        ("every Mon, Wed and Fri at 9 am, summarise the news", "0 9 * * 1,3,5"),
        ("Summarise the news every Monday at 9", "0 9 * * 1"),
        ("summarise the news, every Monday and Thursday at 09:00.", "0 9 * * 1,4"),
        ("Summarise the news daily at 7", "0 7 * * *"),
        ("At 9 every Friday, summarise the news", "0 9 * * 5"),
        ("on the 1st of every month at 06:00, summarise the news", "0 6 1 * *"),
        ("Summarise the news on the last day of each month at 18:00", "0 18 L * *"),
        ("Every morning at 8 o'clock, summarise the news", "0 8 * * *"),
        ("Every 15 minutes, summarise the news", "*/15 * * * *"),
        ("Summarise the news every hour", "0 * * * *"),
        ("Every Saturdays at 9, summarise the news", "0 9 * * 6"),
    ],
)
def test_when_is_read_at_the_beginning_or_the_end(text: str, cron: str):
    assert understood(text) == Saying(cron, "", NEWS)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("every Monday at 9 in Europe/Berlin, summarise the news", "Europe/Berlin"),
        ("Summarise the news every Monday at 9 in America/New_York", "America/New_York"),
        ("Every Monday at 9 UTC summarise the news", None),
        ("every Monday at 9 in UTC, summarise the news", "UTC"),
        ("every Monday at 9 in europe/berlin, summarise the news", "Europe/Berlin"),
    ],
)
def test_a_zone_that_is_named_counts(text: str, zone: str | None):
    found = understood(text)
    assert found is not None
    if zone is not None:
        assert found == Saying("0 9 * * 1", zone, NEWS)


@pytest.mark.parametrize(
    "text",
    ["", "every Monday at 9", "Every Monday at 9.", "What do we do every Monday at 9?", "Summarise the news",
     "every Monday summarise the news", "Compare every file at 9 places", "every Monday at 25, summarise the news",
     "every 7 minutes, summarise the news", "/plan every Monday at 9, summarise the news",
     "We meet every Monday at 9, and on Tuesday we rest. Write the agenda for tomorrow.",
     "every Monday at 9 in Nowhere/Land, summarise the news",
     "every Monday at 9, stop", "x " * LONGEST + "every Monday at 9"],
)  # fmt: skip
def test_other_messages_are_messages(text: str):
    assert understood(text) is None


def test_lines_of_the_goal_are_kept():
    found = understood("Every weekday at 8:00: summarise the news.\n\n- two lines\n- no more")
    assert found == Saying("0 8 * * 1-5", "", "Summarise the news.\n\n- two lines\n- no more")


def test_hostile_words_take_no_time():
    for text in ("every mon, " * 180 + "at", "at 9 " * 390, " ,every day at" * 110, "a" + " " * 1900 + "b"):
        assert understood(text) is None
