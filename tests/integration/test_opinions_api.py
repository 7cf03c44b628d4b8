"""Opinions over the real server: one's own beside a conversation, their sum for those who keep the house, nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from doors_fixtures import House, open_house
from share_fixtures import as_admin, worked

from core.missions import derived_id

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        await as_admin(opened, "ada")
        yield opened


async def about_a_step(house: House, **more: Any) -> tuple[str, dict[str, Any]]:
    """Make a conversation of ada's, and an opinion about what its researcher did."""
    conversation = await worked(house)
    [row] = await house.office.missions.of_conversation(conversation)
    opinion = {"forId": derived_id(row.mission.id, "t1"), "threadId": conversation, "value": 0, **more}
    return conversation, {"feedback": opinion}


async def test_given_changed_counted_and_taken_back(house: House) -> None:
    conversation, opinion = await about_a_step(house, reasons=["incomplete"], comment="<b>Too</b>\0 few")
    async with house.visitor("ada") as ada:
        kept = (await ada.put("/feedback", json=opinion)).json()["feedbackId"]
        shown = (await ada.get(f"/api/conversations/{conversation}/feedback")).json()
        [mine] = shown["feedback"]
        assert (mine["value"], mine["comment"], mine["reasons"]) == (0, "<b>Too</b> few", ["incomplete"])
        assert set(mine["reasons"]) < set(shown["reasons"])
        everybody = (await ada.get("/api/feedback")).json()
        [tally] = everybody["counts"]
        assert (tally["operator"], tally["model"], tally["what"]) == ("researcher", "openai:gpt", "step")
        assert (tally["helpful"], tally["not_helpful"]) == (0, 1)
        assert "ada" not in str(everybody["newest"])
        page = (await ada.get("/feedback")).text
        assert "Not helpful: Incomplete" in page
        assert "<b>Too" not in page
        opinion["feedback"] |= {"value": 1, "reasons": []}
        assert (await ada.put("/feedback", json=opinion)).json()["feedbackId"] == kept
        [tally] = (await ada.get("/api/feedback")).json()["counts"]
        assert (tally["helpful"], tally["not_helpful"]) == (1, 0)
        assert (await ada.request("DELETE", "/feedback", json={"feedbackId": kept})).status_code == 200
        assert (await ada.get("/api/feedback")).json()["counts"] == []


async def test_what_is_not_ones_own_or_not_there_is_refused(house: House) -> None:
    conversation, opinion = await about_a_step(house)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        kept = (await ada.put("/feedback", json=opinion)).json()["feedbackId"]
        assert (await bob.put("/feedback", json=opinion)).status_code == 404
        assert (await bob.request("DELETE", "/feedback", json={"feedbackId": kept})).status_code == 404
        assert (await bob.get(f"/api/conversations/{conversation}/feedback")).status_code == 404
        for address in ("/feedback", "/api/feedback"):
            assert (await bob.get(address)).status_code == 403
        refused = await ada.put("/feedback", json={"feedback": opinion["feedback"] | {"reasons": ["because"]}})
        assert (refused.status_code, "because" in refused.json()["detail"]) == (422, True)
        nothing = await ada.put("/feedback", json={"feedback": opinion["feedback"] | {"forId": "nothing"}})
        assert (nothing.status_code, nothing.json()["detail"]) == (
            404,
            "There is no such answer or step in this conversation.",
        )
        assert (await ada.request("DELETE", "/feedback", json={"feedbackId": kept})).status_code == 200
