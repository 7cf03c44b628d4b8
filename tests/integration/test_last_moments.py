"""What happens in the last moment of a mission, of an attempt or of a file: nobody waits for good, nothing is taken away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from artifact_fixtures import Maker
from store_fixtures import mission, store

from core.budget import Usage
from core.errors import NotFound
from core.events import MissionEnded
from core.missions import Attachment, Status
from core.settings import Settings
from core.steering import Order, OrderGiven, OrderKind, OrderSettled
from graphs.file_keeping import delete_file
from graphs.reception import Reception
from memory.blobs import Blobs
from memory.conversations import Conversations
from memory.database import Database
from memory.files import Files
from memory.journal import Journal
from memory.missions import Missions
from memory.orders import Orders
from memory.people import People


async def test_a_slow_follower_comes_to_the_end_though_orders_are_answered_behind_it(place: Path | str) -> None:
    """Orders of the last moment are answered after a mission's end: who is slow finds the end and the answer at once."""
    async with store(place) as database:
        missions, journal = Missions(database), Journal(database)
        await missions.accept(mission("m"), "message", "m")
        writer = await journal.writer("m", await missions.start_attempt("m"))
        following = journal.follow("m")
        assert (await anext(following)).kind == "mission_accepted"
        late = Order(id="late", mission_id="m", kind=OrderKind.STOP, by="ada")
        writer.add(MissionEnded(mission_id="m", status=Status.COMPLETED, usage=Usage()))
        await writer.flush()
        writer.add(OrderGiven(mission_id="m", order=late))
        writer.add(OrderSettled(mission_id="m", order_id="late", outcome="refused", words="This mission has ended."))
        await writer.flush()
        async with asyncio.timeout(20):
            rest = [event.kind async for event in following]
        assert rest == ["mission_ended", "order_given", "order_settled"]


def reception(database: Database, blobs: Blobs) -> Reception:
    """What takes files in."""
    return Reception(
        settings=Settings(),
        database=database,
        people=People(database),
        conversations=Conversations(database),
        files=Files(database),
        missions=Missions(database),
        orders=Orders(database),
        journal=Journal(database),
        blobs=blobs,
    )


class Index:
    """What is found again; forgetting takes a while."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._meanwhile = meanwhile

    async def forget(self, **_: str) -> None:
        await self._meanwhile()


async def test_a_file_that_is_given_again_while_it_is_deleted_keeps_its_content(
    place: Path | str, tmp_path: Path
) -> None:
    given = tmp_path / "given.txt"
    given.write_text("the same words")
    async with store(place) as database:
        desk = reception(database, Blobs(tmp_path / "blobs"))

        async def give() -> Attachment:
            return await desk.receive("ada", "c", "given.txt", "text/plain", given)

        office = SimpleNamespace(uploads=desk.uploads, index=Index(give), blobs=desk.blobs, database=database)
        first = await give()
        await delete_file(cast(Any, office), first.id, "ada")
        [second] = await desk.uploads.find("ada")
        assert desk.blobs.path(second.attachment.hash).read_text() == "the same words"
        office.index = Index(nothing)
        await delete_file(cast(Any, office), second.attachment.id, "ada")
        with pytest.raises(NotFound):
            desk.blobs.path(first.hash)


async def nothing() -> None:
    """Nobody gives anything meanwhile."""


class Slow(Blobs):
    """Contents that have arrived, and are noted a little later."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def put_file(self, path: Path, max_bytes: int) -> tuple[str, int]:
        stored = await super().put_file(path, max_bytes)
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            await meanwhile()
        return stored


async def test_a_content_that_goes_before_its_second_owner_is_noted_comes_back(
    place: Path | str, tmp_path: Path
) -> None:
    given = tmp_path / "given.txt"
    given.write_text("the same words")
    async with store(place) as database:
        blobs = Slow(tmp_path / "blobs")
        desk = reception(database, blobs)
        first = await desk.receive("ada", "c", "given.txt", "text/plain", given)
        office = SimpleNamespace(uploads=desk.uploads, index=Index(nothing), blobs=blobs, database=database)
        blobs.meanwhile = lambda: delete_file(cast(Any, office), first.id, "ada")
        second = await desk.receive("bob", "d", "given.txt", "text/plain", given)
        assert blobs.path(second.hash).read_text() == "the same words"


async def test_a_file_is_safe_against_a_power_cut_once_it_is_given_and_gone_for_good_before_its_content_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "given.txt"
    given.write_text("words")
    async with store(tmp_path / "staffwork.db") as database:
        blobs, done, submit = Blobs(tmp_path / "blobs"), list[str](), database.submit

        def noted(work: Any, *, durable: bool = False, **more: Any) -> Any:
            done.append("synced" if durable else "written")
            return submit(work, durable=durable, **more)

        async def gone(self: Blobs, content_hash: str) -> None:
            done.append("content gone")

        monkeypatch.setattr(database, "submit", noted)
        monkeypatch.setattr(Blobs, "delete", gone)
        desk, maker = reception(database, blobs), Maker(database)
        file = await desk.receive("ada", "c", "given.txt", "text/plain", given)
        assert done == ["synced"]
        office = SimpleNamespace(uploads=desk.uploads, index=Index(nothing), blobs=blobs, database=database)
        await delete_file(cast(Any, office), file.id, "ada")
        assert done == ["synced", "synced", "content gone"]
        await maker.begin("m")
        artifact_id = await maker.make("m", "chart.txt")
        done.clear()
        await maker.artifacts.remove(artifact_id, "ada")
        assert done == ["synced"]


async def test_a_file_that_is_deleted_while_it_is_given_to_another_conversation_is_said_to_be_gone(
    place: Path | str, tmp_path: Path
) -> None:
    given = tmp_path / "given.txt"
    given.write_text("words")
    async with store(place) as database:
        blobs = Slow(tmp_path / "blobs")
        desk = reception(database, blobs)
        first = await desk.receive("ada", "c", "given.txt", "text/plain", given)
        office = SimpleNamespace(uploads=desk.uploads, index=Index(nothing), blobs=blobs, database=database)
        blobs.meanwhile = lambda: delete_file(cast(Any, office), first.id, "ada")
        with pytest.raises(NotFound, match="no such file"):
            await desk.receive("ada", "d", "given.txt", "text/plain", blobs.path(first.hash))
        assert not await desk.uploads.find("ada"), "no row without a content"
