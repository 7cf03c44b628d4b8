"""What every model call used and cost, one row per attempt."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from core.ports import LedgerRow
from memory import tables
from memory.database import Database
from memory.outbox import Outbox
from memory.statements import insert_into


class Ledger:
    """Keeps the rows; the ledger of core.ports."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._outbox: Outbox[LedgerRow] = Outbox(database, _store)

    async def record(self, row: LedgerRow) -> None:
        """Keep a row; it is committed with or before anything written after it, so nobody waits for the disk.

        If the rows before it could not be stored, that is raised here: what cannot be written down is not spent further.
        """
        if self._outbox.problem is not None:
            await self._outbox.flush()
        self._outbox.put(row)

    async def flush(self) -> None:
        """Return when every row recorded so far is committed."""
        await self._outbox.flush()

    async def of_mission(self, mission_id: str) -> list[LedgerRow]:
        """List the rows of one mission, oldest first."""
        await self.flush()
        query = select(tables.ledger).where(tables.ledger.c.mission_id == mission_id).order_by(tables.ledger.c.at)
        return [LedgerRow.model_validate(dict(row._mapping)) for row in await self._database.rows(query)]


def _store(connection: Connection, rows: Sequence[LedgerRow]) -> None:
    # Again after a server went away without saying whether it had committed.
    add = insert_into(connection, tables.ledger).on_conflict_do_nothing()
    connection.execute(add, [row.model_dump() for row in rows])
