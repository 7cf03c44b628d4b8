"""Remembered decisions: scoped, expiring, listed, revocable; and what no decision can be remembered of."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from approval_fixtures import House, Play, World, decision, open_house
from store_fixtures import mission, store

from core.errors import BadInput, NotFound
from core.events import BriefAssembled, MissionStarted, ToolReturned
from core.missions import Mission, Status, new_id, now
from memory.approval_rules import matches, pattern_of
from memory.conversations import Conversations
from memory.journal import Journal
from memory.missions import Missions

Place = Path | str
LETTER = ("post", {"to": "bob@example.org", "text": "one"})
OTHER = ("post", {"to": "bob@example.org", "text": "two"})
STRANGER = ("post", {"to": "eve@evil.org", "text": "one"})


class Many:
    """One operator that makes the calls its goal names by their places, such as "0 1"."""

    def __init__(self, *wanted: tuple[str, dict[str, Any]]) -> None:
        self.plays: dict[str, Play] = {}
        self.wanted = wanted

    def __call__(self, request: Any, site: Any) -> Any:
        if site.step == "plan":
            goal = request.messages[-1].content
            self.plays[site.mission_id] = Play(*(self.wanted[int(w)] for w in str(goal).split() if w.isdigit()))
        return self.plays[site.mission_id](request, site)


async def ended(house: House, mission: Mission) -> None:
    await house.until(mission, Status.COMPLETED)


async def test_a_decision_for_a_conversation_holds_there_and_nowhere_else(place: Place, tmp_path: Path) -> None:
    world = World()
    async with open_house(place, tmp_path, Many(LETTER, OTHER), world.tools()) as house:
        first = await house.submit("0 1", conversation_id="here")
        await house.decide(await house.asked(first), "conversation")
        await ended(house, first)
        assert world.done == ["post bob@example.org: one", "post bob@example.org: two"]
        second = await house.submit("1", conversation_id="here")
        await ended(house, second)
        assert len(world.done) == 3
        elsewhere = await house.submit("1", conversation_id="there")
        await house.asked(elsewhere)
    assert len(world.done) == 3


async def test_a_decision_by_pattern_covers_what_looks_like_it(place: Place, tmp_path: Path) -> None:
    world = World()
    async with open_house(place, tmp_path, Many(LETTER, OTHER, STRANGER), world.tools()) as house:
        first = await house.submit("0 1", conversation_id="here")
        await house.decide(await house.asked(first), "pattern", arguments={"text": "*"})
        await ended(house, first)
        second = await house.submit("1 2", conversation_id="there")
        asked = await house.asked(second)
        assert asked.arguments["to"] == "eve@evil.org"
        [rule] = await house.reception.approval_rules.of_user("ada")
        assert (rule.tool, rule.conversation_id, rule.pattern) == ("post", None, {"to": "bob@example.org", "text": "*"})
        assert rule.expires_at - rule.created_at > timedelta(days=29)
    assert world.done.count("post bob@example.org: two") == 2


async def test_a_rule_ends_when_it_is_revoked_and_when_its_time_is_over(place: Place, tmp_path: Path) -> None:
    world = World()
    async with open_house(place, tmp_path, Many(LETTER, OTHER), world.tools()) as house:
        first = await house.submit("0", conversation_id="here")
        await house.decide(
            await house.asked(first), "pattern", arguments={"text": "*"}, until=now() + timedelta(days=1)
        )
        await ended(house, first)
        [rule] = await house.reception.approval_rules.of_user("ada")
        assert rule.expires_at < now() + timedelta(days=1, seconds=1)
        with pytest.raises(NotFound):
            await house.reception.approval_rules.revoke(rule.id, "bob")
        await house.reception.approval_rules.revoke(rule.id, "ada")
        with pytest.raises(NotFound):
            await house.reception.approval_rules.revoke(rule.id, "ada")
        assert await house.reception.approval_rules.of_user("ada") == []
        second = await house.submit("1", conversation_id="here")
        asked = await house.asked(second)
        soon = now() + timedelta(seconds=0.2)
        await house.decide(asked, "conversation", until=soon)
        await ended(house, second)
        while now() < soon:
            await house.until(second, Status.COMPLETED)
        third = await house.submit("0", conversation_id="here")
        await house.asked(third)
    assert len(world.done) == 2


async def test_nothing_remembered_covers_money(place: Place, tmp_path: Path) -> None:
    world = World()
    pay = ("pay", {"to": "bob", "amount": 1})
    async with open_house(place, tmp_path, Many(pay), world.tools()) as house:
        first = await house.submit("0 0", conversation_id="here")
        asked = await house.asked(first)
        for choice in ("conversation", "pattern"):
            with pytest.raises(BadInput, match="Choose one of: once, edit, reject"):
                await house.decide(asked, choice)
        await house.decide(asked, "once")
        assert (await house.asked(first)).id != asked.id
    assert world.done == ["pay bob 1"]


async def test_with_nobody_there_what_was_remembered_is_the_allow_list(place: Place, tmp_path: Path) -> None:
    world = World()
    async with open_house(place, tmp_path, Many(LETTER, STRANGER), world.tools()) as house:
        first = await house.submit("0", conversation_id="here")
        await house.decide(await house.asked(first), "pattern")
        await ended(house, first)
        second = await house.submit("0 1", conversation_id="there", unattended="deny")
        await ended(house, second)
    assert world.done == ["post bob@example.org: one"] * 2


async def test_a_pattern_that_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    world = World()
    async with open_house(tmp_path / "staffwork.db", tmp_path, Many(LETTER), world.tools()) as house:
        asked = await house.asked(await house.submit("0"))
        for wrong in ({"cc": "*"}, {"to": 5}, {"to": ""}, {"to": "eve*"}):
            with pytest.raises(BadInput):
                await house.give(decision(asked, "pattern", arguments=wrong))
    assert world.done == []


@pytest.mark.parametrize(
    ("pattern", "does"),
    [
        ("https://a.org/*", True),
        ("https://a.org/x", True),
        ("https://a.org*", False),
        ("https://*.org/x", False),
        ("https://*/x", False),
        ("*://a.org/x", False),
        ("*", False),
        ("https://user@a.org/*", False),
        ("https://a.org?*", False),
    ],
)
def test_the_host_of_an_address_is_never_a_star(pattern: str, does: bool) -> None:
    try:
        made = pattern_of({"url": "https://a.org/x"}, {"url": pattern})
    except BadInput:
        assert not does
    else:
        assert does
        assert not matches(made, {"url": "https://a.org.evil.com/x"})
        assert not matches(made, {"url": "https://a.org@evil.com/x"})


def test_a_pattern_covers_all_arguments_and_stars_in_values_are_stars() -> None:
    made = pattern_of({"text": "2*3", "n": 1, "flag": True}, {})
    assert matches(made, {"text": "2*3", "n": 1, "flag": True})
    assert not matches(made, {"text": "2 and 3", "n": 1, "flag": True})
    assert not matches(made, {"text": "2*3", "n": 1})
    assert not matches(made, {"text": "2*3", "n": 1, "flag": True, "more": 1})
    assert not matches(made, {"text": "2*3", "n": 1, "flag": False})


async def test_a_conversation_remembers_that_strangers_were_read(place: Place) -> None:
    async with store(place) as database:
        missions, journal, conversations = Missions(database), Journal(database), Conversations(database)
        for name in ("first", "second"):
            await missions.accept(mission(name), new_id(), title="x")
        assert not await conversations.tainted("c", but="second")
        attempt = await missions.start_attempt("first")
        writer = await journal.writer("first", attempt)
        writer.add(MissionStarted(mission_id="first"))
        about = {"mission_id": "first", "task_id": "t1", "tool": "read_file", "output": "x", "size": 1, "seconds": 0.0}
        writer.add(ToolReturned(step="t1/1.0", status="ok", tainted=False, **about))
        await writer.flush()
        assert not await conversations.tainted("c", but="second")
        writer.add(ToolReturned(step="t1/1.1", status="ok", tainted=True, **about))
        await writer.close()
        assert await conversations.tainted("c", but="second")
        assert not await conversations.tainted("c", but="first")


async def test_a_conversation_remembers_that_strangers_were_read_in_a_brief_alone(place: Place) -> None:
    """No tool was called: the Chief read a passage of a file, and its answer stands in the conversation from then on."""
    async with store(place) as database:
        missions, journal, conversations = Missions(database), Journal(database), Conversations(database)
        for name in ("clean", "first", "second"):
            await missions.accept(mission(name, "clean" if name == "clean" else "c"), new_id(), title="x")
        for name, words in (("clean", ""), ("first", "The goal was read together with passages of files.")):
            writer = await journal.writer(name, await missions.start_attempt(name))
            writer.add(MissionStarted(mission_id=name))
            writer.add(BriefAssembled(mission_id=name, history_messages=0, tokens=1, tainted=words))
            await writer.close()
        assert await conversations.tainted("c", but="second")
        assert not await conversations.tainted("clean", but="second")
