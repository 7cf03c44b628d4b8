"""Pictures over the providers' real formats, with the real SDKs: who is shown them, how many, what is said of the rest."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from llm_fixtures import MODELS, desk_at
from picture_fixtures import GPS_MARK, PlainRoom, darkroom, photo
from wire_replies import WireReply
from wire_servers import WireServer

from agents.llm.pictures import marked
from core.memories import Picture

both_wires = pytest.mark.parametrize("wire", ["openai", "anthropic"])
ONE, TWO, THREE = (Picture(name=f"{n}.png", hash=str(i) * 64) for i, n in enumerate(("one", "two", "three"), 1))


def asking(*pictures: Picture, text: str = "What is this?") -> HumanMessage:
    return HumanMessage(text, additional_kwargs=marked(pictures))


def looked(*pictures: Picture) -> list[BaseMessage]:
    """Make a transcript in which an operator looked at pictures, one call each, in one reply."""
    calls = [{"name": "view_picture", "args": {"file": p.name}, "id": f"call_{p.name[:3]}"} for p in pictures]
    results = [
        ToolMessage(f"{p.name} is a picture.", tool_call_id=f"call_{p.name[:3]}", additional_kwargs=marked([p]))
        for p in pictures
    ]
    return [SystemMessage("You are an operator."), HumanMessage("Look."), AIMessage("", tool_calls=calls), *results]


def images(wire: str, body: dict[str, Any]) -> list[tuple[str, str]]:
    """List type and base64 text of every picture in a request, in order, wherever it stands."""
    blocks = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
    if wire == "anthropic":
        found = [b["source"] for b in blocks if b["type"] == "image"]
        assert all(source["type"] == "base64" for source in found)
        return [(source["media_type"], source["data"]) for source in found]
    urls = [b["image_url"]["url"] for b in blocks if b["type"] == "image_url"]
    assert all(url.startswith("data:") for url in urls)
    return [(url[5:].partition(";base64,")[0], url.partition(",")[2]) for url in urls]


@both_wires
async def test_a_question_goes_out_with_its_picture_made_small_and_without_what_it_says_beside(
    wire: str, tmp_path: Path
) -> None:
    room, [named] = await darkroom(tmp_path, photo(), picture_side=800)
    with WireServer([WireReply("Half red, half blue.")], wire) as server:
        async with desk_at(server, MODELS[wire], room=room) as desk:
            reply = await desk.ask(SystemMessage("Be brief."), asking(named))
    assert reply.text == "Half red, half blue."
    assert server.violations == []
    [(mime, data)] = images(wire, server.asked[0].body)
    content = base64.b64decode(data)
    assert content.startswith(b"\x89PNG" if mime == "image/png" else b"\xff\xd8\xff")
    assert GPS_MARK not in content
    assert b"canary" not in content
    assert b"Exif" not in content
    assert "photo1.jpg (800 x 400 points)" in json.dumps(server.asked[0].body)
    assert (desk.shown, desk.unseen) == (("photo1.jpg",), "")


@both_wires
async def test_what_tools_return_is_shown_after_all_results_and_only_once(wire: str) -> None:
    room = PlainRoom()
    seen_again = [
        AIMessage("", tool_calls=[{"name": "view_picture", "args": {"file": "one.png"}, "id": "call_again"}]),
        ToolMessage("one.png is a picture.", tool_call_id="call_again", additional_kwargs=marked([ONE])),
    ]
    with WireServer([WireReply("Seen.")], wire) as server:
        async with desk_at(server, MODELS[wire], room=room) as desk:
            await desk.ask(*looked(ONE, TWO), HumanMessage("A note arrived."))
            await desk.ask(*looked(ONE, TWO), *seen_again)
    assert server.violations == [], "results stand right after their calls, and a picture in none of them"
    first, second = (images(wire, asked.body) for asked in server.asked)
    assert len(first) == len(second) == 2
    assert sorted(room.opened) == sorted([ONE.hash, TWO.hash] * 2)


async def test_a_model_that_cannot_see_is_told_so_and_the_person_who_could() -> None:
    with WireServer([WireReply("I do not see it.")]) as server:
        more = {"models_offered": "openai:o3-mini,openai:gpt-5-mini", "room": PlainRoom()}
        async with desk_at(server, "openai:o3-mini", **more) as desk:
            await desk.ask(*looked(ONE))
    [asked] = server.asked
    assert images("openai", asked.body) == []
    [result] = [m["content"] for m in asked.body["messages"] if m["role"] == "tool"]
    assert "one.png is not shown: openai:o3-mini cannot see pictures. openai:gpt-5-mini can" in result
    assert "never guess what is in it" in result
    assert desk.shown == ()
    assert desk.unseen.startswith("one.png was not shown: openai:o3-mini cannot see pictures. openai:gpt-5-mini can")


@pytest.mark.parametrize(("told", "sees"), [("", False), ("compatible:llava*", True), ("*,-compatible:*", False)])
async def test_of_models_nobody_knows_an_administrator_can_say_so(told: str, sees: bool) -> None:
    with WireServer([WireReply("Hm.")]) as server:
        async with desk_at(server, "compatible:llava:13b", models_that_see=told, room=PlainRoom()) as desk:
            await desk.ask(asking(ONE))
    assert len(images("openai", server.asked[0].body)) == sees
    assert bool(desk.unseen) is not sees
    assert ("STAFFWORK_MODELS_THAT_SEE" in desk.unseen) is (told == "")


async def test_one_call_is_shown_only_so_many_pictures_the_newest_ones() -> None:
    room = PlainRoom()
    with WireServer([WireReply("Hm.")]) as server:
        async with desk_at(server, MODELS["openai"], pictures_per_call=2, room=room) as desk:
            await desk.ask(*looked(ONE, TWO, THREE))
            told = desk.unseen
            await desk.ask(*looked(ONE, TWO, THREE), AIMessage("Two of three."), HumanMessage("Go on."))
    assert room.opened[:2] == [THREE.hash, TWO.hash]
    assert len(images("openai", server.asked[0].body)) == 2
    assert told.startswith("one.png was not shown: only 2 pictures are shown at a time")
    assert desk.unseen == "", "a person is told once, not with every call that follows"


async def test_one_call_is_shown_only_so_many_bytes_of_pictures() -> None:
    with WireServer([WireReply("Hm.")]) as server:
        room = PlainRoom(b"\x89PNG" + b"x" * 600_000)
        async with desk_at(server, MODELS["openai"], pictures_mb_per_call=1, room=room) as desk:
            await desk.ask(asking(ONE, TWO))
    assert len(images("openai", server.asked[0].body)) == 1
    assert desk.unseen == (
        "one.png was not shown: it would exceed the 1 MB of pictures that one call may have "
        "(STAFFWORK_PICTURES_MB_PER_CALL)."
    )


async def test_none_is_shown_where_it_is_switched_off() -> None:
    with WireServer([WireReply("Hm.")]) as server:
        async with desk_at(server, MODELS["openai"], pictures_per_call=0, room=PlainRoom()) as desk:
            await desk.ask(asking(ONE))
    assert images("openai", server.asked[0].body) == []
    assert "switched off here" in desk.unseen


@both_wires
async def test_a_server_that_refuses_pictures_is_asked_without_them(wire: str) -> None:
    refusal = "Invalid content type. image_url is only supported by certain models."

    def script(body: dict[str, Any]) -> WireReply:
        return (
            WireReply(fault="status", status=400, message=refusal)
            if images(wire, body)
            else WireReply("I cannot see it.")
        )

    with WireServer(script, wire) as server:
        async with desk_at(server, MODELS[wire], room=PlainRoom()) as desk:
            reply = await desk.ask(asking(ONE))
            assert reply.text == "I cannot see it."
            await desk.ask(asking(ONE), AIMessage("Hm."), HumanMessage("And now?"))
    assert [bool(images(wire, asked.body)) for asked in server.asked] == [True, False, False], "it is not tried again"
    [(reason, wait)] = desk.retries
    assert "did not take the pictures" in reason
    assert wait == 0
    assert [row.outcome for row in desk.rows] == ["refused", "ok", "ok"]
    assert "one.png is not shown: the model's server did not take it." in json.dumps(server.asked[-1].body)


async def test_other_refusals_are_no_reason_to_leave_pictures_out() -> None:
    with WireServer([WireReply(fault="status", status=400, message="context_length exceeded")]) as server:
        async with desk_at(server, MODELS["openai"], room=PlainRoom()) as desk:
            fault = await desk.fail(asking(ONE))
    assert fault.kind == "too_long"
    assert len(server.asked) == 1


async def test_pictures_count_as_tokens_where_the_server_does_not_say() -> None:
    with WireServer([WireReply("Hm.", fault="no_usage")]) as server:
        more = {"models_that_see": "*", "model_silence_seconds": 1, "room": PlainRoom(width=1500, height=1000)}
        async with desk_at(server, "compatible:x", **more) as desk:
            await desk.ask(asking(ONE), tools=())
    [row] = desk.rows
    assert 2000 <= row.tokens_in <= 2100, "1,500 x 1,000 points are 2,000 tokens"


async def test_a_picture_that_was_deleted_or_is_none_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    room, [none] = await darkroom(tmp_path, b"\x89PNG\r\n\x1a\n but no picture")
    gone = Picture(name="gone.jpg", hash="f" * 64)
    with WireServer([WireReply("Hm.")]) as server:
        async with desk_at(server, MODELS["openai"], room=room) as desk:
            reply = await desk.ask(asking(none, gone))
    assert reply.text == "Hm."
    assert "photo1.jpg was not shown: photo1.jpg is" in desk.unseen
    assert "gone.jpg was not shown: its file was deleted." in desk.unseen
    assert images("openai", server.asked[0].body) == []
