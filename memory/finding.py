"""Finding again: one question to titles, messages, steps and files of one user, answered with the words around each hit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, Select, and_, select, text

from core.errors import BadInput
from core.missions import Value
from memory import tables
from memory.artifact_rows import folded
from memory.artifacts import Artifacts
from memory.branches import run_id
from memory.database import Database
from memory.entries import build
from memory.statements import on_postgres

Kind = Literal["conversation", "question", "answer", "step", "tool", "file", "artifact"]
KINDS: dict[str, tuple[str, ...]] = {
    "titles": ("conversation",),
    "messages": ("question", "answer"),
    "steps": ("step", "tool"),
    "files": ("file", "artifact"),
}
"""What people may choose from."""
MOST_WORDS = 12
AROUND = 90
"""Characters shown before and after a hit."""

_C, _A = tables.conversations.c, tables.attachments.c
_WITHIN = (
    "AND (:project = '' OR c.project_id = :project) AND (:conversation = '' OR c.id = :conversation) "
    "AND (:since = '' OR {at} >= :since) AND (:until = '' OR {at} < :until) AND NOT c.temporary "
    "AND ((:archived = 'any') OR (:archived = 'only' AND c.archived_at IS NOT NULL) "
    "OR (:archived = 'no' AND c.archived_at IS NULL)) "
)
_SHOWN = "c.id AS talk, c.title AS talk_title, c.archived_at AS put_away"
_ENTRIES = (
    f"SELECT {_SHOWN}, e.mission_id, e.kind, e.place, e.title, e.text, e.at "  # noqa: S608 - our own parts
    "FROM {found} JOIN conversations c ON c.id = e.conversation_id WHERE {match} AND e.user_id = :user_id "
    f"AND (:kind = '' OR (:kind = 'messages') = (e.kind IN ('question', 'answer'))) {_WITHIN.format(at='e.at')}"
    "ORDER BY e.at DESC, e.number DESC LIMIT :most"
)
_FILES = (
    f"SELECT {_SHOWN}, p.origin_id, p.name, p.text, p.page, p.line, a.created_at AS at "  # noqa: S608 - our own parts
    "FROM {found} JOIN attachments a ON a.id = p.origin_id JOIN conversations c ON c.id = a.conversation_id "
    f"WHERE {{match}} AND p.user_id = :user_id AND p.origin = 'file' {_WITHIN.format(at='a.created_at')}"
    "ORDER BY a.created_at DESC, p.position LIMIT :most"
)
# CROSS JOIN: SQLite asks the words first, and does not walk through everything of a user looking for them.
_BY_ENTRIES = text(
    _ENTRIES.format(
        found="search_fts CROSS JOIN search_entries e ON e.number = search_fts.rowid", match="search_fts MATCH :words"
    )
)
_BY_FILES = text(
    _FILES.format(
        found="passages_fts CROSS JOIN passages p ON p.number = passages_fts.rowid", match="passages_fts MATCH :words"
    )
)
_BY_ENTRIES_ON_POSTGRES = text(
    _ENTRIES.format(found="search_entries e", match="e.words @@ CAST(CAST(:words AS text) AS tsquery)")
)
_BY_FILES_ON_POSTGRES = text(
    _FILES.format(found="passages p", match="p.words @@ CAST(CAST(:words AS text) AS tsquery)")
)


class Piece(Value):
    """A part of a snippet; `hit` is what was looked for."""

    text: str
    hit: bool = False


class Hit(Value):
    """One thing that was found; `place` is the line of the chat it stands in, or the id of a file ("" for a title).

    `within` is the line that holds all work on its mission, for steps and tool calls.
    """

    kind: Kind
    conversation_id: str
    conversation: str
    place: str = ""
    title: str = ""
    within: str = ""
    snippet: tuple[Piece, ...] = ()
    at: datetime
    archived: bool = False


@dataclass(frozen=True)
class Wanted:
    """What to look for. All words must stand in one place, the last may be a beginning; "" means no limit.

    `kind` is one of KINDS, `since` and `until` are dates (YYYY-MM-DD), `archived` is any, no or only.
    """

    query: str
    kind: str = ""
    project: str = ""
    conversation: str = ""
    since: str = ""
    until: str = ""
    archived: str = "any"

    def __post_init__(self) -> None:
        if self.kind and self.kind not in KINDS:
            raise BadInput(f"kind: there is no {self.kind[:40]!r}. It is one of {', '.join(KINDS)}.")
        if self.archived not in ("any", "no", "only"):
            raise BadInput("archived: it is any, no or only.")
        for name in ("since", "until"):
            _checked_day(name, getattr(self, name))

    @property
    def words(self) -> list[str]:
        return list(dict.fromkeys(re.findall(r"\w+", self.query.lower())))[:MOST_WORDS]


class Finder:
    """Looks through what is one user's; another's is never found, and neither are temporary conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user_id: str, wanted: Wanted, limit: int = 50) -> list[Hit]:
        """List what was found, newest first, titles before everything else; empty without words."""
        words = wanted.words
        if not words:
            return []
        found: list[Hit] = []
        if wanted.kind in ("", "files"):
            found += await self._files(user_id, wanted, limit)
        if wanted.kind in ("", "messages", "steps"):
            found += await self._entries(user_id, wanted, limit)
        found.sort(key=lambda hit: hit.at, reverse=True)
        if wanted.kind in ("", "titles"):
            found = [*await self._titles(user_id, wanted, limit), *found]
        return found[:limit]

    async def rebuild(self) -> int:
        """Make the entries anew from messages and events; returns how many were read."""
        return await self._database.apply(build)

    async def _entries(self, user_id: str, wanted: Wanted, limit: int) -> list[Hit]:
        rows = await self._rows(_BY_ENTRIES, _BY_ENTRIES_ON_POSTGRES, _given(user_id, wanted, limit))
        return [
            Hit(
                kind=row.kind,
                conversation_id=row.talk,
                conversation=row.talk_title,
                place=row.place,
                within=run_id(row.mission_id) if row.kind in ("step", "tool") else "",
                title=row.title,
                snippet=snippet(row.text, wanted.words),
                at=datetime.fromisoformat(row.at),
                archived=row.put_away is not None,
            )
            for row in rows
        ]

    async def _files(self, user_id: str, wanted: Wanted, limit: int) -> list[Hit]:
        found: dict[str, Hit] = {}
        for row in await self._rows(_BY_FILES, _BY_FILES_ON_POSTGRES, _given(user_id, wanted, limit * 4)):
            about = {"at": datetime.fromisoformat(row.at), "snippet": snippet(row.text, wanted.words)}
            hit = _file(row, "file", place=row.origin_id, title=_where(row), **about)
            found.setdefault(row.origin_id, hit)
        for row in await self._database.rows(_named(user_id, wanted).limit(limit)):
            found.setdefault(row.id, _file(row, "file", place=row.id, title=row.name, at=row.created_at))
        made = await Artifacts(self._database).find(
            user_id, query=wanted.query, conversation_id=wanted.conversation, limit=limit
        )
        talks = {row.talk: row for row in await self._database.rows(_talks(user_id, wanted))} if made else {}
        for one in made:
            if one.conversation_id in talks and _in_time(one.created_at, wanted):
                row = talks[one.conversation_id]
                found.setdefault(one.id, _file(row, "artifact", place=one.id, title=one.name, at=one.created_at))
        return list(found.values())[:limit]

    async def _titles(self, user_id: str, wanted: Wanted, limit: int) -> list[Hit]:
        query = _talks(user_id, wanted).add_columns(_C.updated_at).order_by(_C.updated_at.desc())
        words, found = [part for word in wanted.words for part in folded(word)], list[Hit]()
        for row in await self._database.rows(query):
            title = folded(row.talk_title)
            fits = all(any(part.startswith(word) for part in title) for word in words)
            if fits and _in_time(row.updated_at, wanted):
                pieces = snippet(row.talk_title, wanted.words)
                about = {"conversation_id": row.talk, "conversation": row.talk_title, "at": row.updated_at}
                found.append(Hit(kind="conversation", snippet=pieces, archived=row.put_away is not None, **about))
        return found[:limit]

    async def _rows(self, here: Any, on_a_server: Any, given: dict[str, Any]) -> Sequence[Any]:
        def ask(connection: Connection) -> Sequence[Any]:
            server = on_postgres(connection)
            words = (
                [f"'{part}'" for word in given["words"] for part in folded(word)]
                if server
                else ([f'"{word}"' for word in given["words"]])
            )
            line = f"{(' & ' if server else ' AND ').join(words)}{':*' if server else '*'}"
            return connection.execute(on_a_server if server else here, given | {"words": line}).all()

        return await self._database.read(ask)


