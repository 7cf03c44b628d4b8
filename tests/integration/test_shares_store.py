"""Links in the store, on both databases: who finds one, when it ends, what stays of it, and copies of what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, select, text, update
from store_fixtures import mission, open_at, store

from core.errors import BadInput, Conflict, NotFound, Refused
from core.events import MissionEnded
from core.missions import now
from memory import shares as module
from memory import tables
from memory.blobs import Blobs
from memory.conversations import Conversations
from memory.database import Database
from memory.files import Files
from memory.journal import Journal
from memory.link_key import digest, link_key
from memory.migrate import FOLDER, prepare
from memory.missions import Missions
from memory.postgres_connection import connection_info
from memory.postgres_migrate import prepare as prepare_postgres
from memory.share_copies import Copies, turns_of
from memory.shares import Shares
from memory.snapshots import Share, SharedFile, SharedMessage, SharedSource, SharedStep, Snapshot
from memory.throttle import TooManyAttempts

SAID = SharedMessage(author="user", text="What is 6 * 7?", at=now())
ANSWERED = SharedMessage(
    author="chief",
    text="It is **42**.",
    at=now(),
    steps=(SharedStep(label="Analyst: work it out", summary="42"),),
    sources=(SharedSource(file="sums.csv", place="line 2", quote="42"),),
    files=(0,),
)


class Bench:
    """A store in which ada has a conversation, and links to it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.key = database, folder / "secrets" / "links.key"
        self.shares, self.blobs = Shares(database, self.key), Blobs(folder / "blobs")
        self.conversations = Conversations(database)

    async def share(self, share_id: str = "s", file: SharedFile | None = None, password: str = "", **more: Any) -> str:
        share = Share(id=share_id, user_id="ada", conversation_id="c", title="Sums", created_at=now())
        shown = Snapshot(messages=(SAID, ANSWERED if file else ANSWERED.model_copy(update={"files": ()})),
                         files=(file,) if file else ())  # fmt: skip
        await self.shares.publish(share.model_copy(update=more), shown, password)
        return await self.shares.token(share_id)

    async def file(self) -> SharedFile:
        content_hash = await self.blobs.put(b"1,42\n")
        return SharedFile(name="sums.csv", hash=content_hash, size=5, mime="text/csv")

    async def gone(self, token: str) -> bool:
        try:
            await self.shares.open(token)
        except NotFound as problem:
            return str(problem) == "There is no such link."
        return False


