"""Puts together what the Chief knows of a mission: last turns verbatim, what was recalled, files that were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.logs import Masker
from core.memories import Brief, Origin, Passage, Picture, Recollection, Said, is_picture
from core.missions import Attachment, Mission, derived_id
from core.settings import Settings
from graphs.citing import Citations
from graphs.file_reading import FileReading, PatientIndex
from memory.blobs import Blobs
from memory.conversations import Conversations
from memory.documents import DocumentReader
from memory.files import FileRow, Files
from memory.index import Index
from memory.recollection import TURN, recall, turn_id
from memory.uploads import UNFINISHED, Use, use_of

BLOCK = 8
"""Old messages leave the window this many at a time, so that the prompt's beginning stays the same (and cached) between."""
MOST_IN_FULL = 60_000
"""Characters of files that are given whole, all together."""
LONGEST = 3_000
"""Characters of one earlier message that are given verbatim."""
_EXCHANGES = 2


def window(history: Sequence[Said], token_limit: int) -> list[Said]:
    """Keep the last messages that fit, cutting back a whole block at a time (4 characters count as a token)."""
    cut = [m.model_copy(update={"text": m.text[:LONGEST]}) for m in history]
    sizes = [len(m.text) // 4 + 4 for m in cut]
    start = 0
    while start < len(cut) and sum(sizes[start:]) > token_limit:
        start += BLOCK
    return cut[start:]


_MASK = Masker()


class Briefing:
    """Reads files, remembers what was said, and recalls what matters for a goal."""

    def __init__(
        self,
        settings: Settings,
        *,
        conversations: Conversations,
        files: Files,
        blobs: Blobs,
        reader: DocumentReader,
        index: Index,
    ) -> None:
        self._settings, self._conversations, self._files = settings, conversations, files
        self._index = index
        self.reading = FileReading(files, blobs, reader, index)
        self.patient = PatientIndex(index, self.reading)
        self.citations = Citations(index, files)

    async def assemble(self, mission: Mission, recorded: Sequence[Recollection] | None = None) -> Brief:
        """Put the brief together; `recorded` (from an earlier attempt) replaces the search, so that it stays the same."""
        rows = await self._rows_read(mission)
        attachments = tuple(row.attachment for row in rows)
        history = await self._conversations.history(mission.conversation_id, before_mission=mission.id)
        kept = window(history, self._settings.context_tokens // 2)
        recalled = recorded if recorded is not None else await self._recall(mission, kept, rows)
        pictures = _pictures(mission, rows, kept)
        return Brief(
            mission_id=mission.id,
            conversation_id=mission.conversation_id,
            user_id=mission.user_id,
            goal=mission.goal,
            attachments=attachments,
            files_made=await self._files.any_made(mission.conversation_id),
            history=tuple(kept),
            recalled=tuple(recalled),
            tainted=await self._taint(mission, recalled, pictures),
            pictures=pictures,
        )

    async def _taint(self, mission: Mission, recalled: Sequence[Recollection], pictures: Sequence[Picture]) -> str:
        """Say what of a brief came from outside. What the user said, and facts that were kept with their consent, did not."""
        if pictures:
            return "The goal was read together with pictures."
        if any(_from_outside(found.passage) for found in recalled):
            return "The goal was read together with passages of files, or of earlier answers."
        if await self._conversations.tainted(mission.conversation_id, mission.id):
            return "Files or pages were read earlier in this conversation."
        return ""

    async def files_of(self, mission: Mission) -> tuple[Attachment, ...]:
        """Have the conversation's files read that were not yet; say of each what there is to say."""
        return tuple(row.attachment for row in await self._rows_read(mission))

    async def _rows_read(self, mission: Mission) -> list[FileRow]:
        rows = await self._files.of_conversation(mission.conversation_id, mission.user_id)
        if fresh := await self.reading.read([row for row in rows if row.status in UNFINISHED], mission.user_id):
            rows = await self._files.of_conversation(mission.conversation_id, mission.user_id)
        return [_with_note(row, fresh.get(row.attachment.id, row.problem)) for row in rows]

    async def _in_full(self, mission: Mission, rows: Sequence[FileRow]) -> list[Recollection]:
        """Give the whole text of the files that are used so, as long as there is room."""
        found: list[Recollection] = []
        left = MOST_IN_FULL
        for row in rows:
            if row.status != "indexed" or _use(row) != "text":
                continue
            for one in await self._index.passages_of(row.attachment.id, user_id=mission.user_id):
                left -= len(one.text)
                if left < 0:
                    return found
                found.append(Recollection(passage=one, score=1.0))
        return found

    async def _recall(self, mission: Mission, kept: Sequence[Said], rows: Sequence[FileRow]) -> list[Recollection]:
        whole = await self._in_full(mission, rows)
        searched = [row for row in rows if _use(row) == "search"]
        # A branch does not know what was said in the other versions, nor they what is said in it.
        elsewhere = await self._conversations.set_aside(mission.conversation_id)
        skipped = {turn_id(said, part) for said in (*(m.mission_id for m in kept), *elsewhere) for part in TURN}
        found = await recall(
            self._index,
            mission.goal,
            user_id=mission.user_id,
            conversation_id=mission.conversation_id,
            token_limit=self._settings.context_tokens // 4,
            skip_origin_ids=skipped | {row.attachment.id for row in rows if row not in searched},
            with_files=bool(searched),
            with_memory=mission.choices.memory,
        )
        return [_masked(one) for one in (*whole, *found)]

    async def remember_turn(self, mission: Mission, answer: str) -> None:
        """Index what was said in this turn, so that it is found when it has left the window; not if the user wants no memory."""
        if not mission.choices.memory:
            return
        said = zip(TURN.items(), (mission.goal, answer), strict=True)
        await self._index.add(
            [
                _passage(mission, turn_id(mission.id, part), text[:LONGEST], origin=Origin.MESSAGE, name=name)
                for (part, name), text in said
                if text.strip()
            ]
        )


def _pictures(mission: Mission, rows: Sequence[FileRow], kept: Sequence[Said]) -> tuple[Picture, ...]:
    """Choose the pictures that the Chief is to see: those of this message, else those of the last two exchanges.

    Older ones, and those left to tools, operators look at.
    """
    seen = [row for row in rows if is_picture(row.attachment.name) and row.chosen != "tools"]
    here = {file.id for file in mission.attachments}
    recent = {said.mission_id for said in kept[-2 * _EXCHANGES :]}
    chosen = [r for r in seen if r.attachment.id in here] or [r for r in seen if r.mission_id in recent]
    return tuple({r.attachment.hash: Picture(name=r.attachment.name, hash=r.attachment.hash) for r in chosen}.values())


def _use(row: FileRow) -> Use:
    return use_of(row.attachment.name, row.characters, row.chosen)


def _with_note(row: FileRow, note: str) -> FileRow:
    """Say of a file what there is to say: what is wrong with it, or that a person wants it left to tools."""
    if not note and row.chosen == "tools":
        note = "for tools: its text is not given here"
    if is_picture(row.attachment.name) and "is a picture" in note:
        note = "a picture, left to operators" if row.chosen == "tools" else "a picture"
    return row.model_copy(update={"attachment": row.attachment.model_copy(update={"note": note})})


def _masked(found: Recollection) -> Recollection:
    """Hide what looks like a secret, as the gate does with what tools return: it would go to the model, and into the record."""
    masked = found.passage.model_copy(update={"text": _MASK(found.passage.text)})
    return found.model_copy(update={"passage": masked})


def _from_outside(passage: Passage) -> bool:
    own_words = passage.origin is Origin.MEMORY or (passage.origin is Origin.MESSAGE and passage.name == TURN["goal"])
    return not own_words


def _passage(
    mission: Mission, origin_id: str, text: str, *, conversation_id: str = "", position: int = 0, **more: Any
) -> Passage:
    return Passage(
        id=derived_id(origin_id, str(position)),
        user_id=mission.user_id,
        conversation_id=conversation_id or mission.conversation_id,
        origin_id=origin_id,
        text=text,
        position=position,
        **more,
    )
