"""Artifacts as missions make them, for tests that do not run a mission."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import Connection, update
from store_fixtures import mission

from core.events import ArtifactMade, TaskStarted
from core.missions import Artifact, derived_id, new_id, now
from memory import tables
from memory.artifacts import Artifacts
from memory.database import Database
from memory.journal import Journal
from memory.missions import Missions, accept_mission
from tools.folder import mime_of


class Maker:
    """Begins missions and makes artifacts in them; contents are put into blobs by whoever wants them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.missions, self.journal, self.artifacts = Missions(database), Journal(database), Artifacts(database)

    async def begin(self, mission_id: str, conversation_id: str = "c", user_id: str = "ada") -> None:
        accepted = mission(mission_id, conversation_id, user_id)

        def accept(connection: Connection) -> None:
            accept_mission(connection, accepted, new_id(), f"About {conversation_id}")
            away = {"wake_at": now() + timedelta(days=1)}  # no worker of the house takes it up meanwhile
            connection.execute(update(tables.missions).where(tables.missions.c.id == mission_id).values(away))

        await self.database.apply(accept)
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


POLYGLOT = b"GIF89a/*\x01\x00\x01\x00*/=1;<html><script>document.title='owned'</script>"
"""Begins as a picture, and is a script and a page as well."""
HOSTILE_HTML = """<!doctype html><html><head><title>x</title>
<link rel="preconnect" href="OUT"><link rel="dns-prefetch" href="OUT"><link rel="stylesheet" href="OUT/a.css">
<link rel="prefetch" href="OUT/b"><meta http-equiv="refresh" content="0;url=OUT/c"><base href="OUT/"><style>@import url(OUT/d.css);
body { background: url(OUT/e.png) }</style><script src="OUT/f.js"></script>
<script>parent.document.title='owned';fetch('OUT/g')</script>
</head><body onload="fetch('OUT/h')"><h1>Hello</h1><img src="OUT/i.png" onerror="fetch('OUT/j')"><iframe src="OUT/k"></iframe>
<object data="OUT/l"></object><video poster="OUT/m" src="OUT/n"></video><form action="OUT/o"><button>Go</button></form>
<a href="OUT/p" ping="OUT/q">away</a><a href="javascript:parent.document.title='owned'">js</a>
<svg><script>parent.document.title='owned'</script><image href="OUT/r.png"/><use href="OUT/s.svg#x"/></svg>
<p style="background:url(OUT/t.png)">Words</p></body></html>"""
"""Tries to run, to leave and to connect in every way a page can; OUT stands for where to."""
