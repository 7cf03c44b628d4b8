"""What operators made, for the person it belongs to: found, listed by version, renamed, tagged, brought back, deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from core.errors import BadInput, Conflict
from core.missions import Artifact, new_id, now
from memory import tables
from memory.artifact_rows import (
    KINDS,
    READING,
    TAG,
    A,
    ArtifactVersion,
    L,
    M,
    all_versions,
    folded,
    is_newest,
    matching,
    model_step,
    next_version,
    no_such,
    of_kind,
    series_of,
)
from memory.database import Database
from memory.forgetting import still_used
from memory.lineage import in_view

MOST_TAGS, LONGEST_TAG = 20, 60
_TEMPORARY = select(tables.conversations.c.id).where(tables.conversations.c.temporary)
"""What is made in these is shown in them only."""
MOST_WORDS = 5_000
"""Different words of one version that it is found by."""


class Artifacts:
    """The versions of core.missions.Artifact; whatever is another user's does not exist here (NotFound)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self,
        user_id: str,
        *,
        query: str = "",
        kind: str = "",
        conversation_id: str = "",
        tag: str = "",
        limit: int = 100,
    ) -> list[ArtifactVersion]:
        """List the newest version of each artifact of a user, newest first; every word of `query` must fit. What was made in a
        temporary conversation is listed only where that conversation is asked for."""
        if kind and kind not in KINDS:
            raise BadInput(f"kind: there is no {kind[:40]!r}. It is one of {', '.join(KINDS)}.")
        wanted = all_versions().where(M.user_id == user_id, is_newest())
        if query.strip():
            if not folded(query):
                return []
            wanted = wanted.where(matching(query))
        if kind:
            wanted = wanted.where(of_kind(kind))
        if conversation_id:
            wanted = wanted.where(A.mission_id.in_(in_view(conversation_id)))
        else:
            wanted = wanted.where(M.conversation_id.not_in(_TEMPORARY))
        found = await self._found(wanted.order_by(A.created_at.desc(), A.id).limit(limit if not tag else 1000))
        return [a for a in found if not tag or tag in a.tags][:limit]

    async def get(self, artifact_id: str, user_id: str) -> ArtifactVersion:
        """Return one version; raises NotFound."""
        found = await self._found(all_versions().where(A.id == artifact_id, M.user_id == user_id))
        if not found:
            raise no_such()
        return found[0]

    async def versions(self, artifact_id: str, user_id: str) -> Sequence[ArtifactVersion]:
        """List all versions of the artifact that this is one of, newest first; raises NotFound."""
        one = await self.get(artifact_id, user_id)
        seen = A.mission_id.in_(in_view(one.conversation_id))
        query = all_versions().where(A.name == one.name, seen, M.user_id == user_id)
        return await self._found(query.order_by(A.version.desc(), A.created_at.desc(), A.id))

    async def rename(self, artifact_id: str, user_id: str, name: str) -> None:
        """Give all versions of an artifact another name; raises NotFound, or Conflict where the name is taken."""

        def work(connection: Connection) -> None:
            ids, home, old = series_of(connection, artifact_id, user_id)
            if name == old:
                return
            taken = select(A.id).where(A.name == name, A.mission_id.in_(in_view(home))).limit(1)
            if connection.execute(taken).first():
                raise Conflict(f"There is an artifact {name} in this conversation already. Choose another name.")
            connection.execute(update(tables.artifacts).where(A.id.in_(ids)).values(name=name))

        await self._database.apply(work)

    async def tag(self, artifact_id: str, user_id: str, tags: Iterable[str]) -> tuple[str, ...]:
        """Give an artifact exactly these tags; returns them as they are kept. Raises NotFound or BadInput."""
        kept = _checked_tags(tags)

        def work(connection: Connection) -> None:
            ids, _, _ = series_of(connection, artifact_id, user_id)
            connection.execute(delete(tables.artifact_tags).where(TAG.artifact_id.in_(ids)))
            if kept:
                connection.execute(insert(tables.artifact_tags), [{"artifact_id": ids[0], "tag": t} for t in kept])

        await self._database.apply(work)
        return kept

    async def restore(self, artifact_id: str, user_id: str) -> str:
        """Make an older version the newest, as a version of its own; returns its id. The newest one stays as it is."""
        old = await self.get(artifact_id, user_id)
        made_id = new_id()

        def work(connection: Connection) -> str:
            row = connection.execute(select(tables.artifacts).where(A.id == artifact_id)).mappings().one_or_none()
            if row is None:
                raise no_such()
            mission = row["mission_id"]
            newest = next_version(connection, mission, old.name) - 1
            if row["version"] == newest:
                raise Conflict("This is the newest version already.")
            again = {name: row[name] for name in ("mission_id", "name", "hash", "size", "mime")}
            again |= {"id": made_id, "task_id": None, "created_at": now(), "version": newest + 1}
            connection.execute(insert(tables.artifacts), again | {"step": "", "restored_from": artifact_id})
            return made_id

        return await self._database.apply(work)

    async def remove(self, artifact_id: str, user_id: str) -> Sequence[str]:
        """Delete an artifact with all versions; returns the hashes of contents that nobody refers to any more."""

        def work(connection: Connection) -> list[str]:
            ids, _, _ = series_of(connection, artifact_id, user_id)
            hashes = set(connection.execute(select(A.hash).where(A.id.in_(ids))).scalars())
            connection.execute(delete(tables.artifacts).where(A.id.in_(ids)))
            return sorted(hashes - still_used(connection, hashes))

        return await self._database.apply(work, durable=True)  # or a power cut brings it back without its content

    async def unread(self, user_id: str, limit: int) -> list[Artifact]:
        """List newest versions whose words are not known yet, newest first."""
        read = select(READING.artifact_id)
        query = all_versions().where(M.user_id == user_id, is_newest(), A.id.not_in(read))
        rows = await self._database.rows(query.order_by(A.created_at.desc()).limit(limit))
        return [Artifact(id=r.id, name=r.name, hash=r.hash, size=r.size, mime=r.mime) for r in rows]

    async def keep_words(self, artifact_id: str, text: str, problem: str = "") -> None:
        """Note by which words a version is found, or why it has none; a version that is gone is no error."""
        words = list(dict.fromkeys(folded(text)))[:MOST_WORDS]

        def work(connection: Connection) -> None:
            there = select(A.id).where(A.id == artifact_id, A.id.not_in(select(READING.artifact_id)))
            if not connection.execute(there).first():
                return
            reading = {"artifact_id": artifact_id, "problem": problem}
            connection.execute(insert(tables.artifact_readings), reading)
            if words:
                rows = [{"artifact_id": artifact_id, "word": word} for word in words]
                connection.execute(insert(tables.artifact_words), rows)

        await self._database.apply(work)

    async def _found(self, query: Select[Any]) -> list[ArtifactVersion]:
        rows = await self._database.rows(query)
        if not rows:
            return []
        models, tags, newest = await self._models(rows), await self._tags(rows), await self._newest(rows)
        fields = [name for name in ArtifactVersion.model_fields if name in rows[0]._mapping and name != "operator"]
        return [
            ArtifactVersion(
                **{name: getattr(r, name) for name in fields},
                operator=r.operator or "",
                model=models.get((r.mission_id, model_step(r.step)), ""),
                tags=tags.get((r.conversation_id, r.name), ()),
                newest=max(r.version, newest.get((r.conversation_id, r.name), 0)),
            )
            for r in rows
        ]

    async def _models(self, rows: Sequence[Any]) -> dict[tuple[str, str], str]:
        """Name the models that wanted these steps, as the ledger has them."""
        steps = {model_step(r.step) for r in rows if r.step}
        missions = {r.mission_id for r in rows if r.step}
        query = select(L.mission_id, L.step, L.model).where(L.mission_id.in_(missions), L.step.in_(steps))
        return {(r.mission_id, r.step): r.model for r in await self._database.rows(query.where(L.outcome == "ok"))}

    async def _tags(self, rows: Sequence[Any]) -> dict[tuple[str, str], tuple[str, ...]]:
        names, talks = {r.name for r in rows}, {r.conversation_id for r in rows}
        joined = tables.artifact_tags.join(tables.artifacts, A.id == TAG.artifact_id).join(
            tables.missions, M.id == A.mission_id
        )
        query = select(M.conversation_id, A.name, TAG.tag).select_from(joined)
        query = query.where(A.name.in_(names), M.conversation_id.in_(talks)).order_by(TAG.tag)
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for r in await self._database.rows(query):
            found[(r.conversation_id, r.name)] = tuple(
                dict.fromkeys((*found.get((r.conversation_id, r.name), ()), r.tag))
            )
        return found

    async def _newest(self, rows: Sequence[Any]) -> dict[tuple[str, str], int]:
        names, talks = {r.name for r in rows}, {r.conversation_id for r in rows}
        query = select(M.conversation_id, A.name, A.version).join(tables.missions, M.id == A.mission_id)
        query = query.where(A.name.in_(names), M.conversation_id.in_(talks)).order_by(A.version)
        return {(r.conversation_id, r.name): r.version for r in await self._database.rows(query)}


def _checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys(t for tag in tags if (t := " ".join(tag.split()))))
    if len(kept) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in kept):
        raise BadInput(f"tags: at most {MOST_TAGS} of {LONGEST_TAG} characters each.")
    return kept
