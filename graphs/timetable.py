"""When a schedule is due: cron lines in a time zone, and what they mean where clocks are changed.

A cron line names wall-clock times. Each happens at most once: one that the clock shows twice (autumn) happens the first
time, one that the clock skips (spring) happens at the moment after the gap, together with others that fell into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from core.errors import BadInput
from graphs.timetable_words import from_words

FIELDS = ("minute", "hour", "day", "month", "weekday")
LONGEST = 100
"""Characters of a cron line."""

_EXAMPLE = "0 8 * * 1-5 is every weekday at 08:00"
_MAY_BE = {
    "minute": "0-59",
    "hour": "0-23",
    "day": "1-31, or L for the last one, and must exist in the months that are named",
    "month": "1-12 or JAN-DEC",
    "weekday": "0-7 (0 and 7 are Sunday) or MON-SUN",
}
_MINUTE = timedelta(minutes=1)


def check_cron(cron: str) -> str:
    """Return a cron line with single spaces; raises BadInput that names the field and the fix.

    Plain words are understood as well: "every weekday at 8:00".
    """
    parts = ((len(cron) <= LONGEST and from_words(cron)) or cron).split()
    if len(parts) != len(FIELDS) or len(cron) > LONGEST:
        raise BadInput(
            f'cron: "{cron[:LONGEST]}" should have 5 fields: {" ".join(FIELDS)}; '
            f"you gave {len(parts)}. For example, {_EXAMPLE}; such words are understood, too."
        )
    for position, name in enumerate(FIELDS):
        alone = ["*"] * len(FIELDS)
        alone[position] = parts[position]
        if not _readable(" ".join(alone)):
            raise _bad_field(name, parts[position])
    line = " ".join(parts)
    if not _readable(line):  # each field is well, but not together: 30 February
        raise _bad_field("day", parts[2])
    if next(_walls(line, datetime(2024, 1, 1)), None) is None:
        raise BadInput(f'cron: "{line}" never comes. For example, {_EXAMPLE}.')
    return line


def check_timezone(name: str) -> str:
    """Return the name of an IANA time zone as it is spelt; raises BadInput that names a close one."""
    spelt = _spellings().get(name.strip().replace(" ", "_").lower())
    if spelt is None:
        near = get_close_matches(name.strip().lower(), _spellings(), n=1, cutoff=0.6)
        hint = (
            f"did you mean {_spellings()[near[0]]}?"
            if near
            else "give one like Europe/Berlin, America/New_York or UTC."
        )
        raise BadInput(f'timezone: there is no time zone "{name[:60]}"; {hint}')
    return spelt


def zones() -> list[str]:
    """List the time zones one can choose from, as a person would look for them."""
    return ["UTC", *sorted(z for z in available_timezones() if "/" in z and not z.startswith(("Etc/", "SystemV/")))]


def next_after(cron: str, timezone: str, moment: datetime) -> datetime:
    """Return the first time (UTC) a schedule is due after a moment."""
    zone = ZoneInfo(timezone)
    walls = _walls(cron, moment.astimezone(zone).replace(tzinfo=None))
    found = next((due for wall in walls if (due := _moment(wall, zone)) > moment), None)
    if found is None:
        raise BadInput(f'cron: "{cron}" does not come any more. For example, {_EXAMPLE}.')
    return found


def coming(cron: str, timezone: str, moment: datetime, count: int = 3) -> list[datetime]:
    """List the next times (UTC) after a moment."""
    found: list[datetime] = []
    while len(found) < count:
        found.append(next_after(cron, timezone, found[-1] if found else moment))
    return found


def past(cron: str, timezone: str, first: datetime, last: datetime, most: int) -> list[datetime]:
    """List the newest `most` times (UTC) from `first` to `last`, both included, oldest first."""
    return list(islice(_backwards(cron, ZoneInfo(timezone), first, last), most))[::-1]


def _backwards(cron: str, zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[datetime]:
    local = last.astimezone(zone)
    # While the clock repeats an hour, all of that hour's times lie behind us already.
    repeated = (local.replace(fold=0).utcoffset() or timedelta()) - (local.utcoffset() or timedelta())
    newer = None
    for wall in _walls(cron, local.replace(tzinfo=None) + repeated + timedelta(seconds=1), back=True):
        due = _moment(wall, zone)
        if due < first:
            return
        if due <= last and due != newer:
            newer = due
            yield due


def _walls(cron: str, wall: datetime, *, back: bool = False) -> Iterator[datetime]:
    try:
        return CronSim(cron, wall, reverse=back)
    except CronSimError as problem:
        raise BadInput(f'cron: "{cron}" cannot be used ({problem}). For example, {_EXAMPLE}.') from None


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when (UTC) a clock first shows a time, or, if it is skipped, when the gap is over."""
    while True:
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall += _MINUTE


def _readable(line: str) -> bool:
    try:
        CronSim(line, datetime(2024, 1, 1))
    except CronSimError:
        return False
    return True


def _bad_field(name: str, given: str) -> BadInput:
    return BadInput(
        f'cron: the {name} "{given}" cannot be used. It may be {_MAY_BE[name]}; * for any, lists (1,15), ranges (1-5) '
        f"and steps (*/10). For example, {_EXAMPLE}."
    )


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    known = available_timezones() - {"localtime", "posixrules", "Factory"}
    names = sorted(known, key=lambda n: n.count("/"))
    return {short: n for n in names if (short := n.rsplit("/", 1)[-1].lower())} | {n.lower(): n for n in names}
