"""Everything that can belong to one person here, so that somebody else can try to get at it; and how to see that nothing moved."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from io import BytesIO
from typing import Any

from doors_bodies import ADA, ARTIFACT, CONTEXT, CONVERSATION, MEMORY, MISSION, OPINION
from doors_fixtures import House, Tab
from PIL import Image
from sqlalchemy import Boolean, Float, Integer, Table, Text, and_, insert, or_, select

from core import events as e
from core.missions import Artifact, Status, now
from core.steering import OrderKind
from memory import tables
from memory.branches import run_id
from memory.columns import Moment, Money
from memory.journal import Journal
from memory.snapshots import Share, Snapshot
from tools.folder import mime_of
from tools.workspace import Workspaces


def _dot() -> bytes:
    made = BytesIO()
    Image.new("RGB", (2, 2)).save(made, "PNG")
    return made.getvalue()


WORD = "kanarienvogel"
"""Stands in everything that is ada's: whoever reads it in an answer to somebody else has found a leak."""
FILES = {
    "ada-artifact-old": (f"{WORD}.md", WORD.encode()),
    ARTIFACT: (f"{WORD}.md", WORD.encode()),
    "ada-chart": (f"{WORD}.chart.json", json.dumps({"data": [{"type": "bar", "x": [WORD], "y": [1]}]}).encode()),
    "ada-page": (f"{WORD}.html", f"<h1>{WORD}</h1>".encode()),
    "ada-pdf": (f"{WORD}.pdf", f"%PDF-1.4 {WORD}".encode()),
    "ada-picture": (f"{WORD}.png", _dot()),
}
"""Artifacts of ada's: one in two versions, and one of each kind that is shown in a way of its own."""
IDS = {
    "approval_id": "ada-approval",
    "rule_id": "ada-rule",
    "artifact_id": ARTIFACT,
    "context_id": CONTEXT,
    "conversation_id": CONVERSATION,
    "thread_id": CONVERSATION,
    "mission_id": MISSION,
    "schedule_id": "ada-schedule",
    "share_id": "ada-share",
    "session_id": "ada-session",
    "key_id": "ada-key",
    "account_id": "user-robot",
    "user_id": ADA,
    "person_id": ADA,
    "invitation_id": "ada-invitation",
    "memory_id": MEMORY,
    "feedback_id": OPINION,
    "element_id": ARTIFACT,
    "file_id": ARTIFACT,
    "step": "t1/1.0",
    "token": "no-such-token",
    "position": "0",
    "what": "remove",
    "name": "openai",
    "provider_id": "github",
    "avatar_id": "staffwork",
    "filename": "staffwork.css",
    "rest": "no-such-token/x/y",
    "full_path": f"thread/{CONVERSATION}",
}
"""What stands in braces in a path, or behind a question mark -> what ada has of it."""
PLACES = {
    "/files/attachment/{file_id}": {"file_id": "ada-attachment"},
    "/files/{file_id}": {"file_id": "ada-attachment"},
    "/api/files/{file_id}": {"file_id": "ada-attachment"},
    "/files/{file_id}/view": {"file_id": "ada-attachment"},
    "/artifacts/{artifact_id}/figure": {"artifact_id": "ada-chart"},
    "/artifacts/{artifact_id}/frame": {"artifact_id": "ada-page"},
    "/artifacts/{artifact_id}/pdf": {"artifact_id": "ada-pdf"},
    "/artifacts/{artifact_id}/picture": {"artifact_id": "ada-picture"},
    "/api/sessions/{session_id}": {"session_id": "ada-tablet"},
}
"""Paths where the same word means something else."""
QUERY = {
    "conversation": CONVERSATION,
    "artifact": ARTIFACT,
    "against": "ada-artifact-old",
    "like": CONTEXT,
    "person": "ada",
    "project": "ada-projects",
    "query": WORD.upper(),  # to tell what was found from what was asked for
    "version": "1",
    "old": "1",
    "new": "1",
    "cron": "0 0 1 1 *",
    "name": "given.txt",
    "timezone": "UTC",
    "request_id": "r1",
    "code": "x",
    "state": "x",
}
NONE_OF_ADAS = {"second_factors", "service_accounts"}
"""She logs in with a password, and is no program."""
FITTING: dict[str, dict[str, Any]] = {
    "conversation_preferences": {"wishes": "{}"},
    "preferences": {"wishes": "{}"},
    "feedback_about": {
        "reasons": "[]",
        "operator": "analyst",
        "model": "m",
        "profile_version": "1",
        "prompt_version": "1",
    },
}
"""Table -> what a row must hold to be read again."""
MOVING = {"seen_at", "last_used_at", "embedded_by", "views", "viewed_at"}
"""Columns that change by themselves: when somebody was last seen, what an index has done since."""


