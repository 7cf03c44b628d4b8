"""What people do with schedules: add, change, pause, run now, remove; every field is checked, in words, before it is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.errors import BadInput
from core.missions import Mission, Priority, derived_id, new_id, now
from graphs import timetable
from graphs.schedules import MOST_QUEUED, mission_of
from graphs.timetable_words import clock as shown
from graphs.timetable_words import in_words
from memory.schedules import Schedule, Schedules


class Wish(BaseModel):
    """What a person can choose of a schedule; without a name it is called by the beginning of its goal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", max_length=200)
    goal: str = Field(max_length=20_000)
    cron: str
    timezone: str
    missed: Literal["skip", "latest", "all"] = "latest"
    overlap: Literal["skip", "queue"] = "skip"
    unattended: Literal["park", "deny"] = "park"
    priority: Priority = Priority.MEDIUM
    cost: Decimal | None = Field(None, gt=0, le=10_000, decimal_places=6)
    active: bool = True

    @field_validator("name", "goal", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return value.replace("\x00", "").strip() if isinstance(value, str) else value

    @field_validator("cost", mode="before")
    @classmethod
    def _no_cost(cls, value: Any) -> Any:
        return None if value == "" else value


class ScheduleKeeper:
    """Keeps people's schedules in order; the scheduler hears of it from the store."""

    def __init__(
        self,
        store: Schedules,
        submit: Callable[[Mission], Awaitable[None]],
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store, self._submit, self._clock = store, submit, clock

    async def list(self, user_id: str) -> list[Schedule]:
        """List a user's schedules: the one due next first, paused ones last."""
        return await self._store.list(user_id)

    async def get(self, schedule_id: str, user_id: str) -> Schedule:
        """Return one schedule; raises NotFound if it is not this user's."""
        return await self._store.get(schedule_id, user_id)

    async def add(self, user_id: str, fields: Mapping[str, Any]) -> Schedule:
        """Check and keep a new schedule; raises BadInput that names the field and the fix."""
        wish, moment = checked(fields), self._clock()
        schedule = Schedule(
            **wish.model_dump(),
            id=new_id(),
            user_id=user_id,
            conversation_id=new_id(),
            next_at=_next(wish, moment),
            changed_by=user_id,
            changed_at=moment,
            created_at=moment,
        )
        await self._store.add(schedule)
        return schedule

    async def change(self, schedule_id: str, user_id: str, version: int, fields: Mapping[str, Any]) -> Schedule:
        """Change some fields; raises BadInput, NotFound, or Conflict if somebody changed it since `version`."""
        old = await self._store.get(schedule_id, user_id)
        before = Wish.model_validate(old.model_dump(include=set(Wish.model_fields)))
        wish = checked(before.model_dump() | dict(fields))
        values = wish.model_dump() | {"priority": wish.priority.value}
        if (wish.cron, wish.timezone, wish.active) != (before.cron, before.timezone, before.active):
            values["next_at"] = _next(wish, self._clock())
        await self._store.change(schedule_id, user_id, version, values)
        return await self._store.get(schedule_id, user_id)

    async def remove(self, schedule_id: str, user_id: str, version: int | None = None) -> None:
        """Remove a schedule; its conversation and what came of it stay."""
        await self._store.delete(schedule_id, user_id, version)

    async def run(self, schedule_id: str, user_id: str, request_id: str = "") -> Mission:
        """Give a schedule's mission now, whatever the time; the same `request_id` twice is one mission."""
        schedule, moment = await self._store.get(schedule_id, user_id), self._clock()
        number = derived_id(schedule.id, "now", request_id or new_id())
        mission = mission_of(schedule, number, moment, await self._store.standing(schedule))
        words = f"Started by hand on {shown(moment, schedule.timezone)}."
        await self._store.give(schedule, mission, words, MOST_QUEUED)
        await self._submit(mission)
        return mission


def checked(fields: Mapping[str, Any]) -> Wish:
    """Check what a person wants; raises BadInput that names the field and the fix."""
    try:
        wish = Wish.model_validate(dict(fields))
    except ValidationError as error:
        raise BadInput(_first_problem(error)) from None
    if not wish.goal:
        raise BadInput("goal: it is empty. Say what you would like to have done.")
    timing = {"cron": timetable.check_cron(wish.cron), "timezone": timetable.check_timezone(wish.timezone)}
    return wish.model_copy(update=timing | {"name": wish.name or _name(wish.goal)})


def preview(cron: str, timezone: str, moment: datetime) -> dict[str, Any]:
    """Say a cron line in words, with the next three times in its zone; raises BadInput."""
    cron, timezone = timetable.check_cron(cron), timetable.check_timezone(timezone)
    coming = [shown(time, timezone) for time in timetable.coming(cron, timezone, moment)]
    return {"words": in_words(cron), "timezone": timezone, "next": coming}


def _next(wish: Wish, moment: datetime) -> datetime | None:
    return timetable.next_after(wish.cron, wish.timezone, moment) if wish.active else None


def _name(goal: str) -> str:
    line = goal.splitlines()[0]
    return line if len(line) <= 60 else line[:60].rsplit(" ", 1)[0] + " ..."


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else "schedule"
    context = problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            words = "it is missing."
        case "string_too_long":
            words = f"it is too long; at most {context['max_length']} characters."
        case "literal_error" | "enum":
            words = f"it must be {context['expected']}."
        case "extra_forbidden":
            words = f"there is no such field. There are {', '.join(Wish.model_fields)}."
        case _ if name == "cost":
            words = "it must be an amount of US dollars, more than 0 and at most 10,000; empty for no limit of its own."
        case "string_unicode":
            words = "it holds characters that are no text. Type them again."
        case _:
            words = f"{str(problem['msg']).removeprefix('Input ')}."
    return f"{name}: {words}"
