"""The inbox of a mission: orders of people, kept until an attempt at the mission has taken them up."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from core.errors import Conflict
from core.missions import ENDED, now
from core.steering import Order, OrderGiven, OrderKind
from memory import audit, tables
from memory.approvals import decide
from memory.database import Database
from memory.signals import WORK

_O = tables.orders.c
_IS_OPEN = _O.taken_at.is_(None)


class Orders:
    """Keeps orders; that one was taken up is written by the journal, together with the event that says so."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give(self, order: Order) -> bool:
        """Store an order, safe against a power cut when this returns; False if it was given before.

        A decision about an approval is made by this: raises NotFound if there is none for this person, Conflict if it was
        decided before. Raises Conflict if the mission is at its end (or gone), or if the id was used for something else.
        """
        where = audit.came_from.get()

        def work(connection: Connection) -> bool:
            given = _give(connection, order, where)
            self._database.signals.tell_others(connection, WORK)
            return given

        return await self._database.apply(work, durable=True)

    async def known(self, order: Order) -> bool:
        """Say whether this order was given before; raises Conflict if its id was used for another order.

        What was left open in it (the step, the answer's spelling) may have been filled in since.
        """
        found = await self._database.rows(select(_O.data).where(_O.id == order.id))
        if not found:
            return False
        before = Order.model_validate_json(found[0].data)
        filled = {"at": before.at, "step": order.step or before.step, "task_id": order.task_id or before.task_id}
        if order.kind is OrderKind.ANSWER:
            filled["text"] = before.text
        if before != order.model_copy(update=filled):
            raise _used()
        return True

    async def open(self, mission_id: str) -> list[Order]:
        """List the orders that no attempt has taken up, in the order they were given."""
        query = select(_O.data).where(_O.mission_id == mission_id, _IS_OPEN).order_by(_O.number)
        return [Order.model_validate_json(row.data) for row in await self._database.rows(query)]


def _give(connection: Connection, order: Order, where: str) -> bool:
    old = connection.execute(select(_O.data).where(_O.id == order.id)).scalar_one_or_none()
    if old is not None:
        before = Order.model_validate_json(old)
        if before.model_copy(update={"at": order.at}) != order:
            raise _used()
        return False
    missions = tables.missions.c
    found = select(missions.status).where(missions.id == order.mission_id).with_for_update()
    status = connection.execute(found).scalar_one_or_none()
    if status is None or status in {s.value for s in ENDED}:
        raise Conflict("This mission has ended; nothing in it can be changed any more.")
    if order.kind is OrderKind.DECIDE:
        decide(connection, order, where)
    row = {"id": order.id, "mission_id": order.mission_id, "kind": order.kind.value, "at": order.at}
    connection.execute(insert(tables.orders), row | {"data": order.model_dump_json()})
    return True


def _used() -> Conflict:
    return Conflict("This order's id was used for another order. Send it again with an id of its own.")


def take_up(connection: Connection, event: OrderGiven) -> None:
    """Note that an attempt has an order on record."""
    connection.execute(update(tables.orders).where(_O.id == event.order.id).values(taken_at=now()))
