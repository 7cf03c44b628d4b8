"""Artifacts in the store, on both databases: versions, search, tags, renaming, restoring, deleting; another's do not exist."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from artifact_fixtures import Maker
from store_fixtures import store

from core.errors import BadInput, Conflict, NotFound
from core.ports import LedgerRow
from memory.conversations import Conversations
from memory.database import Database
from memory.files import Files
from memory.ledger import Ledger
from memory.tables import missions


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as database:
        yield database


@pytest.fixture
async def maker(database: Database) -> Maker:
    made = Maker(database)
    await made.begin("m1")
    return made


async def test_versions_are_counted_by_name_within_a_conversation(database: Database, maker: Maker) -> None:
    await maker.begin("other", "d")
    first, second = await maker.make("m1", "a.md", b"1"), await maker.make("m1", "a.md", b"2")
    await maker.make("m1", "b.md")
    elsewhere = await maker.make("other", "a.md")
    await maker.begin("m2")
    third = await maker.make("m2", "a.md", b"3")
    versions = await maker.artifacts.versions(first, "ada")
    assert [(v.id, v.version, v.newest) for v in versions] == [(third, 3, 3), (second, 2, 3), (first, 1, 3)]
    assert [v.id for v in await maker.artifacts.versions(elsewhere, "ada")] == [elsewhere]
    newest = await maker.artifacts.find("ada")
    assert sorted((v.conversation_id, v.name, v.version) for v in newest) == [
        ("c", "a.md", 3), ("c", "b.md", 1), ("d", "a.md", 1),
    ]  # fmt: skip


async def test_who_made_it_is_known(database: Database, maker: Maker) -> None:
    ledger = Ledger(database)
    about = {"mission_id": "m1", "task_id": "t1", "role": "operator", "provider": "p"}
    await ledger.record(LedgerRow(id="lost", step="t1/2", model="broken", outcome="failed", **about))
    await ledger.record(LedgerRow(id="l", step="t1/2", model="good", **about))
    await ledger.flush()
    made = await maker.artifacts.get(await maker.make("m1", "a.md"), "ada")
    assert (made.operator, made.model, made.step) == ("analyst", "good", "t1/2.0")
    assert (made.mission_id, made.conversation, made.by_person) == ("m1", "About c", False)


async def test_nobody_elses_exist(maker: Maker) -> None:
    made = await maker.make("m1", "a.md")
    store = maker.artifacts
    assert await store.find("bob") == []
    assert await store.unread("bob", 9) == []
    for call in (
        store.get(made, "bob"), store.versions(made, "bob"), store.rename(made, "bob", "b.md"),
        store.tag(made, "bob", ["x"]), store.restore(made, "bob"), store.remove(made, "bob"), store.get("none", "ada"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await call
    assert (await store.get(made, "ada")).name == "a.md"


async def test_they_are_found_by_name_tag_words_kind_and_conversation(maker: Maker) -> None:
    await maker.begin("other", "d")
    memo, chart = await maker.make("m1", "Memo 2026.docx"), await maker.make("other", "sales.chart.json")
    code = await maker.make("m1", "sales.json")
    store = maker.artifacts
    await store.keep_words(memo, "Die Erlöse stiegen um 7 %.")
    await store.keep_words(memo, "read only once")
    await store.tag(chart, "ada", ["Q3", " for  the board ", "Q3"])

    async def found(query: str = "", **more: str) -> set[str]:
        return {v.id for v in await store.find("ada", query=query, **more)}

    assert await found("memo") == {memo}
    assert await found("erlose STIEG") == {memo}
    assert await found("erlose fielen") == set()
    assert await found("board") == {chart}
    assert await found("sales 100%_") == set()
    assert await found("%") == set()
    assert await found(kind="chart") == {chart}
    assert await found(kind="code") == {code}
    assert await found(conversation_id="d") == {chart}
    assert await found(tag="Q3") == {chart}
    assert await found("once") == set()
    with pytest.raises(BadInput, match="kind"):
        await store.find("ada", kind="nonsense")


async def test_what_was_read_is_not_read_again(maker: Maker) -> None:
    old = await maker.make("m1", "a.md", b"1")
    new = await maker.make("m1", "a.md", b"2")
    assert [a.id for a in await maker.artifacts.unread("ada", 9)] == [new]
    await maker.artifacts.keep_words(new, "", "It is damaged.")
    await maker.artifacts.keep_words("gone", "words")
    assert await maker.artifacts.unread("ada", 9) == []
    assert [v.id for v in await maker.artifacts.versions(new, "ada")] == [new, old]


async def test_renaming_takes_all_versions_and_no_taken_name(maker: Maker) -> None:
    first, second = await maker.make("m1", "a.md", b"1"), await maker.make("m1", "a.md", b"2")
    await maker.make("m1", "b.md")
    with pytest.raises(Conflict, match=r"b\.md"):
        await maker.artifacts.rename(first, "ada", "b.md")
    await maker.artifacts.rename(first, "ada", "c.md")
    assert [v.name for v in await maker.artifacts.versions(second, "ada")] == ["c.md", "c.md"]
    assert (await maker.artifacts.get(await maker.make("m1", "c.md"), "ada")).version == 3


async def test_an_old_version_comes_back_as_the_newest(database: Database, maker: Maker) -> None:
    first, second = await maker.make("m1", "a.md", b"1"), await maker.make("m1", "a.md", b"2")
    with pytest.raises(Conflict, match="newest"):
        await maker.artifacts.restore(second, "ada")
    again = await maker.artifacts.get(await maker.artifacts.restore(first, "ada"), "ada")
    old = await maker.artifacts.get(first, "ada")
    assert (again.version, again.hash, again.by_person, again.restored_from) == (3, old.hash, True, first)
    assert [a.id for a in await Files(database).of_mission("m1")] == [first, second], "a mission did not make it"


async def test_tags_are_of_all_versions_and_bounded(maker: Maker) -> None:
    first = await maker.make("m1", "a.md", b"1")
    await maker.artifacts.tag(first, "ada", ["draft"])
    second = await maker.make("m1", "a.md", b"2")
    assert (await maker.artifacts.get(second, "ada")).tags == ("draft",)
    await maker.artifacts.tag(second, "ada", [])
    assert (await maker.artifacts.get(first, "ada")).tags == ()
    for wrong in (["x" * 61], [str(n) for n in range(21)]):
        with pytest.raises(BadInput, match="tags"):
            await maker.artifacts.tag(first, "ada", wrong)


async def test_deleting_says_which_contents_nobody_needs(maker: Maker) -> None:
    first = await maker.make("m1", "a.md", b"1")
    shared = await maker.make("m1", "b.md", b"2")
    second = await maker.make("m1", "a.md", b"2")
    await maker.artifacts.keep_words(second, "words")
    gone = (await maker.artifacts.get(first, "ada")).hash
    assert await maker.artifacts.remove(second, "ada") == [gone]
    with pytest.raises(NotFound):
        await maker.artifacts.get(first, "ada")
    assert (await maker.artifacts.get(shared, "ada")).version == 1


async def test_a_branch_counts_on_and_keeps_them_when_its_parent_goes(database: Database, maker: Maker) -> None:
    first = await maker.make("m1", "a.md", b"1")
    await maker.begin("m2")
    await maker.make("m2", "a.md", b"2")
    talks = Conversations(database)
    for mission_id in ("m1", "m2"):
        await database.write((_ended(mission_id), None))
    await talks.branch("c", "m2", "ada", new="branch")
    await maker.begin("m3", "branch")
    third = await maker.make("m3", "a.md", b"3")
    assert [(v.id, v.version) for v in await maker.artifacts.versions(third, "ada")] == [(third, 2), (first, 1)]
    await talks.hand_over("c", "ada")
    await talks.delete("c", "ada")
    assert [(v.id, v.version) for v in await maker.artifacts.versions(third, "ada")] == [(third, 2), (first, 1)]
    assert [v.id for v in await maker.artifacts.find("ada")] == [third]


def _ended(mission_id: str) -> Any:
    return missions.update().where(missions.c.id == mission_id).values(status="completed")
