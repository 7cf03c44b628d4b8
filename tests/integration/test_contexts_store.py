"""Context documents: kept with every version, one person's hidden from another, and given to whom they fit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from store_fixtures import store

from agents.context_files import read_context, shipped_contexts, written
from core.errors import BadInput, Conflict, NotFound, Refused
from core.memories import Context
from core.missions import now
from graphs.context_choosing import ROOM, Said, choose, in_force
from graphs.context_keeping import ContextKeeper
from graphs.context_wishes import checked
from memory import contexts as stored
from memory import tables
from memory.approvals import Approvals
from memory.contexts import Contexts

TAX: dict[str, Any] = {"title": "Our taxes", "triggers": "tax*, value added", "text": "We pay 19 percent."}


@pytest.fixture
async def keeper(place: Path | str) -> AsyncIterator[ContextKeeper]:
    async with store(place) as database:
        await database.write((update(tables.users).where(tables.users.c.id == "bob").values(role="admin"), None))
        yield ContextKeeper(Contexts(database), shipped_contexts(), Approvals(database).role_of)


async def test_a_document_is_kept_changed_and_restored_with_every_version(keeper: ContextKeeper) -> None:
    made = await keeper.add("ada", TAX)
    assert (made.name, made.triggers, made.version) == ("our-taxes", ("tax*", "value added"), 1)
    changed = await keeper.change(made.id, "ada", 1, {"text": "We pay 7 percent.", "enabled": False})
    assert (changed.text, changed.enabled, changed.version) == ("We pay 7 percent.", False, 2)
    diff = await keeper.diff(made.id, "ada", 1, 2)
    assert "-We pay 19 percent." in diff
    assert "+We pay 7 percent." in diff
    back = await keeper.restore(made.id, "ada", 2, 1)
    assert (back.text, back.enabled, back.version) == ("We pay 19 percent.", False, 3)  # off stays off
    history = await keeper.versions(made.id, "ada")
    assert [(v.version, v.text, v.changed_by) for v in history] == [
        (3, "We pay 19 percent.", "ada"), (2, "We pay 7 percent.", "ada"), (1, "We pay 19 percent.", "ada"),
    ]  # fmt: skip
    await keeper.remove(made.id, "ada", 3)
    with pytest.raises(NotFound):
        await keeper.versions(made.id, "ada")


async def test_who_comes_second_hears_who_was_first(keeper: ContextKeeper) -> None:
    made = await keeper.add("bob", TAX, house=True)
    await keeper.change(made.id, "bob", 1, {"text": "Mine."})
    for late in (
        keeper.change(made.id, "bob", 1, {"text": "Yours."}),
        keeper.restore(made.id, "bob", 1, 1),
        keeper.remove(made.id, "bob", 1),
    ):
        with pytest.raises(Conflict, match="bob changed this document on "):
            await late
    assert (await keeper.get(made.id, "bob")).text == "Mine."


async def test_what_is_somebody_elses_does_not_exist_and_the_house_is_for_administrators(keeper: ContextKeeper) -> None:
    mine, house = await keeper.add("ada", TAX), await keeper.add("bob", TAX, house=True)
    for forbidden in (
        keeper.get(mine.id, "bob"),
        keeper.change(mine.id, "bob", 1, {"text": "x"}),
        keeper.versions(mine.id, "bob"),
        keeper.remove(mine.id, "bob"),
        keeper.diff(mine.id, "bob", 1, 1),
        keeper.accept(mine.id, "bob", 1),
    ):
        with pytest.raises(NotFound):
            await forbidden
    assert (await keeper.get(house.id, "ada")).text == house.text
    for refused in (
        keeper.change(house.id, "ada", 1, {"text": "x"}),
        keeper.remove(house.id, "ada"),
        keeper.add("ada", {"title": "New", "text": "x"}, house=True),
        keeper.change("shipped:approvals", "bob", 1, {"text": "x"}),
        keeper.remove("shipped:approvals", "bob"),
    ):
        with pytest.raises(Refused):
            await refused
    assert [await keeper.may_change(c, "ada") for c in (mine, house, await keeper.get("shipped:files", "ada"))] == [
        True, False, False,
    ]  # fmt: skip


async def test_names_are_taken_once_and_there_are_only_so_many(
    keeper: ContextKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeper.add("ada", TAX)
    with pytest.raises(Conflict, match="called our-taxes"):
        await keeper.add("ada", {"title": "Our  Taxes!", "text": "x"})
    await keeper.add("bob", TAX)
    monkeypatch.setattr(stored, "MOST", 2)
    await keeper.add("ada", {"title": "Two", "text": "x"})
    with pytest.raises(BadInput, match="most there can be"):
        await keeper.add("ada", {"title": "Three", "text": "x"})


async def test_a_draft_is_given_to_nobody_until_a_person_accepts_it(keeper: ContextKeeper) -> None:
    draft = Context(id="d1", owner="ada", name="tax-draft", title="Tax", triggers=("tax",), text="Ask no questions.",
                    draft="An operator drafted it.", changed_by="ada", changed_at=now())  # fmt: skip
    assert await keeper.keep_draft(draft)
    assert not await keeper.keep_draft(draft)  # the same call again after a crash
    assert await keeper.choose("ada", "Work on the tax.") == ()
    await keeper.change("d1", "ada", 1, {"text": "Ask questions."})
    assert await keeper.choose("ada", "Work on the tax.") == (), "to change it is not to accept it"
    assert not (await keeper.accept("d1", "ada", 2)).draft
    [given] = await keeper.choose("ada", "Work on the tax.")
    assert (given.quote, given.origin, given.origin_id) == ("Ask questions.", "context", "d1@3")
    assert await keeper.choose("bob", "Work on the tax.") == ()


async def test_ones_own_replaces_the_houses_which_replaces_what_ships(keeper: ContextKeeper) -> None:
    goal = "How do approvals work?"
    trigger = {"name": "approvals", "triggers": ["how do approvals work"]}
    assert [s.file for s in await keeper.choose("ada", goal)] == ["Approvals"]
    house = await keeper.add("bob", trigger | {"title": "Ours", "text": "Ask Bob."}, house=True)
    assert [s.file for s in await keeper.choose("ada", goal)] == ["Ours"]
    own = await keeper.add("ada", trigger | {"title": "Mine", "text": "Ask me."})
    assert [s.file for s in await keeper.choose("ada", goal)] == ["Mine"]
    assert [s.file for s in await keeper.choose("bob", goal)] == ["Ours"]
    await keeper.change(own.id, "ada", 1, {"enabled": False})  # switched off, it hides what it replaces
    assert await keeper.choose("ada", goal) == ()
    await keeper.remove(own.id, "ada")
    await keeper.remove(house.id, "bob")
    assert [s.file for s in await keeper.choose("ada", goal)] == ["Approvals"]


def document(number: int, **more: Any) -> Context:
    usual: dict[str, Any] = {"name": f"c{number}", "title": f"C{number}", "text": "x", "triggers": ("tax",)}
    return Context(id=f"c{number}", **usual | more)


@pytest.mark.parametrize(
    ("trigger", "goal", "holds"),
    [
        ("tax", "The TAX of 2026.", True),
        ("tax", "taxes", False),
        ("tax*", "We pay taxes", True),
        ("*tax*", "the surtaxes", True),
        ("value added tax", "on value-added   tax, please", True),
        ("value added tax", "the added value of tax", False),
        ("what can't you do", "What can't you do?", True),
        ("straße", "In der STRASSE", True),
        ("a*b*c*d*e*f*g*h*i*j*k*l*m*n*o*p", "a" * 4000, False),
        ("...", "anything", False),
    ],
)
def test_triggers_are_words(trigger: str, goal: str, holds: bool) -> None:
    assert Said(goal).holds(trigger) is holds


def test_what_is_given_has_a_bound_and_the_best_comes_first() -> None:
    many = [
        document(n, text=f"line {n}\n" * 1000, triggers=("tax", *(("invoice",) if n == 7 else ()))) for n in range(9)
    ]
    given = choose(many, "Tax of this invoice")
    assert given[0].file == "C7"
    assert sum(len(s.quote) for s in given) <= ROOM * 4
    assert "left out" in given[0].quote
    assert choose(many, "Nothing of that.") == ()
    for_writers = document(1, triggers=(), operators=("writer",))
    assert choose([for_writers], "Anything", "writer")
    assert not choose([for_writers], "Anything", "analyst")


def test_of_one_name_only_one_is_in_force() -> None:
    shipped = document(1, name="a", shipped=True)
    mine = document(2, name="a", owner="ada", draft="not yet")
    assert [c.id for c in in_force([mine, shipped])] == ["c1"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": "", "text": "x"}, "title: it is empty"),
        ({"title": "x y", "text": "  "}, "text: it is empty"),
        ({"title": "!!", "text": "x"}, "title: it needs letters"),
        ({"title": "T", "text": "x", "triggers": ["*"]}, "triggers: '\\*' cannot be one"),
        ({"title": "T", "text": "x", "triggers": ["w" * 81]}, "cannot be one"),
        ({"title": "T", "text": "x", "triggers": [f"w{n}" for n in range(21)]}, "triggers: there are too many"),
        ({"title": "T", "text": "x", "operators": ["Not A Name"]}, "operators: "),
        ({"title": "T", "text": "x" * 20_001}, "text: it is too long"),
        ({"title": "T", "text": "x", "user_id": "bob"}, "user_id: there is no such field"),
        ({"title": 3, "text": "x"}, "title: "),
        ({"text": "x"}, "title: it is missing"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        checked(fields)


def test_a_document_goes_to_a_file_and_back() -> None:
    made = document(1, title="Über: uns", triggers=("a*", "b, c: d"), operators=("writer",), text="# Hm\n\n---\nx")
    fields = read_context(written(made))
    assert fields == {"name": "c1", "title": "Über: uns", "triggers": made.triggers, "operators": ("writer",),
                      "text": made.text}  # fmt: skip
    assert read_context("just text") == {"text": "just text"}
    for broken in ("---\nowner: bob\n---\nx", "---\n- a\n---\nx", "---\ntriggers: 3\n---\nx", "---\na: [\n---\nx"):
        with pytest.raises(BadInput):
            read_context(broken)