def snippet(words_said: str, wanted: Sequence[str]) -> tuple[Piece, ...]:
    """Cut out the words around the first hit, with every hit in them marked; the beginning if there is none."""
    flat = words_said.lower() if words_said.isascii() else "".join(map(_flat, words_said))
    found = _hits(flat, ["".join(map(_flat, word)) for word in wanted])
    first = found[0][0] if found else 0
    start, end = max(0, first - AROUND), min(len(words_said), first + 2 * AROUND)
    start = start if start == 0 else words_said.find(" ", start, first) + 1 or start
    end = end if end == len(words_said) else max(words_said.rfind(" ", first, end), first + 1)
    pieces: list[Piece] = [Piece(text="… ")] if start else []
    for begin, stop in (hit for hit in found if start <= hit[0] and hit[1] <= end):
        pieces += [Piece(text=words_said[start:begin])] if begin > start else []
        pieces.append(Piece(text=words_said[begin:stop], hit=True))
        start = stop
    rest = words_said[start:end] + (" …" if end < len(words_said) else "")
    return tuple([*pieces, Piece(text=rest)] if rest else pieces)


def _hits(flat: str, wanted: Sequence[str]) -> list[tuple[int, int]]:
    """Find where the wanted words stand, in order: whole ones, and any that begin with the last."""
    *whole, last = wanted
    pattern = "|".join([*(rf"{re.escape(w)}(?!\w)" for w in whole), rf"{re.escape(last)}\w*"])
    return [match.span() for match in re.finditer(rf"(?<!\w)(?:{pattern})", flat)]


