"""Limits that the whole house enforces: what an operator reads of a tool's output, and how many files a message brings."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from wire_replies import WireReply
from wire_servers import WireServer

from chat.conversation import Incoming, converse
from core.errors import BadInput
from core.events import MissionEnded, ToolReturned
from core.missions import Mission, Status, new_id, now
from core.settings import Settings
from graphs.office import Office


def play(body: dict[str, Any]) -> WireReply:
    """Plan one task, read the file, finish, answer."""
    tools = {t["function"]["name"] for t in body.get("tools", [])}
    if "make_plan" in tools:
        return WireReply(calls=[("p", "make_plan", {"tasks": [{"operator": "researcher", "goal": "Read it"}]})])
    if "finish" not in tools:
        return WireReply("It is long.")
    if "left out of" in json.dumps(body["messages"]):
        return WireReply(calls=[("f", "finish", {"summary": "Read."})])
    return WireReply(calls=[("r", "read_file", {"file": "long.txt"})])


async def test_an_operator_reads_only_so_much_of_an_output(tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_text("\n".join(f"Line {n} of a long file." for n in range(5000)))
    with WireServer(play, "openai") as server:
        about = {"openai_api_key": "sk-test-0123456789abcdef", "openai_base_url": server.base_url}
        settings = Settings(data_dir=tmp_path / "data", model="openai:gpt-5-mini", tool_output_bytes=700, **about)
        async with Office.open(settings) as office:
            user, talk = await office.people.ensure_local_owner(), new_id()
            given = await office.receive(user.id, talk, "long.txt", "text/plain", file)
            mission = Mission(
                id=new_id(),
                conversation_id=talk,
                user_id=user.id,
                goal="Read it",
                attachments=(given,),
                created_at=now(),
            )
            await office.submit(mission)
            events = [event async for event in office.follow(mission.id)]
    [returned] = [e for e in events if isinstance(e, ToolReturned)]
    assert returned.size > 700
    assert len(returned.output.encode()) <= 700
    assert "bytes left out of" in returned.output
    assert isinstance(events[-1], MissionEnded)
    assert events[-1].status is Status.COMPLETED


async def test_a_message_brings_only_so_many_files() -> None:
    desk: Any = SimpleNamespace(office=SimpleNamespace(settings=Settings(upload_max_files=2)))
    file: Any = object()
    incoming = Incoming(
        id="b6a1f7f0-6f0b-4a3e-9a51-0d5d0e3c8c11", conversation_id="c", user_id="u", text="Look", files=(file,) * 3
    )
    with pytest.raises(BadInput, match="At most 2 files"):
        await converse(desk, incoming)
