"""Schedules at the terminal: `staffwork schedules ...`; all of it works beside a running server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import BadInput, NotFound
from core.missions import Mission
from core.settings import Settings

if TYPE_CHECKING:
    from graphs.schedule_keeping import ScheduleKeeper
    from memory.schedules import Schedule

schedules = typer.Typer(help="Missions at the times you choose.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Which = Annotated[str, typer.Argument(help="The schedule's id, its beginning, or its name.")]


def add_schedules(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(schedules, name="schedules")


@schedules.command("list")
def list_schedules(as_json: Json = False) -> None:
    """List your schedules, the one due next first."""
    _do(_list, as_json=as_json)


@schedules.command("add")
def add_schedule(
    goal: Annotated[str, typer.Argument(help="What you would like to have done each time.")],
    *,
    cron: Annotated[str, typer.Option(help='When: "every weekday at 8:00", or a cron line like "0 8 * * 1-5".')],
    timezone: Annotated[str, typer.Option(help="Whose clock that is: Europe/Berlin, America/New_York, UTC ...")],
    name: Annotated[str, typer.Option(help="What to call it.")] = "",
    missed: Annotated[str, typer.Option(help="Times missed while nothing ran: skip, latest (once) or all.")] = "latest",
    overlap: Annotated[str, typer.Option(help="While the mission before has not ended: skip or queue.")] = "skip",
    unattended: Annotated[str, typer.Option(help="Where you would have to decide: park (wait) or deny.")] = "park",
    priority: Annotated[str, typer.Option(help="urgent, high, medium or low.")] = "medium",
    cost: Annotated[str, typer.Option(help="Most US dollars each time; empty: no limit of its own.")] = "",
    as_json: Json = False,
) -> None:
    """Have something done again and again."""
    fields = {"goal": goal, "cron": cron, "timezone": timezone, "name": name, "missed": missed, "overlap": overlap}
    fields |= {"unattended": unattended, "priority": priority, "cost": cost}
    _do(_add, fields, as_json=as_json)


@schedules.command("pause")
def pause_schedule(schedule: Which, as_json: Json = False) -> None:
    """Let a schedule rest; what comes meanwhile is not made up for."""
    _do(_set_active, schedule, False, as_json=as_json)


@schedules.command("resume")
def resume_schedule(schedule: Which, as_json: Json = False) -> None:
    """Let a paused schedule go on."""
    _do(_set_active, schedule, True, as_json=as_json)


@schedules.command("remove")
def remove_schedule(schedule: Which, as_json: Json = False) -> None:
    """Remove a schedule; what came of it stays in its conversation."""
    _do(_remove, schedule, as_json=as_json)


@schedules.command("run")
def run_schedule(schedule: Which, as_json: Json = False) -> None:
    """Give a schedule's mission now and follow it to its end."""
    from chat.terminal import _run, _settings

    _run(_run_now(_settings("warning"), schedule, as_json=as_json))


def _do(work: Any, *given: Any, as_json: bool) -> None:
    from chat.terminal import _run, _settings

    settings = _settings("warning")

    async def done() -> int:
        async with _keeping(settings) as (keeper, user_id):
            await work(keeper, user_id, *given, as_json=as_json)
        return 0

    _run(done())


@asynccontextmanager
async def _keeping(settings: Settings) -> AsyncIterator[tuple[ScheduleKeeper, str]]:
    """Open the schedules without the office, beside whoever runs it; the server notices a change by itself."""
    from graphs.schedule_keeping import ScheduleKeeper
    from memory.database import open_database
    from memory.people import People
    from memory.schedules import Schedules

    await asyncio.to_thread(settings.data_dir.mkdir, parents=True, exist_ok=True, mode=0o700)
    database = await open_database(settings)
    try:
        store, user = Schedules(database), await People(database).ensure_local_owner()
        yield ScheduleKeeper(store, _nowhere), user.id
    finally:
        await database.close()


async def _nowhere(mission: Mission) -> None:
    raise BadInput(f"Mission {mission.id} cannot be run from here. Use: staffwork schedules run")


async def _list(keeper: ScheduleKeeper, user_id: str, *, as_json: bool) -> None:
    found = await keeper.list(user_id)
    for schedule in found:
        _tell(schedule, as_json=as_json)
    if not found and not as_json:
        typer.echo(
            'No schedules yet. Add one: staffwork schedules add "..." --cron "every weekday at 8:00" --timezone UTC'
        )


async def _add(keeper: ScheduleKeeper, user_id: str, fields: dict[str, str], *, as_json: bool) -> None:
    _tell(await keeper.add(user_id, fields), as_json=as_json)


async def _set_active(keeper: ScheduleKeeper, user_id: str, given: str, active: bool, *, as_json: bool) -> None:
    schedule = await _find(keeper, user_id, given)
    _tell(await keeper.change(schedule.id, user_id, schedule.version, {"active": active}), as_json=as_json)


async def _remove(keeper: ScheduleKeeper, user_id: str, given: str, *, as_json: bool) -> None:
    schedule = await _find(keeper, user_id, given)
    await keeper.remove(schedule.id, user_id, schedule.version)
    if not as_json:
        typer.echo(f"Removed: {schedule.name}")


async def _run_now(settings: Settings, given: str, *, as_json: bool) -> int:
    from chat.terminal_missions import follow_to_rest
    from chat.terminal_place import at_hand
    from graphs.schedule_keeping import ScheduleKeeper
    from memory.schedules import Schedules

    async with at_hand(settings, work=True) as place:
        keeper = ScheduleKeeper(Schedules(place.desk.database), place.desk.submit)
        schedule = await _find(keeper, place.user_id, given)
        mission = await keeper.run(schedule.id, place.user_id)
        return await follow_to_rest(place, mission.id, 0, None, as_json=as_json)


async def _find(keeper: ScheduleKeeper, user_id: str, given: str) -> Schedule:
    """Find a schedule by the beginning of its id, or by its name; raises NotFound or BadInput."""
    found = await keeper.list(user_id)
    fits = [s for s in found if s.id.startswith(given) or s.name.casefold() == given.casefold()]
    if not fits:
        raise NotFound(f"There is no schedule {given}. List them with: staffwork schedules list")
    if len(fits) > 1:
        raise BadInput(f"{len(fits)} schedules fit {given}. Give more of the id.")
    return fits[0]


def _tell(schedule: Schedule, *, as_json: bool) -> None:
    from api.schedules import shown
    from chat.terminal import say_json

    fields = shown(schedule)
    if as_json:
        return say_json(fields)
    typer.echo(f"{schedule.id}  {schedule.name}")
    due = f"next: {fields['next_shown']}" if schedule.next_at else "paused"
    typer.echo(f"  {fields['words']}, {schedule.timezone}; {due}")
    if schedule.last_words:
        status = f" ({schedule.last_status.value})" if schedule.last_status else ""
        typer.echo(f"  {schedule.last_words}{status}")
    return None
