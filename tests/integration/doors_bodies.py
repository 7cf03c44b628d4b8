"""What to send along so that each door opens for whoever it belongs to: ada's ids, in the bodies of requests."""

from __future__ import annotations

import json
from typing import Any

from core.missions import derived_id
from memory.branches import run_id

ADA, CONVERSATION, MISSION = "user-ada", "ada-conversation", "ada-mission"
ARTIFACT, CONTEXT, OPINION = "ada-artifact", "ada-context", derived_id(ADA, run_id(MISSION))
MEMORY = derived_id("memory", ADA, "Mine")
"""Changed to these words it keeps its id, so that each door finds it."""
FORM = "application/x-www-form-urlencoded"
FORMS = {
    "POST /inbox": "kind=approval&approval=ada-approval&choice=reject&text=no",
    "POST /conversations": f"kind=several&what=pin&id={CONVERSATION}",
    "POST /files/{file_id}": "kind=use&use=text",
    "POST /keys": "kind=revoke&key=ada-key",
    "POST /memories": f"do=change&id={MEMORY}&text=Mine",
    "POST /me": "kind=end&session=ada-session",
    "POST /contexts/new": "name=one-more&title=One&text=Words&triggers=one",
    "POST /contexts/{context_id}": "do=save&name=ours&title=Ours&text=Ours&version=1",
}
BODIES: dict[str, Any] = {
    "POST /api/approvals/{approval_id}": {"decision": "reject", "reason": "No"},
    "PATCH /api/artifacts/{artifact_id}": {"tags": ["mine"]},
    "PATCH /api/contexts/{context_id}": {"version": 1, "title": "Mine"},
    "POST /api/contexts": {"name": "another", "title": "Another", "text": "Words", "triggers": ["x"]},
    "POST /api/contexts/{context_id}/accept": {"version": 1},
    "POST /api/contexts/{context_id}/restore": {"version": 1, "to": 1},
    "PATCH /api/memories/{memory_id}": {"text": "Mine"},
    "PATCH /api/conversations/{conversation_id}": {"title": "Mine", "version": 1},
    "POST /api/conversations/changes": {"ids": [CONVERSATION], "what": "move", "project": "ada-projects"},
    "PATCH /api/files/{file_id}": {"use": "text"},
    "POST /api/projects": {"name": "Mine"},
    "PATCH /api/projects/{project_id}": {"name": "Mine"},
    "POST /api/missions": {"goal": "Say hello", "conversation_id": CONVERSATION},
    "POST /api/missions/{mission_id}/branch": {"goal": "Say hello"},
    "POST /api/missions/{mission_id}/orders": {"kind": "stop"},
    "POST /api/schedules": {"name": "x", "goal": "Say hello", "cron": "0 0 1 1 *", "timezone": "UTC"},
    "PATCH /api/schedules/{schedule_id}": {"version": 1, "name": "Mine"},
    "PATCH /api/shares/{share_id}": {"password": "another one"},
    "PUT /feedback": {
        "feedback": {"forId": run_id(MISSION), "threadId": CONVERSATION, "value": 0, "comment": "Mine"},
        "sessionId": "x",
    },
    "DELETE /feedback": {"feedbackId": OPINION},
    "PUT /project/thread": {"threadId": CONVERSATION, "name": "Mine"},
    "DELETE /project/thread": {"threadId": "ada-second"},
    "POST /project/threads": {"pagination": {"first": 50}, "filter": {"search": "", "userId": "user-ada"}},
    "POST /steer/{mission_id}": {"kind": "stop"},
    "POST /api/keys": {"name": "one more", "scopes": ["read"]},
    "POST /api/conversations/{conversation_id}/shares": {"audience": "people"},
}
"""What is sent along: a body with which the door opens for whoever it belongs to. Others get {}."""


def body_of(door: str) -> tuple[bytes, str]:
    """Return what to send through a door that takes a body, and its type."""
    if door == "POST /project/file":
        part = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nwords\r\n--b--\r\n'
        return part, "multipart/form-data; boundary=b"
    if door in FORMS:
        return FORMS[door].encode(), FORM
    return json.dumps(BODIES.get(door, {})).encode(), "application/json"