def row_of(table: Table, **given: Any) -> dict[str, Any]:
    """Fill a row: what is not given is something that fits."""

    def fitting(column: Any) -> Any:
        if column.name == "id":
            return f"ada-{table.name}"
        match column.type:
            case Boolean():
                return False
            case Moment():
                return now()
            case Integer() | Float() | Money():
                return 1
            case Text():
                return WORD
        return f"{WORD}-{column.name}"[: column.type.length or 60]

    wanted = (c for c in table.columns if not c.nullable and c.server_default is None and c.autoincrement is not True)
    return {c.name: fitting(c) for c in wanted if c.name != "number"} | given


async def put(house: House, table: Table, **given: Any) -> None:
    await house.office.database.write((insert(table), row_of(table, **given)))


async def endow(house: House) -> None:
    """Give ada one of everything."""
    later, mine = now() + timedelta(days=30), {"user_id": ADA}
    there = mine | {"conversation_id": CONVERSATION}
    for conversation in (CONVERSATION, "ada-second"):
        await put(house, tables.conversations, id=conversation, title=WORD, version=1, changed_by=ADA, **mine)
    await put(house, tables.missions, number=9001, id=MISSION, goal=WORD, priority="medium", status="in_progress",
              attempt=0, terms="{}", **there)  # fmt: skip
    message = {"id": "ada-message", "conversation_id": CONVERSATION, "mission_id": MISSION, "author": "user"}
    await put(house, tables.messages, **message)
    await _work(house)
    attached = {"id": "ada-attachment", "name": f"{WORD}.txt", "hash": await house.office.blobs.put(WORD.encode())}
    await put(house, tables.attachments, mission_id=MISSION, conversation_id=CONVERSATION, status="ready",
              mime="text/plain", size=len(WORD), **attached)  # fmt: skip
    choices = json.dumps(["once", "reject"])
    await put(house, tables.approvals, id="ada-approval", mission_id=MISSION, step="t1/1.0", tool="run_python",
              arguments=json.dumps({"code": WORD}), choices=choices, decision="", reason="", decided_by="",
              expires_at=later, **there)  # fmt: skip
    await put(house, tables.approval_rules, id="ada-rule", tool="run_python", approval_id="x", expires_at=later, **mine)
    lists = {"triggers": json.dumps([WORD]), "operators": "[]", "draft": "a draft", "changed_by": ADA}
    await put(house, tables.contexts, id=CONTEXT, name=WORD, version=1, **lists, **mine)
    await put(house, tables.context_versions, context_id=CONTEXT, version=1, **lists)
    told = {"comment": "Too short."}  # those who look after the house are to read it: what it is about, they are not
    await put(house, tables.feedback, id=OPINION, for_id=run_id(MISSION), value=1, **told, **there)
    await put(house, tables.memories, id=MEMORY, mission_id=MISSION, **there)
    await put(house, tables.passages, id="ada-passage", number=9001, origin="memory", origin_id=MEMORY, **there)
    await put(house, tables.schedules, id="ada-schedule", name=WORD, goal=WORD, cron="0 0 1 1 *", timezone="UTC",
              missed="skip", overlap="skip", unattended="deny", priority="medium", version=1, changed_by=ADA, **there)  # fmt: skip
    lasting = {"created_at": now(), "expires_at": later}
    share = Share(id="ada-share", title=WORD, include="answers", audience="people", **lasting, **there)
    await house.office.shares.publish(share, Snapshot(), "a password")
    await put(house, tables.share_files, share_id="ada-share", position=0, hash=attached["hash"])
    await put(house, tables.share_views, share_id="ada-share", number=9001, what="page", who=WORD)
    await _doors(house, later)
    await _odds_and_ends(house)


async def _work(house: House) -> None:
    """Have something done in ada's mission: a task, a call, a file in two versions, a question that waits."""
    writer = await Journal(house.office.database).writer(MISSION, 0)
    where = {"mission_id": MISSION, "task_id": "t1"}
    files = [Artifact(id=i, name=name, hash=await house.office.blobs.put(content), size=len(content), mime=mime_of(name),
                      task_id="t1") for i, (name, content) in FILES.items()]  # fmt: skip
    called = {"step": "t1/1.0", "tool": "read_file"}
    happened: list[e.Event] = [
        e.MissionStarted(mission_id=MISSION),
        e.TaskStarted(**where, operator="analyst", goal=WORD, title="Analyst", profile_version="1"),
        e.ToolCalled(**where, **called, arguments={"name": WORD}, intent=WORD),
        e.ToolReturned(**where, **called, status="ok", output=WORD, size=9, seconds=0.1, risks=("write",)),
        *(e.ArtifactMade(**where, artifact=file, step=f"t1/{n}.0") for n, file in enumerate(files, 2)),
        e.QuestionAsked(mission_id=MISSION, step="plan", question=WORD),
        e.MissionEnded(mission_id=MISSION, status=Status.WAITING_ANSWER),
    ]
    for event in happened:
        writer.add(event)
    await writer.close()
    workspace = Workspaces(house.office.settings.data_dir / "workspaces").of(CONVERSATION)
    workspace.write(f"{WORD}.txt", WORD.encode())
    await put(house, tables.orders, number=9001, id="ada-order", mission_id=MISSION, kind=OrderKind.PAUSE, data="{}",
              taken_at=now())  # fmt: skip
    await put(house, tables.effects, mission_id=MISSION, step="t1/9.0", state="done", done_at=now())
    await put(house, tables.ledger, mission_id=MISSION, id="ada-call")
    await put(house, tables.file_changes, id="ada-change", number=9001, mission_id=MISSION)
    await put(house, tables.changed_files, change_id="ada-change", position=0)
    for table in (tables.artifact_tags, tables.artifact_words, tables.artifact_readings):
        await house.office.database.write((table.delete().where(table.c.artifact_id == ARTIFACT), None))
        await put(house, table, artifact_id=ARTIFACT)


