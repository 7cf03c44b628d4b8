"""A whole mission through the office with a scripted model behind each provider's wire: what it costs, and where it rests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from mission_player import GOAL, TOTALS, Player
from sample_files import make_memo, make_sales
from wire_replies import WireReply
from wire_servers import WireServer

from core.events import (
    Event,
    MissionEnded,
    ModelReplied,
    ModelRetried,
    TaskEnded,
    TaskStarted,
    TextStreamed,
    ToolReturned,
)
from core.missions import Mission, Status, new_id, now
from core.ports import LedgerRow
from core.settings import Settings
from graphs.office import Office

E = TypeVar("E")
MODELS = {"openai": "gpt-5-mini", "anthropic": "claude-opus-4-8", "compatible": "some-model"}


def settings_for(folder: Path, server: WireServer, provider: str, **more: Any) -> Settings:
    given = {
        "data_dir": folder / "data",
        "model": f"{provider}:{MODELS[provider]}",
        f"{provider}_api_key": "sk-test-0123456789abcdef",
        f"{provider}_base_url": server.base_url,
    }
    return Settings.model_validate(given | more)


async def play(
    folder: Path, server: WireServer, provider: str, *, stop_at: Callable[[Event], bool] | None = None, **more: Any
) -> tuple[list[Event], list[LedgerRow]]:
    """Run the mission with both files; returns its events and its rows in the ledger."""
    files = {"text/csv": make_sales(folder / "sales.csv"), "application/pdf": make_memo(folder / "memo.pdf")}
    events: list[Event] = []
    async with Office.open(settings_for(folder, server, provider, **more)) as office:
        user, talk = await office.people.ensure_local_owner(), new_id()
        attachments = tuple([await office.receive(user.id, talk, p.name, mime, p) for mime, p in files.items()])
        about = {"id": new_id(), "conversation_id": talk, "user_id": user.id, "created_at": now()}
        mission = Mission(goal=GOAL, attachments=attachments, **about)
        await office.submit(mission)
        async for event in office.follow(mission.id):
            events.append(event)
            if stop_at is not None and stop_at(event):
                await office.cancel(mission.id, user.id)
        return events, await office.ledger.of_mission(mission.id)


def of(events: Iterable[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def end_of(events: Sequence[Event]) -> MissionEnded:
    end = events[-1]
    assert isinstance(end, MissionEnded), end
    return end


def check_answer(events: Sequence[Event]) -> None:
    """Hold the answer and its sources against the files, and what was streamed against the answer."""
    end = end_of(events)
    assert end.status is Status.COMPLETED, end
    assert all(f"- {region}: {total}" in end.answer for region, total in TOTALS.items()), end.answer
    quoted = [source for source in end.sources if source.quote and source.quote in end.answer]
    assert {(source.file, source.page) for source in quoted} == {("memo.pdf", 2)}
    assert len(quoted) == 3
    shown = ""
    for piece in of(events, TextStreamed):
        if piece.step == "report":
            shown = shown[: piece.offset] + piece.text
    assert shown == end.answer


def check_side_by_side(events: Sequence[Event]) -> None:
    started, ended = of(events, TaskStarted), of(events, TaskEnded)
    assert {task.operator for task in started} == {"analyst", "researcher", "writer"}
    assert events.index(started[-1]) < events.index(ended[0]), "all three are at work before the first is done"
    assert {task.status for task in ended} == {Status.COMPLETED}
    returned = of(events, ToolReturned)
    assert {tool.tool for tool in returned} == {"query_table", "list_files", "search_files", "read_file"}
    assert {tool.status for tool in returned} == {"ok"}


def check_bill(events: Sequence[Event], rows: Sequence[LedgerRow]) -> None:
    """Compare what the ledger says with what the mission says it used."""
    usage = end_of(events).usage
    assert usage.model_calls == len(rows)
    assert usage.tokens_in == sum(row.tokens_in for row in rows)
    assert usage.tokens_out == sum(row.tokens_out for row in rows)
    assert usage.tokens_cached == sum(row.tokens_cached for row in rows)
    assert usage.cost == sum((row.cost for row in rows if row.cost is not None), Decimal(0))
    assert usage.unpriced_calls == sum(row.cost is None for row in rows)
    replied = {event.step for event in of(events, ModelReplied)}
    assert {row.step for row in rows if row.outcome == "ok"} == replied


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_a_mission_over_a_providers_own_wire(tmp_path: Path, wire: Any) -> None:
    with WireServer(Player(), wire) as server:
        events, rows = await play(tmp_path, server, wire)
    assert server.violations == []
    check_answer(events)
    check_side_by_side(events)
    check_bill(events, rows)
    assert {row.role for row in rows} == {"chief", "operator", "reviewer"}
    assert {row.operator for row in rows if row.role == "operator"} == {"analyst", "researcher", "writer"}
    assert {row.outcome for row in rows} == {"ok"}
    assert {row.priced_by for row in rows} == {"genai-prices"}
    assert len(rows) == 1 + 3 * 2 + 1 + 1


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_a_mission_survives_what_goes_wrong_once(tmp_path: Path, wire: Any) -> None:
    busy = WireReply(fault="status", status=429, retry_after="0.05")
    half = WireReply("A million! " * 12, tokens_in=650, fault="cut", tokens_per_second=60)
    broken = WireReply(calls=[("a", "list_files", {"x": "so that it can be cut"})], fault="half_arguments")
    with WireServer(Player(plan=busy, operator=broken, report=half), wire) as server:
        events, rows = await play(tmp_path, server, wire)
    check_answer(events)
    check_bill(events, rows)
    assert sorted(row.outcome for row in rows if row.outcome != "ok") == ["bad_reply", "cut_stream", "rate_limit"]
    assert len(of(events, ModelRetried)) == 3
    assert "million" not in end_of(events).answer
    assert any("million" in piece.text for piece in of(events, TextStreamed)), "it was shown, and taken back"


async def test_a_model_without_a_known_price_is_unpriced_and_not_free(tmp_path: Path) -> None:
    with WireServer(Player()) as server:
        events, rows = await play(tmp_path, server, "compatible")
    check_answer(events)
    check_bill(events, rows)
    assert {(row.cost, row.priced_by) for row in rows} == {(None, "unpriced")}
    assert end_of(events).usage.unpriced_calls == len(rows)


async def test_a_provider_that_refuses_the_key_ends_the_mission_in_plain_words(tmp_path: Path) -> None:
    refused = WireReply(fault="status", status=401, message="Incorrect API key provided: sk-test-********cdef.")
    with WireServer([refused]) as server:
        events, rows = await play(tmp_path, server, "openai")
    end = end_of(events)
    assert end.status is Status.FAILED
    assert "STAFFWORK_OPENAI_API_KEY" in end.problem
    assert "cdef" not in "".join(event.model_dump_json() for event in events)
    assert [row.outcome for row in rows] == ["auth"]
    check_bill(events, rows)


async def test_an_operator_whose_model_fails_leaves_the_others_their_work(tmp_path: Path) -> None:
    player = Player()

    def script(body: dict[str, Any]) -> WireReply:
        if "finish" in json.dumps(body.get("tools", [])) and "begins with" in json.dumps(body["messages"]):
            return WireReply("This part is lost. " * 9, fault="cut")
        return player(body)

    with WireServer(script) as server:
        events, rows = await play(tmp_path, server, "openai", model_attempts=2, recovery_tries=0)
    check_answer(events)
    check_bill(events, rows)
    assert {task.task_id: task.status for task in of(events, TaskEnded)} == {
        "t1": Status.COMPLETED,
        "t2": Status.COMPLETED,
        "t3": Status.FAILED,
    }
    assert [row.outcome for row in rows if row.task_id == "t3"] == ["cut_stream"] * 2


async def test_a_call_stopped_by_a_tasks_time_limit_is_on_the_bill(tmp_path: Path) -> None:
    player = Player()

    def script(body: dict[str, Any]) -> WireReply:
        if "finish" in json.dumps(body.get("tools", [])) and "begins with" in json.dumps(body["messages"]):
            return WireReply("One word after the other. " * 90, tokens_per_second=20)
        return player(body)

    with WireServer(script) as server:
        events, rows = await play(tmp_path, server, "openai", task_seconds=3)
    check_answer(events)
    [stopped] = [row for row in rows if row.task_id == "t3"]
    assert stopped.outcome == "cancelled"
    assert 0 < stopped.seconds < 15, "all of the reply would take half a minute"
    assert stopped.tokens_out > 5
    check_bill(events, rows)


async def test_a_call_stopped_by_the_user_is_on_the_bill(tmp_path: Path) -> None:
    slow = WireReply("One word after the other. " * 90, tokens_per_second=50)
    with WireServer([slow]) as server:
        events, rows = await play(
            tmp_path, server, "openai", stop_at=lambda e: isinstance(e, TextStreamed) and e.offset > 0
        )
    assert end_of(events).status is Status.CANCELLED
    assert [row.outcome for row in rows] == ["cancelled"]
    assert rows[0].cost
    check_bill(events, rows)
