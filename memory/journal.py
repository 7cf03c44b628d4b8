"""The journal: what happened in each mission, in order, for replays after a crash and for everyone who watches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from weakref import WeakValueDictionary

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, NotFound
from core.events import Event, MissionEnded
from core.missions import RESTING, Status
from memory import tables
from memory.database import Database
from memory.event_rows import add_rows, from_row, storable, to_row
from memory.feed import Feed
from memory.outbox import Outbox
from memory.projections import project

_FENCE = str(
    select(tables.missions.c.attempt)
    .where(tables.missions.c.id == "")
    .compile(dialect=tables.SQLITE)
)  # fmt: skip


class Journal:
    """Gives writers and followers of missions; one per process, because followers hear of commits in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._feeds: WeakValueDictionary[str, Feed] = WeakValueDictionary()

    async def writer(self, mission_id: str, attempt: int) -> JournalWriter:
        """Open the journal of a mission for one attempt; raises Conflict if another attempt has it by now."""
        feed = self._feed(mission_id)
        _, current, past = await self._load(mission_id, 0)
        if current != attempt:
            raise _lost(attempt)
        return JournalWriter(self._database, feed, mission_id, attempt, past)

    async def read(self, mission_id: str, after: int = 0) -> list[Event]:
        """List the events after `after`; raises NotFound for an unknown mission."""
        return (await self._load(mission_id, after))[2]

    async def follow(self, mission_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Replay the events after `after`, then go on as they are committed: no gaps, none twice.

        Ends when the mission rests (at a definite end, or waiting) and nothing stands behind that; a mission that is
        resumed later (with an answer, or another attempt) is followed anew. Raises NotFound for an unknown mission.
        """
        feed = self._feed(mission_id)
        status, _, events = await self._load(mission_id, after)
        rests = status in RESTING
        while True:
            for event in events:
                after = event.seq
                yield event
            if rests and feed.last <= after:
                return
            found = await feed.after(after)
            if found is None:
                status, _, events = await self._load(mission_id, after)
                rests = status in RESTING
            else:
                events, rests = found, isinstance(found[-1], MissionEnded)

    def _feed(self, mission_id: str) -> Feed:
        feed = self._feeds.get(mission_id)
        if feed is None:
            feed = self._feeds[mission_id] = Feed()
        return feed

    async def _load(self, mission_id: str, after: int) -> tuple[Status, int, list[Event]]:
        # One statement, so that the status and the events are of the same moment.
        missions, events = tables.missions, tables.events
        behind = (events.c.mission_id == missions.c.id) & (events.c.seq > after)
        query = (
            select(missions.c.status, missions.c.attempt, events.c.seq, events.c.kind, events.c.data)
            .select_from(missions.outerjoin(events, behind))
            .where(missions.c.id == mission_id)
            .order_by(events.c.seq)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        if not rows:
            raise NotFound("There is no such mission.")
        past = [from_row(mission_id, seq, kind, data) for _, _, seq, kind, data in rows if seq is not None]
        return Status(rows[0].status), rows[0].attempt, past


class JournalWriter:
    """Writes the events of one attempt at a mission; `past` holds those that stood before.

    A writer whose attempt is no longer the mission's cannot write: its next `add` or `flush` raises Conflict.
    """

    def __init__(self, database: Database, feed: Feed, mission_id: str, attempt: int, past: list[Event]) -> None:
        self.past = past
        self._mission_id = mission_id
        self._attempt = attempt
        self._seq = past[-1].seq if past else 0
        self._keys = {event.key for event in past}
        self._outbox: Outbox[Event] = Outbox(database, self._store, feed.announce)

    def add(self, event: Event) -> None:
        """Take an event: it gets its seq and attempt, and is committed within milliseconds; one that may happen once only
        and already did is dropped."""
        if isinstance(self._outbox.problem, Conflict):
            raise self._outbox.problem
        key = event.key
        if key is not None and key in self._keys:
            return
        numbered = storable(event.model_copy(update={"seq": self._seq + 1, "attempt": self._attempt}))
        self._seq += 1
        self._keys.add(key)
        self._outbox.put(numbered)

    async def flush(self) -> None:
        """Return when everything added so far is committed; raises Conflict or StoreUnavailable if it cannot be."""
        await self._outbox.flush()

    async def close(self) -> None:
        """Commit what was added; the writer may be left then."""
        await self.flush()

    def _store(self, connection: Connection, events: Sequence[Event]) -> None:
        current = connection.exec_driver_sql(_FENCE, (self._mission_id,)).scalar_one_or_none()
        if current != self._attempt:
            raise _lost(self._attempt)
        try:
            add_rows(connection, [to_row(event) for event in events])
        except IntegrityError as error:
            raise _lost(self._attempt) from error
        project(connection, events)


def _lost(attempt: int) -> Conflict:
    return Conflict(f"Attempt {attempt} at this mission is over: another one has taken it up.")