async def _doors(house: House, later: Any) -> None:
    """Give ada what lets people in: sessions, keys, links, factors, and an account for a program."""
    mine = {"user_id": ADA}
    seen = {"agent": "a browser", "address": "127.0.0.1", "how": "password"}
    await put(
        house, tables.sessions, id="ada-session", token_hash="a", token_version=1, expires_at=later, **seen, **mine
    )
    await put(
        house, tables.sessions, id="ada-tablet", token_hash="b", token_version=1, expires_at=later, **seen, **mine
    )
    await put(house, tables.api_keys, id="ada-key", prefix="sw_x", scopes="read", expires_at=later, **mine)
    await put(house, tables.invitations, id="ada-invitation", made_by=ADA, role="member", name="x", email="",
              used_by="", expires_at=later)  # fmt: skip
    await put(house, tables.reset_links, id="ada-reset", made_by=ADA, expires_at=later, **mine)
    await put(house, tables.identities, email="", **mine)
    await put(house, tables.passes, kind="other", data="{}", expires_at=later, **mine)
    await put(house, tables.recovery_codes, **mine)


async def _odds_and_ends(house: House) -> None:
    """Give ada a row in every table of hers that nobody has written anything about here, so that a new one is not forgotten."""
    found: dict[str, list[Any]] = {}
    for table in tables.metadata.sorted_tables:
        which = _hers(table, found)
        if which is None:
            continue
        if table.name not in NONE_OF_ADAS and not await house.office.database.rows(select(table).where(which)):
            above = {fk.parent.name: found[fk.column.table.name][0][fk.column.name] for fk in table.foreign_keys}
            await put(house, table, **above | FITTING.get(table.name, {}))
        rows = await house.office.database.rows(select(table).where(which))
        found[table.name] = [row._mapping for row in rows]


def ids_for(path: str) -> dict[str, str]:
    """Say what goes into the braces of a path; what is named after a table is ada's row in it."""
    of_tables = {f"{name.removesuffix('s')}_id": f"ada-{name}" for name in tables.metadata.tables}
    return of_tables | IDS | PLACES.get(path, {})


async def attach(tab: Tab) -> None:
    """Have ada's browser hold a file that was not sent yet, and name the browser's session."""
    IDS["file"] = await tab.attach(f"{WORD}.html", f"<script>alert('{WORD}')</script>".encode(), "text/html")
    QUERY["session_id"] = tab.session_id


async def belongings(house: House) -> dict[str, str]:
    """Take a digest of ada's rows in each table: found by their references, so that a new table is in it by itself."""
    found: dict[str, list[Any]] = {}
    for table in tables.metadata.sorted_tables:
        which = _hers(table, found)
        if which is not None:
            rows = await house.office.database.rows(select(table).where(which))
            found[table.name] = [row._mapping for row in rows]
    return {name: _digest(rows) for name, rows in found.items()}


def _hers(table: Table, found: dict[str, list[Any]]) -> Any:
    if table.name == "users":
        return table.c.id == ADA
    if "user_id" in table.columns:
        return table.c.user_id == ADA
    if table.name == "ledger":
        return table.c.mission_id == MISSION
    keys = [(fk.parent, fk.column) for fk in table.foreign_keys]
    owned = [c.in_([r[of.name] for r in found[of.table.name]]) for c, of in keys if of.table.name in found]
    return None if not owned else or_(*owned) if len(owned) > 1 else and_(*owned)


def _digest(rows: list[Any]) -> str:
    texts = sorted(repr(sorted((k, v) for k, v in row.items() if k not in MOVING)) for row in rows)
    return f"{len(texts)} {hashlib.sha256(chr(10).join(texts).encode()).hexdigest()[:12]}"