@lru_cache(maxsize=4096)
def _flat(letter: str) -> str:
    """Write a letter in one case and without its accent, as exactly one letter."""
    bare = unicodedata.normalize("NFKD", letter)[:1].casefold()
    return bare if len(bare) == 1 else letter


def _given(user_id: str, wanted: Wanted, most: int) -> dict[str, Any]:
    until = f"{wanted.until}T99" if wanted.until else ""  # the whole day
    about = {"project": wanted.project, "conversation": wanted.conversation, "archived": wanted.archived}
    about |= {"since": wanted.since, "until": until, "kind": wanted.kind}
    return about | {"user_id": user_id, "words": wanted.words, "most": most}


def _talks(user_id: str, wanted: Wanted) -> Select[Any]:
    which = and_(_C.user_id == user_id, ~_C.temporary)
    if wanted.project:
        which &= _C.project_id == wanted.project
    if wanted.conversation:
        which &= _C.id == wanted.conversation
    if wanted.archived != "any":
        which &= _C.archived_at.is_not(None) if wanted.archived == "only" else _C.archived_at.is_(None)
    shown = (_C.id.label("talk"), _C.title.label("talk_title"), _C.archived_at.label("put_away"))
    return select(*shown).where(which)


def _named(user_id: str, wanted: Wanted) -> Select[Any]:
    """Select given files by their names, whether they could be read or not."""
    query = _talks(user_id, wanted).add_columns(_A.id, _A.name, _A.created_at)
    query = query.join(tables.attachments, _A.conversation_id == _C.id)
    query = query.where(*(_A.name.icontains(word, autoescape=True) for word in wanted.words))
    if wanted.since:
        query = query.where(_A.created_at >= datetime.fromisoformat(f"{wanted.since}T00:00:00+00:00"))
    if wanted.until:
        query = query.where(_A.created_at <= datetime.fromisoformat(f"{wanted.until}T23:59:59.999999+00:00"))
    return query.order_by(_A.created_at.desc())


def _file(row: Any, kind: Literal["file", "artifact"], **more: Any) -> Hit:
    about = {"conversation_id": row.talk, "conversation": row.talk_title, "archived": row.put_away is not None}
    return Hit(kind=kind, **about, **more)


def _where(row: Any) -> str:
    place = f", page {row.page}" if row.page else f", line {row.line}" if row.line else ""
    return f"{row.name}{place}"


def _in_time(at: datetime, wanted: Wanted) -> bool:
    day = f"{at:%Y-%m-%d}"
    return (not wanted.since or day >= wanted.since) and (not wanted.until or day <= wanted.until)


def _checked_day(name: str, day: str) -> None:
    try:
        if day and f"{datetime.strptime(day, '%Y-%m-%d'):%Y-%m-%d}" != day:
            raise ValueError
    except ValueError:
        raise BadInput(f"{name}: write a day as 2026-11-21.") from None
