"""Branches: a message is changed, or answered again, in a new conversation that shares all that came before it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from core.errors import BadInput, NotFound
from core.missions import Mission, derived_id, new_id, now
from tools.workspace import Workspaces

if TYPE_CHECKING:
    from graphs.office import Office


async def branch(office: Office, user_id: str, mission_id: str, goal: str | None, *, client_id: str = "") -> Mission:
    """Go on from before a mission in a new conversation, with another goal (None: the same once more).

    The old conversation stays as it is. The same `client_id` twice is one branch. Raises NotFound, BadInput for an empty goal,
    or Conflict while an earlier mission is at work.
    """
    old = (await office.missions.get(mission_id, user_id)).mission
    goal = old.goal if goal is None else goal.strip()
    if not goal:
        raise BadInput("The message is empty. Say what you would like to have done.")
    branch_id = derived_id("branch", user_id, mission_id, client_id or new_id())
    with suppress(NotFound):
        return (await office.missions.get(derived_id(branch_id, "mission"), user_id)).mission
    first = not await office.conversations.history(old.conversation_id, mission_id, limit=1)
    await office.conversations.branch(
        old.conversation_id, mission_id, user_id, new=branch_id, retitled=first and goal != old.goal
    )
    await _put_back_files(office, branch_id)
    given = await office.files.of_conversation(branch_id, user_id)
    mission = Mission(
        id=derived_id(branch_id, "mission"),
        conversation_id=branch_id,
        user_id=user_id,
        goal=goal,
        attachments=tuple(f.attachment for f in given if f.conversation_id == branch_id),
        priority=old.priority,
        created_at=now(),
        step_mode=old.step_mode,
        cost=old.cost,
        choices=old.choices,
    )
    await office.submit(mission)
    return mission


async def _put_back_files(office: Office, branch_id: str) -> None:
    """Give operators in a branch the files as they were there: of each name the last one made before it."""
    last = {made.name: made for made in await office.files.shared(branch_id)}
    workspace = Workspaces(office.settings.data_dir / "workspaces").of(branch_id)
    for made in last.values():
        content = await asyncio.to_thread(office.blobs.path(made.hash).read_bytes)
        await asyncio.to_thread(workspace.write, made.name, content)
