"""A cron line in words, as a person would say it, and times as their clock shows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT = tuple(day[:3].upper() for day in _DAYS[:7])
_STEPS = tuple(n for n in range(1, 60) if 60 % n == 0)
_AT = re.compile(r"\d{1,2}")


def in_words(cron: str) -> str:
    """Say a cron line in words, "every weekday at 08:00"; one that cannot be read stays as it is."""
    try:
        return _in_words(*cron.upper().split())
    except (CronSimError, TypeError):
        return cron


def _in_words(minute: str, hour: str, day: str, month: str, weekday: str) -> str:
    words = CronSim(f"{minute} {hour} {day} {month} {weekday}", datetime(2024, 1, 1)).explain()
    if _AT.fullmatch(minute) and _AT.fullmatch(hour) and month == "*":
        at = f"at {int(hour):02}:{int(minute):02}"
        if day == "*" and (days := _weekdays(weekday)):
            return f"every {days} {at}"
        if weekday == "*" and _AT.fullmatch(day):
            return f"on the {_ordinal(int(day))} of every month {at}"
        if weekday == "*" and day == "L":
            return f"on the last day of every month {at}"
    if (hour, day, month, weekday) == ("*", "*", "*", "*") and (often := _often(minute)):
        return often
    return (words[0].lower() + words[1:]).replace("Monday through Friday", "weekdays")


_TIME = r"(?:at )?(\d{1,2})(?:[:.](\d{2}))? ?(am|pm)?"
_NTH = r"(\d{1,2})(?:st|nd|rd|th)?"
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(rf"every ([a-z ,]+?)s? {_TIME}"), lambda m: f"{_of_clock(m, 2)} * * {_of_days(m[1])}"),
    (re.compile(rf"on the {_NTH} of every month {_TIME}"), lambda m: f"{_of_clock(m, 2)} {m[1]} * *"),
    (re.compile(rf"every month on the {_NTH} {_TIME}"), lambda m: f"{_of_clock(m, 2)} {m[1]} * *"),
    (re.compile(rf"on the last day of every month {_TIME}"), lambda m: f"{_of_clock(m, 1)} L * *"),
    (re.compile(r"every hour(?:, on the hour)?"), lambda m: "0 * * * *"),
    (re.compile(r"every hour at (\d{1,2})(?: minutes past)?"), lambda m: f"{m[1]} * * * *"),
    (re.compile(r"every minute"), lambda m: "* * * * *"),
    (re.compile(r"every (\d{1,2}) minutes"), lambda m: f"*/{m[1]} * * * *" if int(m[1]) in _STEPS else ""),
)  # fmt: skip


def from_words(words: str) -> str:
    """Turn words like those of `in_words` into a cron line; "" if they are not understood."""
    plain = " ".join(words.lower().split()).rstrip(".")
    for form, line in _FORMS:
        if (found := form.fullmatch(plain)) and (read := line(found)) and "?" not in read:
            return read
    return ""


def _of_clock(found: re.Match[str], first: int) -> str:
    hour, minute, half = int(found[first]), int(found[first + 1] or 0), found[first + 2]
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0) if 1 <= hour <= 12 else 24
    return f"{minute} {hour}"


def _of_days(words: str) -> str:
    if words in ("day", "weekday"):
        return {"day": "*", "weekday": "1-5"}[words]
    names = [name.removesuffix("s") for name in re.split(r", | and |,", words)]
    numbers = [str(n) for name in names for n, day in enumerate(_DAYS[:7]) if name in (day.lower(), day[:3].lower())]
    return ",".join(numbers) if len(numbers) == len(names) else "?"


def clock(moment: datetime, timezone: str) -> str:
    """Show a moment as the clock of a zone does: "Mon 23 Nov 2026, 08:00"."""
    local = moment.astimezone(ZoneInfo(timezone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def _weekdays(field: str) -> str:
    if field == "*":
        return "day"
    if field in ("1-5", "MON-FRI"):
        return "weekday"
    names = [_weekday(part) for part in field.split(",")]
    return "" if "" in names else _joined(list(dict.fromkeys(names)))


def _weekday(part: str) -> str:
    if part in _SHORT:
        return _DAYS[_SHORT.index(part)]
    return _DAYS[int(part)] if re.fullmatch(r"[0-7]", part) else ""


def _often(minute: str) -> str:
    if minute in ("*", "*/1"):
        return "every minute"
    if minute in ("0", "00"):
        return "every hour, on the hour"
    if _AT.fullmatch(minute):
        return f"every hour at {int(minute)} minutes past"
    step = re.fullmatch(r"\*/(\d+)", minute)
    return f"every {int(step[1])} minutes" if step and 60 % int(step[1]) == 0 and int(step[1]) < 60 else ""


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
