"""Operators with very many tools: what their prompts show, how long these are, and how they get the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from approval_fixtures import Play
from mission_fixtures import calls, plans, says
from toolkit_fixtures import open_kit
from toolkit_many import many_tools, prompt_tokens

from core.events import TaskStarted, ToolReturned
from core.missions import Status


async def test_with_two_hundred_tools_the_prompt_is_as_long_as_with_ten(place: Path | str, tmp_path: Path) -> None:
    sizes, offered = {}, {}
    for count in (10, 20, 200):
        folder = tmp_path / str(count)
        folder.mkdir()
        names = [tool.name for tool in many_tools(count)]
        opened = open_kit(folder / "s.db", folder, Play(), held=names, more=many_tools(count))
        async with opened as kit:
            mission = await kit.submit("Convert the invoice number 17 to roman numerals.")
            await kit.until(mission, Status.COMPLETED)
            sizes[count] = prompt_tokens(kit.gateway.requests["t1/1"])
            [begun] = await kit.events(mission, TaskStarted)
            offered[count] = begun.offered
    assert offered[10] is None
    assert offered[20] is None
    assert offered[200] is not None
    assert len(offered[200]) == 10
    search = 100  # the tokens of search_tools, which is shown where not all tools are
    assert abs(sizes[200] - search - sizes[10]) < 60, sizes
    assert sizes[200] < sizes[20], "twenty are all shown"


async def test_of_many_tools_those_that_fit_are_shown_the_same_after_a_restart_and_the_rest_can_be_had(
    place: Path | str, tmp_path: Path
) -> None:
    more = many_tools(200)
    names = [tool.name for tool in more]

    def script(request: Any, site: Any) -> Any:
        match site.step:
            case "plan":
                return plans({"operator": "hand", "goal": "Translate the letter into french"})
            case "t1/1":
                return calls(
                    ("search_tools", {"need": "weigh a parcel"}), ("request_tools", {"names": ["weigh_parcel_3"]})
                )
            case "t1/2":
                return calls(("request_tools", {"names": ["run_code"]}))
            case "t1/3":
                return calls(("weigh_parcel_3", {"text": "x"}))
        return says("Done.")

    async with open_kit(place, tmp_path, script, held=names, more=more) as kit:
        mission = await kit.submit()
        asked = await kit.asked(mission)
        first = [t.name for t in kit.gateway.requests["t1/2"].tools]
        [begun] = await kit.events(mission, TaskStarted)
    async with open_kit(place, tmp_path, script, held=names[::-1], more=more[::-1]) as kit:
        await kit.decide(asked, "reject")
        await kit.until(mission, Status.COMPLETED)
        again = [t.name for t in kit.gateway.requests["t1/3"].tools]
        assert again == first, "what was chosen is on record"
        assert "weigh_parcel_3" in first
        assert any(name.startswith("translate_letter") for name in begun.offered)
        done = {e.step: e for e in await kit.events(mission, ToolReturned)}
        assert "weigh_parcel" in done["t1/1.0"].output
        assert (done["t1/1.1"].grants, done["t1/3.0"].status) == (("weigh_parcel_3",), "ok")