@pytest_asyncio.fixture
async def bench(place: Path | str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with store(place) as database:
        await Missions(database).accept(mission("m", "c"), "m-goal", "Sums")
        yield Bench(database, tmp_path)


async def test_what_was_shared_is_found_by_its_token_alone(bench: Bench) -> None:
    token = await bench.share(file=await bench.file())
    share, shown = await bench.shares.open(token)
    assert (share.id, share.title, [m.text for m in shown.messages]) == ("s", "Sums", [SAID.text, ANSWERED.text])
    assert shown.messages[1] == ANSWERED
    assert len(token) == 43
    for wrong in ("", "s", token[:-1], token + "A", token.swapcase(), digest(token), "x" * 10_000, "\ud800"):
        assert await bench.gone(wrong)


async def test_the_database_knows_the_hash_only(bench: Bench) -> None:
    token = await bench.share(password="open sesame")
    rows = await bench.database.rows(select(tables.shares))
    assert (rows[0].token_hash, token in str(rows), "open sesame" in str(rows)) == (digest(token), False, False)
    assert bench.key.stat().st_mode & 0o777 == 0o600
    assert Shares(bench.database, bench.key) is not bench.shares
    assert await Shares(bench.database, bench.key).token("s") == token  # after a restart the owner sees it again
    assert await Shares(bench.database, bench.key.with_name("other.key")).token("s") == ""
    assert not await bench.gone(token)


async def test_the_key_is_made_once_by_whoever_is_first(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "links.key"
    keys = await asyncio.gather(*(asyncio.to_thread(link_key, path) for _ in range(20)))
    assert (len(set(keys)), len(keys[0]) > 40, [p.name for p in path.parent.iterdir()]) == (1, True, ["links.key"])


async def test_a_link_ends_at_its_time_and_its_copy_is_erased(bench: Bench) -> None:
    file = await bench.file()
    token = await bench.share(file=file, expires_at=now() + timedelta(seconds=30))
    forever = await bench.share("forever")
    assert await bench.shares.sweep() == []
    await bench.database.write((update(tables.shares).where(tables.shares.c.id == "s").values(expires_at=now()), None))
    assert (await bench.gone(token), await bench.gone(forever)) == (True, False)
    assert await bench.shares.sweep() == [file.hash]
    share, shown = await bench.shares.get("s", "ada")
    assert (share.state(now()), shown) == ("expired", Snapshot())
    with pytest.raises(Conflict, match="does not come back"):
        await bench.shares.change("s", "ada", {"expires_at": None})
    assert await bench.gone(token)


async def test_a_revoked_link_is_gone_at_once_and_leaves_the_list_after_a_month(bench: Bench) -> None:
    file = await bench.file()
    token = await bench.share(file=file)
    other = await bench.share("other", file=file)
    assert list(await bench.shares.revoke("s", "ada")) == []  # the other link still shows the file
    assert (await bench.gone(token), await bench.gone(other)) == (True, False)
    assert list(await bench.shares.revoke("other", "ada")) == [file.hash]
    first = {s.id: s.revoked_at for s in await bench.shares.list("ada")}
    await bench.shares.revoke("s", "ada")
    assert {s.id: s.revoked_at for s in await bench.shares.list("ada")} == first
    old = now() - module.REMEMBERED - timedelta(days=1)
    await bench.database.write((update(tables.shares).where(tables.shares.c.id == "s").values(revoked_at=old), None))
    await bench.shares.sweep()
    assert [s.id for s in await bench.shares.list("ada")] == ["other"]


async def test_others_find_and_change_nothing(bench: Bench) -> None:
    await bench.share()
    assert await bench.shares.list("bob") == []
    for attempt in (
        bench.shares.get("s", "bob"),
        bench.shares.visits("s", "bob"),
        bench.shares.change("s", "bob", {"title": "Mine"}),
        bench.shares.revoke("s", "bob"),
        bench.shares.publish(
            Share(id="t", user_id="bob", conversation_id="c", title="x", created_at=now()), Snapshot()
        ),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await bench.shares.get("s", "ada"))[0].state(now()) == "live"


async def test_links_die_with_their_conversation_and_with_their_owner(bench: Bench) -> None:
    file = await bench.file()
    token = await bench.share(file=file)
    assert await bench.conversations.delete("c", "ada") == [file.hash]
    assert await bench.gone(token)
    await Missions(bench.database).accept(mission("m2", "c"), "m2-goal", "Sums")
    again = await bench.share()
    users = tables.users.c.id == "ada"
    await bench.database.write((update(tables.users).where(users).values(active=False), None))
    assert await bench.gone(again)
    await bench.database.write((update(tables.users).where(users).values(active=True), None))
    assert not await bench.gone(again)
    await bench.database.write((delete(tables.users).where(users), None))
    assert await bench.gone(again)
    assert await bench.database.rows(select(tables.shares)) == []


async def test_contents_stay_while_a_link_shows_them(bench: Bench) -> None:
    file = await bench.file()
    files = Files(bench.database)
    await Missions(bench.database).accept(mission("m2", "elsewhere"), "m2-goal", "x")
    await files.receive("ada", "elsewhere", name="a", content_hash=file.hash, size=5, mime="text/csv")
    await bench.share(file=file)
    assert await bench.conversations.delete("elsewhere", "ada") == []
    assert list(await bench.shares.revoke("s", "ada")) == [file.hash]


async def test_visits_are_counted_and_only_the_newest_are_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG", 3)
    await bench.share()
    for n in range(5):
        await bench.shares.visited("s", "page", f"192.0.{n}.x")
    await bench.shares.visited("s", "file", "bob")
    await bench.shares.visited("gone", "page", "nobody")
    visits = await bench.shares.visits("s", "ada")
    assert [(v.what, v.who) for v in visits] == [("file", "bob"), ("page", "192.0.4.x"), ("page", "192.0.3.x")]
    share, _ = await bench.shares.get("s", "ada")
    assert (share.views, share.viewed_at) == (5, visits[1].at)
    await asyncio.gather(*(bench.shares.visited("s", "page", "x") for _ in range(20)))
    assert (await bench.shares.get("s", "ada"))[0].views == 25


async def test_a_password_is_asked_for_slowly_and_a_new_one_shuts_out(bench: Bench) -> None:
    await bench.share(password="open sesame")
    share, _ = await bench.shares.get("s", "ada")
    assert share.protected
    given = await bench.shares.admit(share, "open sesame", "192.0.2.1")
    assert given == await bench.shares.pass_for("s")
    for wrong in ("", "Open sesame", "open sesame ", "x" * 5000):
        with pytest.raises(Refused, match="not the password"):
            await bench.shares.admit(share, wrong, "192.0.2.1")
    with pytest.raises(Refused, match="not the password"):
        await bench.shares.admit(share, "wrong", "192.0.2.1")
    with pytest.raises(TooManyAttempts):
        await bench.shares.admit(share, "open sesame", "192.0.2.9")  # from another address, too
    await bench.shares.change("s", "ada", {}, "another one")
    assert await bench.shares.pass_for("s") != given
    await bench.shares.change("s", "ada", {}, "")
    assert not (await bench.shares.get("s", "ada"))[0].protected


async def test_there_is_an_end_to_how_many_links_one_has(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    await bench.share("1")
    await bench.share("2")
    with pytest.raises(BadInput, match="You have 2 links"):
        await bench.share("3")
    await bench.shares.revoke("1", "ada")
    await bench.share("3")


async def test_a_copy_has_the_words_and_nobody_works_on_it(bench: Bench) -> None:
    more = SharedMessage(author="user", text="And 7 * 8?", at=now())
    turns = turns_of(Snapshot(messages=(SAID, ANSWERED, more)))
    copies = Copies(bench.database)
    for _ in range(2):
        await copies.begin("copy", "bob", "Sums", turns)
    said = await bench.conversations.messages("copy", user_id="bob")
    assert [(m.author, m.text) for m in said] == [("user", SAID.text), ("chief", ANSWERED.text), ("user", more.text)]
    rows = await Missions(bench.database).in_view("copy")
    assert [(r.status.value, r.mission.origin, r.mission.user_id) for r in rows] == [("completed", "copy", "bob")] * 2
    assert [r.mission.id for r in await Missions(bench.database).unfinished()] == ["m"]
    end = (await Journal(bench.database).read(rows[0].mission.id))[-1]
    assert isinstance(end, MissionEnded)
    assert [(s.file, s.quote, s.origin_id) for s in end.sources] == [("sums.csv", "42", "")]
    assert await bench.conversations.tainted("copy", "the next mission")  # they are somebody else's words
    with pytest.raises(NotFound):
        await copies.begin("copy", "ada", "Sums", turns)
    with pytest.raises(NotFound):
        await bench.conversations.get("copy", "ada")


async def test_the_tables_come_to_a_database_of_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "staffwork.db"
    prepare(path, 1.0, ("0001", "0002"), FOLDER)
    await _holds_links_after_opening(path)
    assert [p.name.startswith("staffwork-0002-") for p in (tmp_path / "backups").iterdir()] == [True]


async def test_the_tables_come_to_postgresql_of_the_version_before(postgres: str) -> None:
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await prepare_postgres(connection_info(postgres), 15, ("0001", "0002"))
    await _holds_links_after_opening(postgres)


async def _holds_links_after_opening(place: Path | str) -> None:
    database = await open_at(place)
    try:
        async with database.reading() as connection:
            for table in ("shares", "share_files", "share_views"):
                assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0
        assert await database.check() == ""
    finally:
        await database.close()


async def test_a_role_that_was_lowered_while_a_link_was_being_made_counts(bench: Bench) -> None:
    """It is looked at again in the moment the link is there; before, it was looked at when the making began."""
    theirs = update(tables.users).where(tables.users.c.id == "ada")
    for values, audience in (
        ({"role": "member"}, "public"),
        ({"role": "viewer"}, "people"),
        ({"role": "owner", "active": False}, "people"),
    ):
        await bench.database.write((theirs.values(**values), None))
        with pytest.raises(Refused):
            await bench.share("late", audience=audience)
    await bench.database.write((theirs.values(role="member", active=True), None))
    await bench.share("mine")
    with pytest.raises(Refused):
        await bench.shares.change("mine", "ada", {"audience": "public"})
    assert [(s.id, s.audience) for s in await bench.shares.list("ada")] == [("mine", "people")]
