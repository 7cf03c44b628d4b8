"""Missions and the ledger: accepted once and for good, even if the process is killed right after."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select
from store_fixtures import mission, open_at, store

from core.errors import Conflict, NotFound, StoreUnavailable
from core.events import MissionAccepted, MissionEnded, QuestionAnswered
from core.missions import Attachment, Priority, Status
from core.ports import LedgerRow
from memory import tables
from memory.conversations import Conversations
from memory.database import Database
from memory.files import Files
from memory.journal import Journal
from memory.ledger import Ledger
from memory.missions import Missions


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as database:
        yield database


async def end(database: Database, mission_id: str, status: Status) -> None:
    writer = await Journal(database).writer(mission_id, await Missions(database).start_attempt(mission_id))
    writer.add(MissionEnded(mission_id=mission_id, status=status, answer="which?" if status not in ("failed",) else ""))
    await writer.close()


async def test_accepting_stores_the_mission_its_message_and_its_first_event(database: Database) -> None:
    missions, given = Missions(database), mission("m", goal="Compare the files")
    given = given.model_copy(update={"priority": Priority.URGENT})
    assert await missions.accept(given, "msg", title="Compare") is True
    row = await missions.get("m", "ada")
    assert (row.mission, row.status, row.attempt, row.started_at) == (given, Status.PENDING, 0, None)
    (said,) = await Conversations(database).messages("c")
    assert (said.id, said.author, said.text, said.mission_id) == ("msg", "user", "Compare the files", "m")
    (event,) = await Journal(database).read("m")
    assert isinstance(event, MissionAccepted)
    assert (event.seq, event.goal, event.priority) == (1, "Compare the files", Priority.URGENT)


async def test_accepting_twice_changes_nothing(database: Database) -> None:
    missions = Missions(database)
    given = mission("m")
    results = await asyncio.gather(*(missions.accept(given, "msg", title="first") for _ in range(5)))
    assert sorted(results) == [False] * 4 + [True]
    await missions.start_attempt("m")
    assert await missions.accept(given.model_copy(update={"goal": "other"}), "msg2", title="second") is False
    row = await missions.get("m")
    assert (row.mission.goal, row.status) == ("m", Status.IN_PROGRESS)
    assert len(await Conversations(database).messages("c")) == 1
    assert len(await Journal(database).read("m")) == 1


async def test_a_mission_cannot_be_put_into_or_taken_from_somebody_elses_house(database: Database) -> None:
    missions = Missions(database)
    await missions.accept(mission("m", "c", "ada"), "msg", title="t")
    for foreign in (mission("m2", "c", "bob"), mission("m", "c2", "bob")):
        with pytest.raises(NotFound):
            await missions.accept(foreign, "msg2", title="t")
    with pytest.raises(NotFound):
        await missions.get("m", "bob")
    with pytest.raises(NotFound):
        await missions.get("m2")
    assert await missions.recent("bob", 10) == []
    assert [r.mission.id for r in await missions.recent("ada", 10)] == ["m"]
    with pytest.raises(NotFound):
        await Conversations(database).get("c2", "bob")  # nothing of the refused one was kept


async def test_received_files_are_tied_to_the_mission_they_came_with(database: Database) -> None:
    missions, files = Missions(database), Files(database)
    a = await files.receive("ada", "c", name="a.csv", content_hash="11", size=1, mime="text/csv")
    b = await files.receive("ada", "c", name="b.pdf", content_hash="22", size=2, mime="application/pdf")
    await missions.accept(mission("m1", "c", "ada", "", a), "msg1", title="Files")
    await missions.accept(mission("m2", "c", "ada", "", a, b), "msg2", title="More")
    assert (await missions.get("m1")).mission.attachments == (a,)
    assert (await missions.get("m2")).mission.attachments == (a, b)
    rows = await files.of_conversation("c", "ada")
    assert [(r.attachment, r.mission_id) for r in rows] == [(a, "m1"), (b, "m2")]
    assert (await Conversations(database).get("c", "ada")).title == "Files"


async def test_files_of_another_conversation_user_or_nowhere_are_refused(database: Database) -> None:
    missions, files = Missions(database), Files(database)
    other = await files.receive("ada", "elsewhere", name="a", content_hash="11", size=1, mime="")
    foreign = await files.receive("bob", "bobs", name="b", content_hash="22", size=1, mime="")
    nowhere = Attachment(id="nowhere", name="n", hash="33", size=1, mime="")
    for attachment in (other, foreign, nowhere):
        with pytest.raises(NotFound):
            await missions.accept(mission("m", "c", "ada", "", attachment), "msg", title="t")
    assert await missions.unfinished() == []
    with pytest.raises(NotFound):
        await files.receive("bob", "elsewhere", name="b", content_hash="22", size=1, mime="")


async def test_attempts_count_up_and_end_with_the_mission(database: Database) -> None:
    missions = Missions(database)
    await missions.accept(mission("m"), "msg", title="t")
    assert [await missions.start_attempt("m") for _ in range(3)] == [1, 2, 3]
    row = await missions.get("m")
    assert (row.status, row.attempt) == (Status.IN_PROGRESS, 3)
    assert row.started_at is not None
    await end(database, "m", Status.FAILED)
    with pytest.raises(Conflict, match="failed"):
        await missions.start_attempt("m")
    with pytest.raises(NotFound):
        await missions.start_attempt("nope")


async def test_what_must_be_continued_is_found_oldest_first(database: Database) -> None:
    missions = Missions(database)
    for n, name in enumerate(["new", "working", "waiting", "done", "oldest"]):
        given = mission(name, name)
        at = given.created_at + timedelta(seconds=-1 if name == "oldest" else n)
        await missions.accept(given.model_copy(update={"created_at": at}), f"{name}msg", title="t")
    await missions.start_attempt("working")
    await end(database, "waiting", Status.WAITING_ANSWER)
    await end(database, "done", Status.COMPLETED)
    assert [r.mission.id for r in await missions.unfinished()] == ["oldest", "new", "working"]
    assert [r.mission.id for r in await missions.recent(None, 2)] == ["done", "waiting"]


async def test_an_answer_puts_the_waiting_mission_back_to_work_even_if_nobody_does_it_now(database: Database) -> None:
    missions = Missions(database)
    await missions.accept(mission("m"), "msg", title="t")
    assert await missions.waiting_in("c") is None
    await end(database, "m", Status.WAITING_ANSWER)
    waiting = await missions.waiting_in("c")
    assert waiting is not None
    writer = await Journal(database).writer("m", waiting.attempt)
    writer.add(QuestionAnswered(mission_id="m", step="ask.1", answer="the first"))
    await writer.close()
    assert await missions.waiting_in("c") is None
    assert [r.mission.id for r in await missions.unfinished()] == ["m"]
    said = await Conversations(database).messages("c")
    assert [(s.author, s.text) for s in said] == [("user", "m"), ("chief", "which?"), ("user", "the first")]


def paid(row_id: str, **more: object) -> LedgerRow:
    return LedgerRow.model_validate(
        {"id": row_id, "mission_id": "m", "role": "chief", "provider": "openai", "model": "x"} | more
    )


async def test_the_ledger_reads_back_what_was_recorded(database: Database) -> None:
    ledger = Ledger(database)
    rows = [
        paid("1", cost=Decimal("0.000000123456789"), tokens_in=10, first_token_seconds=0.5, priced_by="provider"),
        paid("2", task_id="t1", outcome="timeout", seconds=1.5),
    ]
    for row in (*rows, paid("3", mission_id="other")):
        await ledger.record(row)
    assert await ledger.of_mission("m") == rows
    assert (await ledger.of_mission("m"))[1].cost is None  # unknown is not free


async def test_what_cannot_be_written_down_is_not_spent_further(tmp_path: Path) -> None:
    async with store(tmp_path / "staffwork.db", busy_seconds=0.05) as database:
        ledger = Ledger(database)
        with closing(sqlite3.connect(tmp_path / "staffwork.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            await ledger.record(paid("1"))
            with pytest.raises(StoreUnavailable):
                await ledger.flush()
            with pytest.raises(StoreUnavailable):
                await ledger.record(paid("2"))
            other.execute("ROLLBACK")
        await ledger.record(paid("3"))
        assert [row.id for row in await ledger.of_mission("m")] == ["1", "3"]


async def kill(place: Path | str, prefix: str, seconds: float) -> tuple[set[str], set[str]]:
    """Let a process acknowledge missions, kill it, and return what it had said was accepted and flushed."""
    root = str(Path(__file__).parents[2])
    tests, script = str(Path(__file__).parent), str(Path(__file__).with_name("acknowledging.py"))
    program = (
        f"import sys, runpy; sys.path[:0] = [{root!r}, {tests!r}]; runpy.run_path({script!r}, run_name='__main__')"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(place), prefix, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [await asyncio.wait_for(process.stdout.readline(), 20)]
    await asyncio.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    lines += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    said = [line.decode().split() for line in lines if line.endswith(b"\n")]
    return {w[1] for w in said if w[0] == "accepted"}, {w[1] for w in said if w[0] == "flushed"}


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(place: Path | str) -> None:
    await (await open_at(place)).close()
    chance = random.Random(7)
    accepted: set[str] = set()
    flushed: set[str] = set()
    for round_number in range(4):
        a, f = await kill(place, str(round_number), chance.uniform(0.02, 0.3))
        accepted |= a
        flushed |= f
    assert len(accepted) > 4, "each process had accepted something"
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    database = await open_at(place)
    events, missions = tables.events.c, tables.missions.c
    numbers = (func.min(events.seq), func.max(events.seq), func.count())
    per_mission = select(missions.id, *numbers).join(tables.events, events.mission_number == missions.number)
    async with database.reading() as connection:
        stored = set((await connection.execute(select(missions.id))).scalars())
        said = set((await connection.execute(select(tables.messages.c.mission_id))).scalars())
        counted = (await connection.execute(per_mission.group_by(missions.id))).all()
    assert accepted <= stored == said == {row[0] for row in counted}
    assert all(first == 1 and last == number for _, first, last, number in counted)
    assert {row[0] for row in counted if row[3] == 22} >= flushed
    assert {row.mission.id for row in await Missions(database).unfinished()} == stored
    await database.close()
