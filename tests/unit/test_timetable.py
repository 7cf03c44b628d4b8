"""When a schedule is due: zones, the hour that is skipped and the hour that comes twice, and words for all of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import BadInput
from graphs.timetable import check_cron, check_timezone, coming, next_after, past, zones
from graphs.timetable_words import clock, in_words

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def texts(times: list[datetime]) -> list[str]:
    assert all(t.utcoffset() == timedelta(0) for t in times)
    return [t.strftime("%m-%d %H:%M") for t in times]


def test_eight_in_berlin_is_another_hour_in_summer():
    assert next_after("0 8 * * 1-5", BERLIN, utc("2026-11-20 07:00")) == utc("2026-11-23 07:00")  # over the weekend
    assert next_after("0 8 * * 1-5", BERLIN, utc("2026-06-12 05:59:59")) == utc("2026-06-12 06:00")


def test_a_time_is_not_after_itself():
    assert next_after("0 8 * * *", "UTC", utc("2026-01-01 08:00")) == utc("2026-01-02 08:00")
    assert next_after("0 8 * * *", "UTC", utc("2026-01-01 07:59:59.999999")) == utc("2026-01-01 08:00")


def test_a_time_in_the_gap_comes_when_the_gap_is_over():
    assert texts(coming("30 2 * * *", BERLIN, utc("2026-03-27 12:00"))) == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]


def test_what_falls_into_the_gap_comes_together_and_once():
    assert texts(coming("*/20 * * * *", BERLIN, utc("2026-03-29 00:30"), 4)) == [
        "03-29 00:40", "03-29 01:00", "03-29 01:20", "03-29 01:40",
    ]  # fmt: skip


def test_a_doubled_time_comes_the_first_time_only():
    assert texts(coming("30 2 * * *", BERLIN, utc("2026-10-24 12:00"), 2)) == ["10-25 00:30", "10-26 01:30"]
    assert texts(coming("*/30 * * * *", BERLIN, utc("2026-10-24 23:59"), 4)) == [
        "10-25 00:00", "10-25 00:30", "10-25 02:00", "10-25 02:30",
    ]  # fmt: skip


@pytest.mark.parametrize("seconds", range(0, 7200, 600))
def test_within_the_doubled_hour_nothing_comes_again(seconds: int):
    moment = utc("2026-10-25 00:30") + timedelta(seconds=seconds)
    assert next_after("30 2 * * *", BERLIN, moment) == utc("2026-10-26 01:30")


def test_a_day_that_a_country_left_out_is_made_up_for_at_once():
    found = coming("0 12 * * *", "Pacific/Apia", utc("2011-12-29 00:00"), 3)  # there was no 30 December 2011
    assert texts(found) == ["12-29 22:00", "12-30 10:00", "12-30 22:00"]


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("cron", ["*/15 * * * *", "30 2 * * *", "0 * * * *", "5,50 1-3 * * 0"])
def test_looking_back_finds_what_looking_ahead_found(cron: str, zone: str):
    for begin in ("2026-03-07 12:00", "2026-03-28 12:00", "2026-04-04 12:00", "2026-10-24 12:00", "2026-10-31 12:00"):
        first, last = utc(begin), utc(begin) + timedelta(hours=40, minutes=7)
        ahead: list[datetime] = []
        while (time := next_after(cron, zone, ahead[-1] if ahead else first)) <= last:
            ahead.append(time)
        assert past(cron, zone, first + timedelta(seconds=1), last, 1000) == ahead
        assert past(cron, zone, first, ahead[-1], 3)[-1] == ahead[-1]
        walls = [t.astimezone(_zone(zone)).replace(tzinfo=None) for t in ahead]
        assert len(set(walls)) == len(walls), "each time on the clock at most once"


def _zone(name: str):
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def test_the_newest_times_are_kept_when_there_are_too_many():
    found = past("* * * * *", "UTC", utc("2025-01-01 00:00"), utc("2026-01-01 00:00"), 3)
    assert texts(found) == ["12-31 23:58", "12-31 23:59", "01-01 00:00"]


def test_past_within_the_repeated_hour_knows_that_all_of_it_has_been():
    now = utc("2026-10-25 01:10")  # 02:10 for the second time
    assert texts(past("*/30 * * * *", BERLIN, utc("2026-10-24 23:59"), now, 9)) == ["10-25 00:00", "10-25 00:30"]


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 8 * *", "5 fields: minute hour day month weekday; you gave 4"),
        ("0 0 8 * * 1", "you gave 6"),
        ("", "you gave 0"),
        ("60 8 * * *", 'the minute "60" cannot be used. It may be 0-59'),
        ("0 24 * * *", 'the hour "24"'),
        ("0 8 32 * *", 'the day "32"'),
        ("0 8 30 2 *", 'the day "30"'),
        ("0 8 * 13 *", 'the month "13"'),
        ("0 8 * * fri-mon", 'the weekday "fri-mon"'),
        ("* * * * " + "1," * 60, "you gave 5"),
        ("\u0660 8 * * *", 'the minute "\u0660"'),
    ],
)
def test_a_bad_line_names_the_field_and_the_fix(cron: str, words: str):
    with pytest.raises(BadInput) as problem:
        check_cron(cron)
    assert str(problem.value).startswith("cron: ")
    assert words in str(problem.value)


def test_a_line_is_kept_with_single_spaces():
    assert check_cron("  0   8 * *  MON-FRI ") == "0 8 * * MON-FRI"


@pytest.mark.parametrize(
    ("given", "zone"),
    [("Europe/Berlin", BERLIN), ("europe/berlin", BERLIN), ("Berlin", BERLIN), ("new york", "America/New_York"), ("utc", "UTC")],
)  # fmt: skip
def test_a_zone_is_found_as_people_write_it(given: str, zone: str):
    assert check_timezone(given) == zone


@pytest.mark.parametrize(
    ("given", "words"),
    [("Europ/Berlin", "did you mean Europe/Berlin?"), ("Mars", "timezone: "), ("../../etc/passwd", "give one like"), ("", "UTC")],
)  # fmt: skip
def test_an_unknown_zone_is_refused_with_a_hint(given: str, words: str):
    with pytest.raises(BadInput, match="no time zone") as problem:
        check_timezone(given)
    assert words in str(problem.value)


def test_every_zone_offered_can_be_used():
    offered = zones()
    assert {BERLIN, "UTC", "America/New_York"} <= set(offered)
    assert [zone for zone in offered if check_timezone(zone) != zone] == []


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 8 * * 1-5", "every weekday at 08:00"),
        ("0 8 * * mon-fri", "every weekday at 08:00"),
        ("5 17 * * *", "every day at 17:05"),
        ("0 9 * * 1", "every Monday at 09:00"),
        ("0 9 * * 6,0", "every Saturday and Sunday at 09:00"),
        ("0 9 * * MON,WED,5", "every Monday, Wednesday and Friday at 09:00"),
        ("0 6 1 * *", "on the 1st of every month at 06:00"),
        ("0 6 22 * *", "on the 22nd of every month at 06:00"),
        ("0 6 13 * *", "on the 13th of every month at 06:00"),
        ("0 6 L * *", "on the last day of every month at 06:00"),
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("0 * * * *", "every hour, on the hour"),
        ("10 * * * *", "every hour at 10 minutes past"),
        ("0 8,17 * * *", "at 08:00 and 17:00 every day"),
        ("0 9 * * 5L", "at 09:00 on the last Friday of the month"),
    ],
)
def test_a_line_in_words(cron: str, words: str):
    assert in_words(check_cron(cron)) == words


@pytest.mark.parametrize(
    ("words", "cron"),
    [
        ("every weekday at 8:00", "0 8 * * 1-5"),
        ("Every  day at 17:05.", "5 17 * * *"),
        ("every day at 8", "0 8 * * *"),
        ("every day at 8 pm", "0 20 * * *"),
        ("every day at 12:15am", "15 0 * * *"),
        ("every Monday at 9.30", "30 9 * * 1"),
        ("every mondays at 9", "0 9 * * 1"),
        ("every Mon, Wed and Friday at 09:00", "0 9 * * 1,3,5"),
        ("on the 1st of every month at 06:00", "0 6 1 * *"),
        ("every month on the 22nd at 6 am", "0 6 22 * *"),
        ("on the last day of every month at 23:59", "59 23 L * *"),
        ("every hour", "0 * * * *"),
        ("every hour at 10 minutes past", "10 * * * *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every minute", "* * * * *"),
    ],
)
def test_plain_words_are_understood(words: str, cron: str):
    assert check_cron(words) == cron


@pytest.mark.parametrize(
    "cron", ["0 8 * * 1-5", "5 17 * * *", "0 9 * * 1,3", "0 6 2 * *", "0 6 L * *", "0 * * * *", "*/20 * * * *"]
)
def test_what_is_said_in_words_can_be_given_in_words(cron: str):
    assert check_cron(in_words(cron)) == cron


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("every now and then at 8", "you gave 6"),
        ("every 7 minutes", "you gave 3"),
        ("every 0 minutes", "you gave 3"),
        ("every day at 25:00", 'the hour "25"'),
        ("every day at 13 pm", 'the hour "24"'),
        ("every day at 8:75", 'the minute "75"'),
        ("on the 32nd of every month at 8", 'the day "32"'),
        ("whenever", "you gave 1"),
        ("on the 15th at 8:00", 'the minute "on"'),
    ],
)
def test_words_that_are_not_understood_are_refused_like_a_bad_line(words: str, problem: str):
    with pytest.raises(BadInput, match=r"^cron: ") as refused:
        check_cron(words)
    assert problem in str(refused.value)


@pytest.mark.parametrize("line", ["", "0 8", "0 0 30 2 *", "61 * * * *", "a b c d e"])
def test_a_line_that_cannot_be_read_is_shown_as_it_is(line: str):
    assert in_words(line) == line


def test_a_moment_is_shown_as_its_clock_shows_it():
    assert clock(utc("2026-11-23 07:00"), BERLIN) == "Mon 23 Nov 2026, 08:00"
    assert clock(utc("2026-11-23 02:00"), "America/New_York") == "Sun 22 Nov 2026, 21:00"
