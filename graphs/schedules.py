"""The scheduler: sleeps until a schedule is due, then gives its mission; what was missed or overlaps follows the schedule."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from core.errors import BadInput, StaffworkError, StoreUnavailable
from core.missions import Mission, derived_id, now
from graphs import timetable
from graphs.choosing import terms_of
from graphs.timetable_words import clock as shown
from memory.schedules import ORIGIN, Schedule, Schedules, Standing, Standings, Turn

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
"""Longest sleep: a change of the clock is noticed by then."""

LATE = timedelta(minutes=2)
"""A due time found later than this was missed: nothing ran when it came."""

MOST_MISSED = 100
"""Missed times that are made up for, the newest ones; older ones are given up."""

MOST_QUEUED = 20
"""Unended missions of one schedule at which further due times are skipped, also with overlap "queue"."""


class Scheduler:
    """Looks for due schedules; several may look at the same database at once."""

    def __init__(
        self, submit: Callable[[Mission], Awaitable[None]], store: Schedules, clock: Callable[[], datetime] = now
    ) -> None:
        self._submit, self._store, self._clock = submit, store, clock
        self._looked_at: datetime | None = None
        self._accepted: deque[Mission] = deque()  # stored, and not yet handed over
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look, first for what was missed."""
        if self._task is None:
            self._task = asyncio.create_task(self._serve(), name="scheduler")

    async def stop(self) -> None:
        """Stop looking; what was accepted stays accepted."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def look(self) -> float:
        """Give every mission that is due; returns the seconds until the next look."""
        moment = self._clock()
        if self._looked_at is None or moment < self._looked_at:  # the first look, or the clock was set back
            await self._store.align(moment, lambda s: _upcoming(s, moment))
        self._looked_at = moment
        while (due := await self._store.next_due()) is not None and due <= moment:
            claimed = await self._store.claim(moment, lambda s, standings: decide(s, moment, standings))
            if claimed is None:  # another process is about to take it
                break
            schedule, turn = claimed
            log.info("schedule %s: %s", schedule.id, turn.words)
            self._accepted.extend(turn.missions)
            await self._hand_over()
        await self._hand_over()  # also what an earlier look had to leave
        seconds = LOOK_SECONDS if due is None else (due - self._clock()).total_seconds()
        return min(LOOK_SECONDS, seconds if seconds > 0 else 1.0)

    async def _hand_over(self) -> None:
        """Pass on what is safely stored; a mission whose process dies here is found in the store by the dispatcher."""
        while self._accepted:
            try:
                await self._submit(self._accepted[0])
            except StoreUnavailable:
                raise  # it is tried again at the next look
            except StaffworkError as error:  # its conversation was deleted a moment ago, for one
                log.warning("mission %s of a schedule cannot be run: %s", self._accepted[0].id, error)
            self._accepted.popleft()

    async def _serve(self) -> None:
        with self._store.watching() as changed:
            while True:
                changed.clear()
                try:
                    pause = await self.look()
                except Exception:  # a border: one look may fail, the next one must come
                    log.exception("looking for due schedules failed; trying again in %s s", LOOK_SECONDS)
                    pause = LOOK_SECONDS
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await changed.wait()


def decide(schedule: Schedule, moment: datetime, standings: Standings) -> Turn:
    """Say what becomes of a schedule that is due: missions, the next time, and why, in words."""
    try:
        next_at = timetable.next_after(schedule.cron, schedule.timezone, moment)
        due = timetable.past(schedule.cron, schedule.timezone, schedule.next_at or moment, moment, most=MOST_MISSED + 1)
    except (BadInput, KeyError, ValueError) as problem:  # no such time any more, or a zone that is gone
        return Turn(next_at=None, words=f"Paused, because it cannot be worked out when it is due. {problem}")
    missions = {_mission_id(schedule, time): time for time in due}
    standing = standings(missions)
    fresh = [time for mission_id, time in missions.items() if mission_id not in standing.known]
    if not fresh:  # the clock was set back over times that had their missions
        return Turn(next_at=next_at)
    wanted, words = _made_up(schedule, fresh, moment)
    wanted, words = _without_overlap(schedule, wanted, words, len(standing.unended))
    accepted = tuple(mission_of(schedule, _mission_id(schedule, time), moment, standing) for time in wanted)
    return Turn(missions=accepted, next_at=next_at, words=words)


def mission_of(schedule: Schedule, mission_id: str, moment: datetime, standing: Standing) -> Mission:
    """Make a mission of a schedule, with what its person has chosen by now; its own limit of cost comes first.

    Where nobody is to be waited for, neither a plan nor a step waits, whatever they chose.
    """
    terms, alone = terms_of(standing.wishes, held=standing.held), schedule.unattended == "deny"
    return Mission(
        id=mission_id,
        conversation_id=schedule.conversation_id,
        user_id=schedule.user_id,
        goal=schedule.goal,
        priority=schedule.priority,
        created_at=moment,
        origin=ORIGIN + schedule.id,
        unattended=schedule.unattended,
        cost=schedule.cost or terms.cost,
        step_mode=terms.step_mode and not alone,
        choices=terms.with_plan_shown(False if alone else None),
    )


def _upcoming(schedule: Schedule, moment: datetime) -> datetime:
    try:
        return timetable.next_after(schedule.cron, schedule.timezone, moment)
    except (BadInput, KeyError, ValueError):
        return schedule.next_at or moment  # said when it is due


def _mission_id(schedule: Schedule, time: datetime) -> str:
    """Name the mission of a due time: the same time gives the same mission, whoever takes it."""
    return derived_id(schedule.id, time.isoformat())


def _made_up(schedule: Schedule, times: list[datetime], moment: datetime) -> tuple[list[datetime], str]:
    """Choose among the times that have come, by the rule for missed ones."""
    on_time = [time for time in times if moment - time <= LATE]
    missed = len(times) - len(on_time)
    if not missed:
        return times, f"Started for {shown(times[-1], schedule.timezone)}."
    count = f"{missed} times were" if missed > 1 else "1 time was"
    count = f"More than {MOST_MISSED} times were" if len(times) > MOST_MISSED else count
    match schedule.missed:
        case "skip":
            started = f" Started for {shown(on_time[-1], schedule.timezone)}." if on_time else ""
            return on_time, f"{count} missed and not made up for.{started}"
        case "latest":
            return times[-1:], f"{count} missed; started once, for {shown(times[-1], schedule.timezone)}."
        case "all":
            left_out = f" Only the newest {MOST_MISSED} are made up for." if len(times) > MOST_MISSED else ""
            return times[-MOST_MISSED:], f"{count} missed and made up for.{left_out}"


def _without_overlap(schedule: Schedule, times: list[datetime], words: str, unended: int) -> tuple[list[datetime], str]:
    """Leave out what would overlap with missions that have not ended, by the rule for that."""
    if not times:
        return times, words
    name = shown(times[-1], schedule.timezone)
    if schedule.overlap == "skip" and unended:
        return [], f"Skipped {name}: the mission before it has not ended."
    if unended >= MOST_QUEUED:
        return [], f"Skipped {name}: {unended} missions of it have not ended."
    alone = schedule.overlap == "skip" and schedule.missed != "all"  # two that are due together overlap, too
    return times[-1:] if alone else times, words
