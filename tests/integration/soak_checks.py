"""What must hold of every mission once the soak is over; each violation is a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from soak_outside import Outside
from soak_play import EFFECTS, Dag, play_of
from sqlalchemy import select

from core.errors import NotFound
from core.events import Event, MissionEnded, MissionStarted, ModelReplied, TaskEnded, ToolCalled, ToolReturned
from core.missions import ENDED, Status
from core.steering import OrderGiven, OrderSettled
from graphs.reception import Reception
from memory import tables

ONCE = {ModelReplied: "step", ToolReturned: "step", TaskEnded: "task_id"}


async def violations(
    reception: Reception, world: Outside, mission_id: str, followed: Sequence[Event], *, strict: bool = True
) -> list[str]:
    """List what is wrong with a mission that was acknowledged, followed, and brought to its end.

    Not `strict`, some of its calls and tasks may have failed, and then what they should have done is not there.
    """
    try:
        row = await reception.missions.get(mission_id)
    except NotFound:
        return [f"{mission_id}: was acknowledged, and is lost"]
    events = await reception.journal.read(mission_id)
    found = [*of_journal(events, row.status), *of_effects(world, mission_id, events, strict=strict)]
    if [e.seq for e in followed] != [e.seq for e in events]:
        found.append(f"followed {[e.seq for e in followed]} of {len(events)} events")
    elif list(followed) != events:
        found.append("what was followed is not what is on record")
    if row.status is Status.COMPLETED:
        found += of_results(mission_id, events, strict=strict)
    elif row.status is Status.FAILED:
        found.append(f"failed: {row.problem}")
    found += [problem async for problem in of_tables(reception, world, mission_id, events)]
    return [f"{mission_id}: {problem}" for problem in found]


def of_journal(events: Sequence[Event], status: Status) -> Iterator[str]:
    """No gap, one end for each rest, and no call or task that ended twice."""
    if [e.seq for e in events] != list(range(1, len(events) + 1)):
        yield f"gaps in the journal: {[e.seq for e in events]}"
    course = [e for e in events if isinstance(e, MissionStarted | MissionEnded)]
    for before, after in pairwise(course):
        if isinstance(before, MissionEnded) and isinstance(after, MissionEnded):
            yield f"ended twice, at {before.seq} and {after.seq}"
    ends = [e for e in events if isinstance(e, MissionEnded)]
    if not ends or ends[-1].status is not status:
        yield f"the row says {status.value}, the journal {ends[-1].status if ends else 'nothing'}"
    if sum(e.status in ENDED for e in ends) > 1:
        yield "came to its definite end more than once"
    if any(a.attempt > b.attempt for a, b in pairwise(events)):
        yield "an overtaken attempt wrote an event"
    for kind, name in ONCE.items():
        counted = Counter(getattr(e, name) for e in events if isinstance(e, kind))
        if repeated := [what for what, count in counted.items() if count > 1]:
            yield f"{kind.__name__} more than once: {repeated}"


def of_effects(world: Outside, mission_id: str, events: Sequence[Event], *, strict: bool) -> Iterator[str]:
    """Nothing happened twice outside, what is on record as done happened, and all of it if the mission is completed."""
    play = play_of(mission_id)
    called = {e.step: e.arguments.get("number") for e in events if isinstance(e, ToolCalled)}
    said = {called[e.step] for e in events if isinstance(e, ToolReturned) and e.status == "ok"}
    ended = [e.status for e in events if isinstance(e, MissionEnded)]
    if strict and ended[-1] is Status.COMPLETED:
        said |= set(range(1, (play.size if isinstance(play, Dag) else EFFECTS) + 1))
    for (name, number), done in world.done.items():
        if name == mission_id and done > 1:
            yield f"effect {number} was executed {done} times"
    for number in said:
        if not world.done[mission_id, number]:
            yield f"effect {number} was reported as done and never happened"


def of_results(mission_id: str, events: Sequence[Event], *, strict: bool) -> Iterator[str]:
    """Every task has its own result, and the answer is the one that was written."""
    play = play_of(mission_id)
    ended = [e for e in events if isinstance(e, TaskEnded)]
    results = {e.task_id: e.result for e in ended if strict or (e.status is Status.COMPLETED and "-" not in e.task_id)}
    wrong = {k: v for k, v in results.items() if play.results.get(k) != v}
    if wrong or (strict and results.keys() != play.results.keys()):
        yield f"results are wrong or missing: {wrong or play.results.keys() - results.keys()}"
    last = next(e for e in reversed(events) if isinstance(e, MissionEnded))
    if last.answer != play.answer:
        yield f"the answer is {last.answer!r}"


async def of_tables(reception: Reception, world: Outside, mission_id: str, events: Sequence[Event]) -> Any:
    """The other tables say the same as the journal."""

    async def rows(table: Any) -> list[Any]:
        return await reception.database.rows(select(table).where(table.c.mission_id == mission_id))

    ended = next(e for e in reversed(events) if isinstance(e, MissionEnded)).status
    effects = await rows(tables.effects)
    said = {e.step for e in events if isinstance(e, ToolReturned)}
    for row in effects:  # what came of one may stand in the journal alone, if it could not be stored there just then
        if row.state != "done" and ended is Status.COMPLETED and row.step not in said:
            yield f"the effect at {row.step} is still {row.state}"
    done = sum(count for (name, _), count in world.done.items() if name == mission_id)
    if len(effects) < done:
        yield f"{len(effects)} effects on record, {done} outside"
    orders = await rows(tables.orders)
    given = {e.order.id for e in events if isinstance(e, OrderGiven)}
    settled = {e.order_id for e in events if isinstance(e, OrderSettled)}
    if not {r.id for r in orders} == given == settled or any(r.taken_at is None for r in orders):
        yield f"orders: stored {len(orders)}, on record {len(given)}, settled {len(settled)}"
    tasks = {r.task_id: r.status for r in await rows(tables.tasks)}
    told = {e.task_id: e.status.value for e in events if isinstance(e, TaskEnded)}
    if any(tasks.get(name) != status for name, status in told.items()) or set(tasks.values()) & {"in_progress"}:
        yield f"tasks: the rows say {tasks}, the journal {told}"
    charged = Counter(r.step for r in await rows(tables.ledger))
    free = [e.step for e in events if isinstance(e, ModelReplied) and not charged[e.step]]
    too_often = [step for step, count in charged.items() if count > world.calls[mission_id, step]]
    if free or too_often:
        yield f"ledger: no row for {free}, too many for {too_often}"
    messages = [r for r in await rows(tables.messages) if r.author == "chief"]
    if ended is Status.COMPLETED and len(messages) != 1:
        yield f"{len(messages)} answers in the conversation"
