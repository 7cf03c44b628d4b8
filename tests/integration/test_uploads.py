"""Files people give, in the store: the room they take, how they are used, who was given them, and how they go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from store_fixtures import mission, store

from core.errors import BadInput, NotFound
from core.events import MessageSent
from core.missions import Attachment, Envelope, new_id, operator_address
from core.settings import Settings
from graphs.reception import Reception
from memory.database import Database
from memory.files import Files
from memory.journal import Journal
from memory.missions import Missions
from memory.uploads import SHORT, Room, Uploads, Used, check_room, use_of

MB = 1024 * 1024


async def give(
    database: Database, name: str, size: int = 10, talk: str = "c", user: str = "ada", **more: object
) -> Attachment:
    digest = f"{abs(hash(name)):064x}"[:64]
    return await Files(database).receive(
        user, talk, name=name, content_hash=digest, size=size, mime="text/plain", **more
    )  # type: ignore[arg-type]


async def test_what_a_person_keeps_is_counted_for_them_alone(place: str | Path) -> None:
    async with store(place) as database:
        uploads = Uploads(database)
        assert await uploads.used("ada") == Used(files=0, bytes=0)
        await give(database, "a.txt", 10)
        await give(database, "b.txt", 5, talk="d")
        await give(database, "c.txt", 100, talk="e", user="bob")
        assert await uploads.used("ada") == Used(files=2, bytes=15)
        assert await uploads.used("bob") == Used(files=1, bytes=100)


async def test_room_is_kept_also_where_several_come_at_once(place: str | Path) -> None:
    async with store(place) as database:
        room = Room(files=3, bytes=1000)
        wanted = [give(database, f"{n}.txt", 10, room=room) for n in range(8)]
        came = await asyncio.gather(*wanted, return_exceptions=True)
        assert sum(isinstance(one, Attachment) for one in came) == 3
        assert all(isinstance(one, (Attachment, BadInput)) for one in came), came
        assert (await Uploads(database).used("ada")).files == 3


def test_there_is_room_or_words() -> None:
    room = Room(files=2, bytes=10 * MB)
    check_room(Used(files=1, bytes=9 * MB), MB, room)
    with pytest.raises(BadInput, match=r"take 9 MB of 10 MB, and this one has 2\.0 MB\. Delete some on the page"):
        check_room(Used(files=1, bytes=9 * MB), 2 * MB, room)
    with pytest.raises(BadInput, match="You keep 2 files here, which is as many as you may"):
        check_room(Used(files=2, bytes=0), 1, room)


async def test_a_person_keeps_only_so_much(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "files_per_user": 2, "files_mb_per_user": 1})
    async with Reception.beside(settings) as office:
        user = await office.people.ensure_local_owner()
        small, large = tmp_path / "small.txt", tmp_path / "large.bin"
        small.write_text("x")
        large.write_bytes(b"x" * (MB + 1))
        with pytest.raises(BadInput, match="of 1 MB"):
            await office.receive(user.id, "c", "large.bin", "", large)
        assert not list((tmp_path / "data" / "blobs").rglob("*.*")), "it was not even copied"
        for name in ("a.txt", "b.txt"):
            await office.receive(user.id, "c", name, "", small)
        with pytest.raises(BadInput, match="2 files"):
            await office.receive(user.id, "c", "c.txt", "", small)
        [first, _] = await office.uploads.find(user.id)
        await office.uploads.delete(first.attachment.id, user.id)
        await office.receive(user.id, "c", "c.txt", "", small)


async def test_listed_searched_used_and_deleted(place: str | Path) -> None:
    async with store(place) as database:
        uploads, files = Uploads(database), Files(database)
        memo, plan = await give(database, "Memo 100%.pdf"), await give(database, "Plan_b.md", talk="d")
        await give(database, "Memo of bob.pdf", talk="e", user="bob")
        assert [u.attachment.name for u in await uploads.find("ada")] == ["Plan_b.md", "Memo 100%.pdf"]
        for query, found in (
            ("memo", [memo.id]),
            ("MEMO pdf", [memo.id]),
            ("100%", [memo.id]),
            ("n_b", [plan.id]),
            ("x", []),
        ):
            assert [u.attachment.id for u in await uploads.find("ada", query=query)] == found, query
        assert [u.attachment.id for u in await uploads.find("ada", conversation_id="d")] == [plan.id]
        assert await uploads.find("ada", conversation_id="e") == []
        await files.mark(memo.id, "checked")
        assert (await uploads.get(memo.id, "ada")).status == "checked"
        await files.mark(memo.id, "parsed", pages=3, characters=5000)
        await files.mark_indexed(memo.id, 3, 5000, "Page 2 was left out.")
        read = await uploads.get(memo.id, "ada")
        assert (read.status, read.pages, read.characters, read.attachment.note, read.use) == (
            "indexed", 3, 5000, "Page 2 was left out.", "search",
        )  # fmt: skip
        assert (await uploads.choose(memo.id, "ada", "tools")).use == "tools"
        assert (await uploads.choose(memo.id, "ada", "text")).chosen == "text"
        assert await uploads.chosen([memo.id, plan.id]) == {memo.id: "text"}
        assert (await uploads.choose(memo.id, "ada", "")).use == "search"
        with pytest.raises(BadInput, match="there is no 'mail'"):
            await uploads.choose(memo.id, "ada", "mail")
        for call in (
            uploads.get(memo.id, "bob"),
            uploads.choose(memo.id, "bob", "text"),
            uploads.delete(memo.id, "bob"),
        ):
            with pytest.raises(NotFound):
                await call
        assert await uploads.delete(memo.id, "ada") == [memo.hash]
        with pytest.raises(NotFound):
            await uploads.get(memo.id, "ada")


async def test_contents_that_somebody_else_needs_stay(place: str | Path) -> None:
    async with store(place) as database:
        mine = await give(database, "same.txt")
        await give(database, "same.txt", talk="e", user="bob")
        assert await Uploads(database).delete(mine.id, "ada") == []


async def test_who_was_given_a_file_is_on_record_once(place: str | Path) -> None:
    async with store(place) as database:
        file, gone = await give(database, "a.txt"), await give(database, "b.txt")
        given = mission(new_id(), "c", "ada")
        await Missions(database).accept(given, new_id(), title="About a")
        await Uploads(database).delete(gone.id, "ada")
        writer = await Journal(database).writer(given.id, 0)
        for task, operator in (("t1", "analyst"), ("t2", "writer"), ("t1", "analyst")):
            message = Envelope(
                message_id=new_id(), sender="chief", recipient=operator_address(task), message_type="delegation",
                content="Do it", metadata={"operator": operator}, attachments=(file.id, gone.id),
            )  # fmt: skip
            writer.add(MessageSent(mission_id=given.id, message=message))
        await writer.close()
        found = await Uploads(database).get(file.id, "ada")
        assert [(r.mission_id, r.task_id, r.operator) for r in found.receipts] == [
            (given.id, "t1", "analyst"), (given.id, "t2", "writer"),
        ]  # fmt: skip
        assert found.operators == {"analyst": 1, "writer": 1}


@pytest.mark.parametrize(
    ("name", "characters", "chosen", "use"),
    [("a.md", 10, "", "text"), ("a.md", SHORT, "", "text"), ("a.md", SHORT + 1, "", "search"), ("a.md", None, "", "search"),
     ("a.CSV", 10, "", "tools"), ("a.zip", None, "", "tools"), ("a.csv", 10, "text", "text"),
     ("a.png", None, "", "text"), ("a.png", None, "tools", "tools"), ("a.tiff", None, "", "tools"),
     ("a.md", 10, "tools", "tools"), ("a.md", 10, "nonsense", "text")],
)  # fmt: skip
def test_use_follows_kind_and_length(name: str, characters: int | None, chosen: str, use: str) -> None:
    assert use_of(name, characters, chosen) == use
