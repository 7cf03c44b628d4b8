"""Effects on record: what was about to happen outside before it happens, and what came of it, so that none happens twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update

from core.errors import Conflict
from core.missions import now
from core.ports import Effect, Intent, ToolOutcome
from memory import tables
from memory.database import Database

_M, _E = tables.missions.c, tables.effects.c


class Effects:
    """Keeps the intents; the effects of core.ports. Each method is one transaction, committed when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, effect: Effect, *, after: int = 0, beside: bool = False, decision: str = "") -> Intent:
        """Put on record that an effect begins, if exactly `after` runs of it are; else return what there is.

        `beside` begins it although the same step began something else before. The same `decision` lets it begin once.
        Raises Conflict if the mission is at another attempt by now.
        """
        return await self._database.apply(
            lambda c: _begin(c, effect, after, beside=beside, decision=decision), durable=effect.durable
        )

    async def finish(self, effect: Effect, runs: int, outcome: ToolOutcome) -> None:
        """Put on record what came of run number `runs`; raises Conflict if it is settled already, or was begun again.

        The attempt does not matter here: what an overtaken process did is as true, and spares a person the question.
        """
        await self._database.apply(lambda c: _finish(c, effect, runs, outcome), durable=effect.durable)

    async def open_of(self, mission_id: str) -> list[Effect]:
        """List the effects of a mission of which nobody knows what came, the oldest first."""
        query = select(tables.effects).where((_E.mission_id == mission_id) & (_E.state == "intended"))
        rows = await self._database.rows(query.order_by(_E.intended_at, _E.step))
        return [Effect(**{name: getattr(row, name) for name in _OF_ROW}) for row in rows]


_OF_ROW = ("mission_id", "step", "tool", "arguments_hash", "attempt")


def _begin(connection: Connection, effect: Effect, after: int, *, beside: bool, decision: str) -> Intent:
    _check_attempt(connection, effect)
    step = (_E.mission_id == effect.mission_id) & (_E.step == effect.step)
    rows = connection.execute(select(tables.effects).where(step).with_for_update()).all()
    found = next((row for row in rows if row.arguments_hash == effect.arguments_hash), None)
    if found is None:
        return _begin_first(connection, effect, rows, beside=beside, decision=decision)
    free = found.state == "intended" and found.runs == after and not (decision and decision == found.decision)
    if not free:
        outcome = None if found.outcome is None else ToolOutcome.model_validate_json(found.outcome)
        return Intent(runs=found.runs, outcome=outcome)
    again = {"runs": after + 1, "attempt": effect.attempt, "decision": decision, "intended_at": now()}
    connection.execute(update(tables.effects).where(_this(effect)).values(**again))
    return Intent(runs=after + 1, mine=True)


def _begin_first(
    connection: Connection, effect: Effect, others: Sequence[Any], *, beside: bool, decision: str
) -> Intent:
    if others and not beside:
        return Intent(runs=0, others=tuple(sorted({row.tool for row in others})))
    row = effect.model_dump(include=set(_OF_ROW))
    row |= {"runs": 1, "decision": decision, "state": "intended", "intended_at": now()}
    connection.execute(insert(tables.effects), row)
    return Intent(runs=1, mine=True)


def _check_attempt(connection: Connection, effect: Effect) -> None:
    # Shared: effects of one attempt do not wait for each other, only for one that is about to take over.
    wanted = select(_M.attempt).where(_M.id == effect.mission_id).with_for_update(read=True)
    if connection.execute(wanted).scalar_one_or_none() != effect.attempt:
        raise Conflict(f"Attempt {effect.attempt} at this mission is over: another one has taken it up.")


def _finish(connection: Connection, effect: Effect, runs: int, outcome: ToolOutcome) -> None:
    words = outcome.model_dump_json(exclude_defaults=True)
    found = connection.execute(select(tables.effects).where(_this(effect)).with_for_update()).one_or_none()
    if found is None or found.runs != runs or found.outcome not in (None, words):  # the same twice is once
        raise Conflict(f"What came of {effect.tool} at step {effect.step} was settled by somebody else meanwhile.")
    done = {"state": "done", "outcome": words, "done_at": now()}
    connection.execute(update(tables.effects).where(_this(effect)).values(**done))


def _this(effect: Effect) -> ColumnElement[bool]:
    step = (_E.mission_id == effect.mission_id) & (_E.step == effect.step)
    return step & (_E.arguments_hash == effect.arguments_hash)
