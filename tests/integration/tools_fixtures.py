"""Small real stand-ins for what tools ask of the outside, and a desk with all of them on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.decisions import ToolCall
from core.errors import NotFound
from core.memories import Memory, Origin, Passage, Recollection
from core.missions import Attachment, new_id
from core.ports import FileChange, ToolContext, ToolOutcome
from tools.changes import Changes
from tools.sandbox.terms import Hands
from tools.sessions import Sessions
from tools.standard import standard_tools
from tools.toolbox import GatedToolbox


class DiskBlobs:
    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    async def put(self, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        (self._root / name).write_bytes(content)
        return name

    def path(self, content_hash: str) -> Path:
        if not (path := self._root / content_hash).is_file():
            raise NotFound("There is no such file.")
        return path


class ListIndex:
    """Finds passages by shared words."""

    def __init__(self) -> None:
        self.passages: dict[str, Passage] = {}

    async def add(self, passages: Sequence[Passage]) -> None:
        self.passages |= {passage.id: passage for passage in passages}

    async def search(
        self,
        query: str,
        *,
        user_id: str,
        conversation_id: str | None = None,
        origins: Sequence[Origin] = tuple(Origin),
        limit: int = 6,
    ) -> list[Recollection]:
        words = set(query.lower().split())
        mine = [p for p in self.passages.values() if p.user_id == user_id and p.origin in origins]
        near = [p for p in mine if conversation_id in (None, p.conversation_id)]
        scored = [Recollection(passage=p, score=len(words & set(p.text.lower().split())) / len(words)) for p in near]
        return sorted((r for r in scored if r.score), key=lambda r: -r.score)[:limit]

    async def passages_of(self, origin_id: str, *, user_id: str) -> list[Passage]:
        found = [p for p in self.passages.values() if p.origin_id == origin_id and p.user_id == user_id]
        return sorted(found, key=lambda p: p.position)


class ListMemories:
    def __init__(self) -> None:
        self.kept: dict[str, Memory] = {}

    async def keep(self, memory: Memory) -> None:
        self.kept.setdefault(memory.id, memory)


class ListChanges:
    """Keeps changes of files in the order they were made, all of one conversation."""

    def __init__(self) -> None:
        self.changes: dict[str, FileChange] = {}

    async def add(self, change: FileChange) -> None:
        self.changes.setdefault(change.id, change)

    async def find(self, change_id: str) -> FileChange | None:
        return self.changes.get(change_id)

    async def drop(self, change_id: str) -> None:
        del self.changes[change_id]

    async def of_conversation(self, conversation_id: str, user_id: str) -> list[FileChange]:
        undone: set[str] = set()
        for change in reversed(self.changes.values()):
            undone |= {change.undoes} if change.undoes and change.id not in undone else set()
        return [c.model_copy(update={"undone": c.id in undone}) for c in self.changes.values()]


class Desk:
    """One operator's place: gives files, calls tools through the gate."""

    def __init__(
        self,
        root: Path,
        seconds: float = 20,
        output_bytes: int = 16_000,
        sandbox: Hands | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        self.root = root
        self.blobs, self.index, self.memories = DiskBlobs(root / "blobs"), ListIndex(), ListMemories()
        self.changes = ListChanges()
        self.tools = standard_tools(
            self.blobs,
            self.index,
            self.memories,
            Changes.at(root / "workspaces", self.blobs, self.changes),
            sandbox=sandbox,
            sessions=sessions,
        )
        self.toolbox = GatedToolbox(
            self.tools, seconds=seconds, output_bytes=output_bytes, at_once=8, mask=lambda text: text
        )
        self.context = ToolContext(
            mission_id="m1",
            conversation_id="c1",
            user_id="ada",
            task_id="t1",
            step="t1/1.0",
            granted=tuple(tool.name for tool in self.tools),
        )

    @property
    def workspace(self) -> Path:
        return self.root / "workspaces" / self.context.conversation_id

    async def give(self, name: str, content: bytes | str, mime: str = "", pages: Sequence[str] = ()) -> Attachment:
        """Attach a file; `pages` is the text that was read out of it."""
        data = content.encode() if isinstance(content, str) else content
        attachment = Attachment(id=new_id(), name=name, hash=await self.blobs.put(data), size=len(data), mime=mime)
        self.context = self.context.model_copy(update={"attachments": (*self.context.attachments, attachment)})
        await self.index.add([self.passage(attachment, n, text, n) for n, text in enumerate(pages, 1)])
        return attachment

    async def use(self, name: str, /, **arguments: Any) -> ToolOutcome:
        return await self.toolbox.call(ToolCall(id="1", name=name, arguments=arguments), self.context)

    async def ask(self, name: str, /, **arguments: Any) -> str:
        """Call a tool that must succeed."""
        outcome = await self.use(name, **arguments)
        assert outcome.status == "ok", outcome.output
        return outcome.output

    def passage(
        self, attachment: Attachment, position: int, text: str, page: int | None, line: int | None = 1
    ) -> Passage:
        return Passage(
            id=new_id(),
            user_id=self.context.user_id,
            conversation_id=self.context.conversation_id,
            origin=Origin.FILE,
            origin_id=attachment.id,
            name=attachment.name,
            text=text,
            position=position,
            page=page,
            line=line,
        )
