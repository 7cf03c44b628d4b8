"""Commands of the composer over the real server: each does its thing, and none of them is part of the conversation."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from served_fixtures import play, serve
from steering_fixtures import eventually
from wire_replies import WireReply

from chat.commands import COMMANDS, carried_out, name_of
from chat.desk import desk
from chat.incoming import Incoming
from core.errors import BadInput, NotFound
from core.missions import Status, new_id
from core.ports import ChangedFile, FileChange, ToolContext
from memory.changes import FileChanges
from memory.preferences import Wishes


def model(body: dict[str, Any]) -> WireReply:
    return play(body)


@pytest.fixture
async def house(tmp_path) -> AsyncIterator[Any]:
    async with serve(tmp_path, model) as served:
        yield served


async def ada(house: Any) -> str:
    return (await house.office.people.by_name("ada")).id


def told(event: tuple[str, Any]) -> str:
    """Say whom the page was told that messages go to."""
    name, data = event
    return str(data.get("choosing", {}).get("to", "")) if name == "window_message" else ""


async def typed(house: Any, text: str, conversation_id: str = "nothing-yet", user_id: str = "") -> Any:
    return await carried_out(desk(), Incoming(new_id(), conversation_id, user_id or await ada(house), text))


async def a_conversation(house: Any, client: Any) -> dict[str, str]:
    given = (await client.post("/api/missions", json={"goal": "Work it out"})).json()

    async def ended() -> bool:
        return (await house.office.missions.get(given["mission_id"])).status is Status.COMPLETED

    await eventually(ended, seconds=60)
    return given


@pytest.mark.parametrize("text", ["/etc/hosts is broken", "/planning", "a /help", "//plan", " ", "/"])
def test_other_words_with_a_slash_are_messages(text):
    assert name_of(text) == ""


def test_names_are_known_in_any_case():
    assert [name_of(f"/{name.upper()} x") for name in COMMANDS] == list(COMMANDS)


async def test_help_and_operators_say_what_there_is(house):
    helped = await typed(house, "/help")
    assert {i.text.split()[0] for i in helped.items} == {f"/{name}" for name in COMMANDS}
    staff = await typed(house, "/operators")
    assert [i.talk for i in staff.items] == [p.name for p in house.office.roster.enabled()]


async def test_a_goal_after_plan_shows_its_plan_first_and_alone_it_switches(house):
    async with house.visitor("ada") as client, house.tab(client) as tab:
        await tab.say("/plan Work it out")

        async def waits() -> bool:
            rows = await house.office.missions.recent(await ada(house), 5)
            return bool(rows) and rows[0].status is Status.WAITING_APPROVAL

        await eventually(waits, seconds=60)
        [row] = await house.office.missions.recent(await ada(house), 5)
        assert row.mission.goal == "Work it out"
        shown = (await client.get(f"/api/missions/{row.mission.id}")).json()["open"]["plans"]
        assert [t["operator"] for t in shown[0]["tasks"]] == ["analyst"]
        order = {"kind": "plan", "choice": "accept"}
        assert (await client.post(f"/api/missions/{row.mission.id}/orders", json=order)).status_code == 202

        async def done() -> bool:
            return (await house.office.missions.get(row.mission.id)).status is Status.COMPLETED

        await eventually(done, seconds=60)
    assert (await typed(house, "/plan on")).title == "Plans"
    assert (await house.office.preferences.get(await ada(house))).wishes.approve_plan is True
    await typed(house, "/plan off")
    assert (await house.office.preferences.get(await ada(house))).wishes.approve_plan is False


async def test_a_command_is_answered_beside_the_conversation_and_leaves_no_mission(house):
    async with house.visitor("ada") as client, house.tab(client) as tab:
        await tab.say("/help")
        await eventually(
            lambda: any(name == "window_message" and "said" in data for name, data in tab.events), seconds=60
        )
        assert any(name == "delete_message" for name, _ in tab.events), "what was typed goes from the page"
        assert await house.office.missions.recent(await ada(house), 5) == []


async def test_budget_sets_the_limit_here_or_everywhere_and_says_what_was_spent(house):
    user = await ada(house)
    await typed(house, "/budget 0.25")
    assert str((await house.office.preferences.get(user)).wishes.cost) == "0.25"
    with pytest.raises(BadInput, match="at most 5"):
        await typed(house, "/budget 700")
    with pytest.raises(BadInput, match="no amount"):
        await typed(house, "/budget much")
    async with house.visitor("ada") as client:
        given = await a_conversation(house, client)
        told = json.dumps([i.text for i in (await typed(house, "/budget 2", given["conversation_id"])).items])
        assert "may cost $2" in told
        assert "4 calls without a known price" in told or "$0" in told
    assert str((await house.office.preferences.get(user, given["conversation_id"])).wishes.cost) == "2"
    await typed(house, "/budget off", given["conversation_id"])
    assert (await house.office.preferences.get(user, given["conversation_id"])).wishes.cost is None


async def test_what_is_remembered_is_recalled_by_its_owner_alone(house):
    assert (await typed(house, "/remember Our fiscal year begins in April.")).text == "Our fiscal year begins in April."
    *facts, link = (await typed(house, "/recall")).items
    assert ([i.text for i in facts], link.href) == (["Our fiscal year begins in April."], "/memories")
    assert "April" in (await typed(house, "/recall fiscal year")).items[0].text
    bob = (await house.office.people.by_name("bob")).id
    assert (await typed(house, "/recall", user_id=bob)).items == []
    assert (await typed(house, "/recall fiscal year", user_id=bob)).items == []
    with pytest.raises(BadInput, match="what to remember"):
        await typed(house, "/remember")
    with pytest.raises(BadInput, match="longer than 2,000"):
        await typed(house, "/remember " + "x" * 2001)


async def test_undo_asks_which_and_takes_it_back(house):
    user = await ada(house)
    async with house.visitor("ada") as client:
        given = await a_conversation(house, client)
    talk = given["conversation_id"]
    assert "Nothing was changed" in (await typed(house, "/undo", talk)).text
    after = await house.office.blobs.put(b"new")
    workspace = house.office.changes.folders
    change = FileChange(
        id="c1", mission_id=given["mission_id"], task_id="t1", step="t1/1.0", words="Write a.md",
        files=(ChangedFile(name="a.md", before=None, after=after),),
    )  # fmt: skip
    await FileChanges(house.office.database).add(change)
    where = {"mission_id": given["mission_id"], "conversation_id": talk, "user_id": user}
    folder = workspace.of(ToolContext(**where, task_id=None, step="x", granted=()))
    folder.workspace.write("a.md", b"new")
    [item] = (await typed(house, "/undo", talk)).items
    assert (item.text, item.say) == ("Write a.md: a.md", "/undo c1")
    assert (await typed(house, "/undo c1", talk)).text.startswith("Undid: Write a.md")
    assert "Nothing was changed" in (await typed(house, "/undo", talk)).text
    with pytest.raises(NotFound):
        await typed(house, "/undo c1", talk, user_id=(await house.office.people.by_name("bob")).id)


async def test_the_export_that_is_offered_is_there(house):
    async with house.visitor("ada") as client:
        assert "nothing to export" in (await typed(house, "/export")).text
        given = await a_conversation(house, client)
        for item in (await typed(house, "/export", given["conversation_id"])).items:
            answer = await client.get(item.href)
            assert (answer.status_code, item.button) == (200, "Download"), item
            assert "attachment" in answer.headers["content-disposition"]


async def test_a_conversation_is_talked_to_with_one_operator_from_its_first_message_on(house):
    async with house.visitor("ada") as client, house.tab(client) as tab:
        await tab.socket.emit("window_message", {"talkTo": ["analyst"]})
        await tab.say("Work it out")  # at once: whoever clicks fast is understood as well
        await tab.until(lambda tab: any(told(event) == "analyst" for event in tab.events))

        async def ended() -> bool:
            rows = await house.office.missions.recent(await ada(house), 5)
            return bool(rows) and rows[0].status is Status.COMPLETED

        await eventually(ended, seconds=60)
        [row] = await house.office.missions.recent(await ada(house), 5)
        assert row.mission.choices.operators == ("analyst",)
        kept = await house.office.preferences.get(await ada(house), row.mission.conversation_id)
        assert kept.wishes == Wishes(operators=("analyst",))
        shown = (await client.get(f"/api/missions/{row.mission.id}")).json()
        assert (shown["answer"], [t["operator"] for t in shown["tasks"]]) == ("42", ["analyst"])
        await tab.socket.emit("window_message", {"talkTo": ["magician"]})
        await eventually(lambda: any("magician" in str(line) for line in tab.lines.values()), seconds=60)
        assert await house.office.preferences.get(await ada(house), row.mission.conversation_id) == kept


async def test_preferences_over_rest_and_as_a_page(house):
    async with house.visitor("ada") as client, house.visitor("bob") as other:
        shown = (await client.get("/api/preferences")).json()
        assert (shown["version"], shown["memory"], shown["offered"]["models"]) == (0, None, ["compatible:m"])
        kept = await client.put("/api/preferences", json={"memory": False, "language": "German", "version": 0})
        assert (kept.status_code, kept.json()["version"]) == (200, 1)
        assert (await client.put("/api/preferences", json={"version": 0})).status_code == 409
        for wrong in (
            {"language": "Klingon"},
            {"models": {"strong": "openai:x"}},
            {"operators": ["analyst"]},
            {"what": 1},
        ):
            answer = await client.put("/api/preferences", json=wrong)
            assert answer.status_code == 422, wrong
            assert next(iter(wrong)) in answer.json()["detail"]
        assert (await other.get("/api/preferences")).json()["language"] is None
        given = await a_conversation(house, client)
        place = f"/api/conversations/{given['conversation_id']}/preferences"
        assert (await other.get(place)).status_code == 404
        assert (await other.put(place, json={})).status_code == 404
        assert (await client.put(place, json={"operators": ["coder"], "cost": 0.5})).json()["operators"] == ["coder"]
        page = await client.get(f"/preferences?conversation={given['conversation_id']}")
        assert 'value="0.5"' in page.text
        form = {"conversation": given["conversation_id"], "version": "1", "approve_plan": "on", "tokens": "20,000"}
        assert (await client.post("/preferences", data=form)).status_code == 303
        wishes = (await client.get(place)).json()
        assert (wishes["approve_plan"], wishes["tokens"], wishes["cost"], wishes["operators"]) == (
            True,
            20000,
            None,
            ["coder"],
        )
        refused = await client.post("/preferences", data=form | {"tokens": "<b>many</b>", "version": "2"})
        assert refused.status_code == 400
        assert "&lt;b&gt;many" in refused.text
        refused = await client.post("/preferences", data=form | {"cost": "half a dollar", "version": "2"})
        assert (refused.status_code, "an amount of US dollars, such as 0.5" in refused.text) == (400, True)
        assert (await other.get(f"/preferences?conversation={given['conversation_id']}")).status_code == 404


async def test_a_program_has_its_plan_shown_or_not_whatever_was_chosen(house):
    async with house.visitor("ada") as client:
        await client.put("/api/preferences", json={"approve_plan": True})
        for wanted, status in ((None, Status.WAITING_APPROVAL), (False, Status.COMPLETED)):
            body = {"goal": "Work it out"} | ({} if wanted is None else {"approve_plan": wanted})
            mission = (await client.post("/api/missions", json=body)).json()["mission_id"]

            async def stands(mission: str = mission, status: Status = status) -> bool:
                return (await house.office.missions.get(mission)).status is status

            await eventually(stands, seconds=60)
