"""The journal: what happened in each mission, in order, for replays after a crash and for everyone who watches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple
from weakref import WeakValueDictionary

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, NotFound
from core.events import Event, MissionEnded, MissionStarted
from core.missions import RESTING, Status
from memory import tables
from memory.database import Database
from memory.event_rows import add_rows, from_row, storable, to_data
from memory.feed import Feed
from memory.outbox import Outbox
from memory.projections import project
from memory.statements import Ready

_M, _E = tables.missions.c, tables.events.c
_THIS = (_M.number == 0) & (_M.id == "")  # the id too: the number of a deleted mission may be given again
_FENCE = Ready(select(_M.attempt).where(_THIS).with_for_update(key_share=True))  # SQLite has one writer anyway
_STORED = Ready(select(_E.seq, _E.data).where((_E.mission_number == 0) & (_E.seq >= 0)))


class _Past(NamedTuple):
    """A mission at one moment, with its events so far."""

    status: Status
    attempt: int
    number: int
    events: list[Event]


class Journal:
    """Gives writers and followers of missions.

    One per process: followers hear of its own commits in memory, of those of other processes from the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._feeds: WeakValueDictionary[str, Feed] = WeakValueDictionary()

    async def writer(self, mission_id: str, attempt: int) -> JournalWriter:
        """Open the journal of a mission for one attempt; raises Conflict if another attempt has it by now."""
        feed = self._feed(mission_id)
        past = await self._load(mission_id, 0)
        if past.attempt != attempt:
            raise _lost(attempt)
        return JournalWriter(self._database, feed, mission_id, past)

    async def read(self, mission_id: str, after: int = 0) -> list[Event]:
        """List the events after `after`; raises NotFound for an unknown mission."""
        return (await self._load(mission_id, after)).events

    async def follow(self, mission_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Replay the events after `after`, then go on as they are committed: no gaps, none twice.

        Ends when the mission rests (at a definite end, or waiting) and nothing stands behind that; a mission that is
        resumed later (with an answer, or another attempt) is followed anew. Raises NotFound for an unknown mission.
        """
        feed = self._feed(mission_id)
        with self._database.signals.calling(mission_id, feed.hint):
            found: list[Event] | None = None
            rests = False
            while True:
                if found is None:
                    hints = feed.hints
                    past = await self._load(mission_id, after)
                    events, rests = past.events, past.status in RESTING
                else:
                    events, rests = found, _rests_after(found, rests)
                for event in events:
                    after = event.seq
                    yield event
                if rests and feed.last <= after and feed.hints == hints:
                    return
                found = await feed.after(after, hints)

    async def stirred(self, mission_id: str, after: int) -> None:
        """Return when something is written about a mission behind `after`, or may be: to be followed anew then."""
        feed = self._feed(mission_id)
        with self._database.signals.calling(mission_id, feed.hint):
            await feed.after(after, feed.hints)

    def _feed(self, mission_id: str) -> Feed:
        feed = self._feeds.get(mission_id)
        if feed is None:
            feed = self._feeds[mission_id] = Feed()
        return feed

    async def _load(self, mission_id: str, after: int) -> _Past:
        # One statement, so that the status and the events are of the same moment.
        query = (
            select(_M.status, _M.attempt, _M.number, _E.seq, _E.kind, _E.data)
            .select_from(tables.missions.outerjoin(tables.events, (_E.mission_number == _M.number) & (_E.seq > after)))
            .where(_M.id == mission_id)
            .order_by(_E.seq)
        )
        rows = await self._database.rows(query)
        if not rows:
            raise NotFound("There is no such mission.")
        events = [from_row(mission_id, seq, kind, data) for *_, seq, kind, data in rows if seq is not None]
        return _Past(Status(rows[0].status), rows[0].attempt, rows[0].number, events)


class JournalWriter:
    """Writes the events of one attempt at a mission; `past` holds those that stood before.

    A writer whose attempt is no longer the mission's cannot write: its next `add` or `flush` raises Conflict.
    """

    def __init__(self, database: Database, feed: Feed, mission_id: str, past: _Past) -> None:
        self.past = past.events
        self._signals = database.signals
        self._mission_id, self._number, self._attempt = mission_id, past.number, past.attempt
        self._seq = self.past[-1].seq if self.past else 0
        self._keys = {event.key for event in self.past}
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

    def hurry(self) -> None:
        """Have what was added so far committed without waiting for company: somebody is looking."""
        self._outbox.hurry()

    async def flush(self) -> None:
        """Return when everything added so far is committed; raises Conflict or StoreUnavailable if it cannot be."""
        await self._outbox.flush()

    async def close(self) -> None:
        """Commit what was added; the writer may be left then."""
        await self.flush()

    def _store(self, connection: Connection, events: Sequence[Event]) -> None:
        current = _FENCE.run(connection, (self._number, self._mission_id)).scalar_one_or_none()
        if current != self._attempt:
            raise _lost(self._attempt)
        if self._outbox.problem is not None:
            events = self._not_stored(connection, events)
        try:
            add_rows(connection, self._number, events)
        except IntegrityError as error:
            raise _lost(self._attempt) from error
        project(connection, events)
        self._signals.tell_others(connection, self._mission_id)

    def _not_stored(self, connection: Connection, events: Sequence[Event]) -> Sequence[Event]:
        """Leave out what stands there already: a server that went away may have committed and not said so."""
        stored = {seq: data for seq, data in _STORED.run(connection, (self._number, events[0].seq))}
        return [e for e in events if stored.get(e.seq) != to_data(e)]


def _rests_after(events: Sequence[Event], rests: bool) -> bool:
    """Say whether a mission rests after these events; answers to orders that came in the last moment stand behind its end."""
    for event in events:
        if isinstance(event, MissionEnded | MissionStarted):
            rests = isinstance(event, MissionEnded)
    return rests


def _lost(attempt: int) -> Conflict:
    return Conflict(f"Attempt {attempt} at this mission is over: another one has taken it up.")
