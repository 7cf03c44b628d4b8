"""A cron line in words, as a person would say it, and times as their clock shows them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT = tuple(day[:3].upper() for day in _DAYS[:7])
_AT = re.compile(r"\d{1,2}")


def in_words(cron: str) -> str:
    """Say a cron line in words: "every weekday at 08:00"."""
    minute, hour, day, month, weekday = cron.upper().split()
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
    words = CronSim(cron, datetime(2024, 1, 1)).explain()
    return words[0].lower() + words[1:]


def clock(moment: datetime, timezone: str) -> str:
    """Show a moment as the clock of a zone does: "Mon 23 Nov 2026, 08:00"."""
    local = moment.astimezone(ZoneInfo(timezone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def clocks(moments: Sequence[datetime], timezone: str) -> list[str]:
    """Show several moments as the clock of a zone does."""
    return [clock(moment, timezone) for moment in moments]


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
