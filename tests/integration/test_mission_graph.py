"""The course of a mission with real roles and a real journal: what similar systems get wrong must not happen here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from mission_fixtures import calls, open_desk, plans, says

from agents.llm.calls import CallSite, ModelRequest
from core.decisions import Reply
from core.events import (
    MessageSent,
    PlanMade,
    ReviewGiven,
    TaskEnded,
    TaskStarted,
    TextStreamed,
)
from core.missions import Status


def task(id_: str, goal: str, operator: str = "analyst", **more: Any) -> dict[str, Any]:
    return {"id": id_, "operator": operator, "goal": goal} | more


def text_of(request: ModelRequest) -> str:
    return "\n".join(str(m.content) for m in request.messages)


async def test_a_direct_answer_is_streamed_and_nothing_is_delegated(tmp_path: Path) -> None:
    async with open_desk(tmp_path, lambda request, site: says("It is four.")) as desk:
        end, events = await desk.do("What is 2 + 2?")
    assert (end.status, end.answer) == (Status.COMPLETED, "It is four.")
    assert not [e for e in events if isinstance(e, TaskStarted)]
    assert "".join(e.text for e in events if isinstance(e, TextStreamed)) == "It is four."
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert end.usage.model_calls == 1


async def test_tasks_run_at_the_same_time_and_the_answer_is_the_report_not_the_plan(tmp_path: Path) -> None:
    meeting = asyncio.Barrier(3)

    async def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(*(task(f"t{i}", f"Part {i}") for i in (1, 2, 3)), note="Three parts.")
            case "report":
                return says("All three parts are done.")
        await asyncio.wait_for(meeting.wait(), 30)  # passes only if all three are at work at once
        return says(f"Result of {site.task_id}")

    async with open_desk(tmp_path, script) as desk:
        end, events = await desk.do()
        assert end.answer == "All three parts are done."
        assert end.status is Status.COMPLETED
        asked = text_of(desk.gateway.requests["report"])
    assert all(f"Result of t{i}" in asked for i in (1, 2, 3)), "the Chief must get what its operators found"
    [plan] = [e for e in events if isinstance(e, PlanMade)]
    assert [t.id for t in plan.tasks] == ["t1", "t2", "t3"]
    assert end.usage.model_calls == 5


async def test_a_task_starts_when_those_it_needs_are_done_and_without_waiting_for_others(tmp_path: Path) -> None:
    order: list[str] = []
    slow = asyncio.Event()

    async def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("a", "Quick"), task("b", "Slow"), task("c", "After quick", needs=["a"]))
            case "report":
                return says("Done.")
            case "t2/1":
                await asyncio.wait_for(slow.wait(), 30)
            case "t3/1":
                assert "Result of t1" in text_of(request)
                slow.set()
        order.append(str(site.task_id))
        return says(f"Result of {site.task_id}")

    async with open_desk(tmp_path, script) as desk:
        end, _ = await desk.do()
    assert end.status is Status.COMPLETED
    assert order == ["t1", "t3", "t2"], "t3 must not wait for t2, which it does not need"


async def test_a_plan_is_repaired_once(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", ""))
            case "plan.2":
                assert "goal" in text_of(request).lower()
                return plans(task("t1", "Do it"))
            case "report":
                return says("Done.")
        return says("Found.")

    async with open_desk(tmp_path, script) as desk:
        end, _ = await desk.do()
    assert end.status is Status.COMPLETED


async def test_seventeen_nested_steps_stay_seventeen_tasks(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                nested = [[task(f"t{i}", f"Step {i}") for i in range(1, 18)]]
                return calls(("make_plan", {"tasks": nested}))
            case "report":
                return says("Done.")
        return says("Found.")

    async with open_desk(tmp_path, script) as desk:
        _, events = await desk.do()
    assert len([e for e in events if isinstance(e, TaskEnded)]) == 17


async def test_a_parent_reads_what_its_subtasks_found_three_levels_down(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "Top"))
            case "report":
                return says("Done.")
            case "t1/1":
                return calls(("start_subtask", {"operator": "coder", "goal": "Middle"}))
            case "t1.1/1":
                return calls(("start_subtask", {"operator": "writer", "goal": "Bottom"}))
            case "t1.1.1/1":
                return says("the pearl")
            case "t1.1/2":
                assert "the pearl" in text_of(request)
                return says("the shell with the pearl")
        assert site.step == "t1/2"
        assert "the shell with the pearl" in text_of(request)
        return says("Got the shell.")

    async with open_desk(tmp_path, script) as desk:
        end, events = await desk.do()
    assert end.status is Status.COMPLETED
    assert {e.task_id: e.depth for e in events if isinstance(e, TaskStarted)} == {"t1": 1, "t1.1": 2, "t1.1.1": 3}
    [top] = [e for e in events if isinstance(e, TaskEnded) and e.task_id == "t1"]
    assert top.usage.model_calls == 5, "a parent's price includes its subtasks'"


async def test_a_note_to_all_reaches_the_others_once(tmp_path: Path) -> None:
    sent, heard = asyncio.Event(), []

    async def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "Tell"), task("t2", "Listen"))
            case "report":
                return says("Done.")
            case "t1/1":
                return calls(("send_message", {"recipient": "*", "content": "The file is in euros."}))
            case "t1/2":
                sent.set()
                return says("Told.")
            case "t2/1":
                await asyncio.wait_for(sent.wait(), 30)
                return calls(("now", {}))
        heard.append(text_of(request).count("The file is in euros."))
        return says("Heard.") if site.step == "t2/3" else calls(("now", {}))

    async with open_desk(tmp_path, script) as desk:
        _, events = await desk.do()
    assert heard == [1, 1], "read at the next step, and not again after that"
    notes = [e.message for e in events if isinstance(e, MessageSent) and e.message.message_type == "note"]
    assert [(n.sender, n.recipient) for n in notes] == [("task:t1", "*")]


async def test_every_hop_is_a_message_in_the_journal(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "Do it"))
            case "report":
                return says("Done.")
        return says("Found.")

    async with open_desk(tmp_path, script) as desk:
        _, events = await desk.do("Please do it.")
    hops = [e.message for e in events if isinstance(e, MessageSent)]
    assert [(m.sender, m.recipient, m.message_type) for m in hops] == [
        ("user", "chief", "goal"),
        ("chief", "task:t1", "delegation"),
        ("task:t1", "chief", "report"),
        ("chief", "user", "report"),
    ]
    delegation = hops[1].metadata
    assert delegation["operator"] == "analyst"
    assert delegation["profile_version"]
    assert delegation["tools"]
    assert delegation["budget"]["tokens"] > 0
    assert hops[2].reply_to == hops[1].message_id


async def test_work_below_what_was_asked_is_sent_back_once_with_the_reason(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "List three risks", done_when="three risks are named"))
            case "review.1":
                return calls(("review", {"verdict": "send_back", "reasons": {"t1": "Only two are named."}}))
            case "review.2":
                return calls(("review", {"verdict": "accept", "shortfall": ""}))
            case "t1-again1/1":
                assert "Only two are named." in text_of(request)
                assert "One, two." in text_of(request)
                return says("One, two, three.")
            case "report":
                assert "One, two, three." in text_of(request)
                return says("One, two, three.")
        return says("One, two.")

    async with open_desk(tmp_path, script) as desk:
        end, events = await desk.do()
    assert end.status is Status.COMPLETED
    assert [e.verdict for e in events if isinstance(e, ReviewGiven)] == ["send_back", "accept"]
    assert [e.version for e in events if isinstance(e, PlanMade)] == [1, 2]


async def test_a_question_waits_for_its_answer_and_then_the_mission_goes_on(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "plan":
            return calls(("ask_user", {"question": "Which year?"}))
        assert "2025" in text_of(request)
        return says("Then it is 2025.")

    async with open_desk(tmp_path, script) as desk:
        from core.events import QuestionAnswered

        mission = await desk.accept("Report the year.")
        events = await desk.run(mission)
        assert (events[-1].status, events[-1].answer) == (Status.WAITING_ANSWER, "Which year?")
        row = await desk.missions.get(mission.id)
        writer = await desk.journal.writer(mission.id, row.attempt)
        writer.add(QuestionAnswered(mission_id=mission.id, step="ask.1", answer="2025"))
        await writer.close()
        events = await desk.run(mission)
    assert (events[-1].status, events[-1].answer) == (Status.COMPLETED, "Then it is 2025.")
    assert events[-1].usage.model_calls == 2
