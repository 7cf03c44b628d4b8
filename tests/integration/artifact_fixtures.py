"""Artifacts as missions make them, for tests that do not run a mission."""

from __future__ import annotations

import hashlib

from store_fixtures import mission

from core.events import ArtifactMade, TaskStarted
from core.missions import Artifact, derived_id, new_id
from memory.artifacts import Artifacts
from memory.database import Database
from memory.journal import Journal
from memory.missions import Missions
from tools.folder import mime_of


class Maker:
    """Begins missions and makes artifacts in them; contents are put into blobs by whoever wants them."""

    def __init__(self, database: Database) -> None:
        self.missions, self.journal, self.artifacts = Missions(database), Journal(database), Artifacts(database)

    async def begin(self, mission_id: str, conversation_id: str = "c", user_id: str = "ada") -> None:
        accepted = mission(mission_id, conversation_id, user_id)
        await self.missions.accept(accepted, new_id(), title=f"About {conversation_id}")
        writer = await self.journal.writer(mission_id, 0)
        started = {"operator": "analyst", "goal": "Work", "title": "Data analyst", "profile_version": "1"}
        writer.add(TaskStarted(mission_id=mission_id, task_id="t1", **started))
        await writer.close()

    async def make(self, mission_id: str, name: str, content: bytes = b"text") -> str:
        """Make one version; returns its id."""
        digest = hashlib.sha256(content).hexdigest()
        made = Artifact(
            id=derived_id(mission_id, name, new_id()),
            name=name,
            hash=digest,
            size=len(content),
            mime=mime_of(name),
            task_id="t1",
        )
        writer = await self.journal.writer(mission_id, 0)
        writer.add(ArtifactMade(mission_id=mission_id, task_id="t1", artifact=made, step="t1/2.0"))
        await writer.close()
        return made.id
