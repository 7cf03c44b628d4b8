"""How versions of artifacts are counted and found: one artifact is what has the same name in the same conversation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from core.errors import NotFound
from core.missions import Value
from memory import tables
from memory.lineage import in_view

A, M, T, L = tables.artifacts.c, tables.missions.c, tables.tasks.c, tables.ledger.c
TAG, WORD, READING = tables.artifact_tags.c, tables.artifact_words.c, tables.artifact_readings.c
LONGEST_WORD = 60
KINDS: dict[str, tuple[str, ...]] = {
    "document": (".docx", ".pdf", ".md", ".txt", ".html", ".htm", ".pptx"),
    "table": (".csv", ".tsv", ".xlsx", ".parquet"),
    "chart": (".chart.json",),
    "picture": (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"),
    "code": (".py", ".js", ".ts", ".sql", ".sh", ".json", ".yaml", ".yml", ".toml", ".css", ".go", ".rs", ".java"),
    "archive": (".zip", ".tar.gz", ".tgz"),
}
"""What people may choose from, by the endings of names; whatever ends otherwise is of no kind."""


class ArtifactVersion(Value):
    """One version of an artifact: what it is, who made it how, and how many there are by now (`newest`).

    `operator`, `model` and `step` are "" where they are not known; `by_person` says that a person restored it.
    """

    id: str
    name: str
    hash: str
    size: int
    mime: str
    version: int
    newest: int
    created_at: datetime
    conversation_id: str
    conversation: str
    mission_id: str
    task_id: str | None
    step: str
    operator: str
    model: str
    restored_from: str
    tags: tuple[str, ...] = ()

    @property
    def by_person(self) -> bool:
        return bool(self.restored_from)


def next_version(connection: Connection, mission_id: str, name: str) -> int:
    """Count on from the versions of a name that the conversation of a mission shows, shared ones included."""
    home = connection.execute(select(M.conversation_id).where(M.id == mission_id)).scalar_one()
    there = select(func.max(A.version)).where(A.name == name, A.mission_id.in_(in_view(home)))
    return int(connection.execute(there).scalar() or 0) + 1


def all_versions() -> Select[Any]:
    """Select every version with its mission and conversation, and who made it; the caller narrows it to one user."""
    talk = tables.conversations.c
    joined = (
        tables.artifacts.join(tables.missions, M.id == A.mission_id)
        .join(tables.conversations, talk.id == M.conversation_id)
        .outerjoin(tables.tasks, and_(T.mission_id == A.mission_id, T.task_id == A.task_id))
    )
    where = (M.conversation_id, talk.title.label("conversation"), T.operator)
    return select(tables.artifacts, *where).select_from(joined)


def is_newest() -> ColumnElement[bool]:
    """Match the newest version of each artifact."""
    later, theirs = tables.artifacts.alias("later"), tables.missions.alias("theirs")
    newer = (
        select(later.c.id)
        .join(theirs, theirs.c.id == later.c.mission_id)
        .where(
            theirs.c.conversation_id == M.conversation_id,
            later.c.name == A.name,
            or_(later.c.version > A.version, and_(later.c.version == A.version, later.c.id > A.id)),
        )
    )
    return ~newer.correlate(tables.artifacts, tables.missions).exists()


def of_kind(kind: str) -> ColumnElement[bool]:
    """Match names of a kind of KINDS."""
    ends = [func.lower(A.name).endswith(ending, autoescape=True) for ending in KINDS[kind]]
    if kind == "code":  # a chart's own file ends like code
        return and_(or_(*ends), ~func.lower(A.name).endswith(".chart.json", autoescape=True))
    return or_(*ends)


def matching(query: str) -> ColumnElement[bool]:
    """Match what holds every word of a query: in its name, as a tag, or as the beginning of a word of its text."""
    return and_(*(_has(word) for word in list(dict.fromkeys(folded(query)))[:12]))


def _has(word: str) -> ColumnElement[bool]:
    named = func.lower(A.name).contains(word, autoescape=True)
    same, mission = tables.artifacts.alias("same"), tables.missions.alias("of_same")
    tagged = (
        select(TAG.artifact_id)
        .join(same, same.c.id == TAG.artifact_id)
        .join(mission, mission.c.id == same.c.mission_id)
        .where(
            mission.c.conversation_id == M.conversation_id,
            same.c.name == A.name,
            func.lower(TAG.tag).contains(word, autoescape=True),
        )
        .correlate(tables.artifacts, tables.missions)
        .exists()
    )
    # A range, and not LIKE: this is what the index over words can answer.
    said = and_(WORD.word >= word, WORD.word < word + "\U0010ffff")
    return or_(named, tagged, A.id.in_(select(WORD.artifact_id).where(said)))


def folded(text: str) -> list[str]:
    """Cut a text into words, in one case and without accents."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return [word[:LONGEST_WORD] for word in re.findall(r"\w+", bare.casefold())]


def model_step(step: str) -> str:
    """Name the model call that a tool call belongs to: "t1/3.0" was wanted in "t1/3"."""
    return step.rpartition(".")[0] or step


def series_of(connection: Connection, artifact_id: str, user_id: str) -> tuple[Sequence[str], str, str]:
    """Find the ids of all versions, newest first, their conversation and their name; raises NotFound."""
    one = select(M.conversation_id, A.name).join(tables.artifacts, A.mission_id == M.id)
    row = connection.execute(one.where(A.id == artifact_id, M.user_id == user_id)).one_or_none()
    if row is None:
        raise no_such()
    same = and_(A.name == row.name, M.conversation_id == row.conversation_id)
    ids = select(A.id).join(tables.missions, M.id == A.mission_id).where(same).order_by(A.version.desc(), A.id)
    return list(connection.execute(ids).scalars()), str(row.conversation_id), str(row.name)


def no_such() -> NotFound:
    """Say that there is none, whoever asks."""
    return NotFound("There is no such artifact.")
