"""Changes of files in a workspace: the old content is kept before anything is written, so that each step can be undone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from weakref import WeakSet, WeakValueDictionary

from core.errors import BadInput, Conflict, NotFound, StaffworkError
from core.missions import Mission, derived_id, new_id
from core.ports import Blobs, ChangedFile, FileChange, FileChanges, ToolContext
from tools.folder import Folder, Folders
from tools.seen import Noted, Seen
from tools.workspace import LARGEST, WorkspaceFile, Workspaces, checked_name, usable

Wanted = Mapping[str, bytes | None]
"""What files should hold after a change, by name; None: the file should be gone."""
Plan = Callable[[Folder], Awaitable[Wanted]]


class Changes:
    """Makes changes whole or not at all, on record before they are made; the same call made again makes the same change."""

    def __init__(self, folders: Folders, blobs: Blobs, store: FileChanges) -> None:
        self.folders, self._blobs, self._store = folders, blobs, store
        self._one_at_a_time: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._known: dict[tuple[str, str, tuple[int, int]], str] = {}
        self._watching: WeakSet[Seen] = WeakSet()

    @classmethod
    def at(cls, workspaces: Path, blobs: Blobs, store: FileChanges) -> Changes:
        """Make them over the workspaces under a folder. One of these at a time: it sees that changes do not meet."""
        return cls(Folders(blobs, Workspaces(workspaces)), blobs, store)

    async def make(self, context: ToolContext, words: str, plan: Plan, *, undoes: str = "") -> FileChange:
        """Make the change that `plan` wants, or finish the one this very call began before.

        `plan` is asked while nobody else changes the conversation's files. Raises BadInput for files that are not changed
        (given by the user, too large to be kept), and whatever `plan` raises; then nothing was changed.
        """
        lock = self._one_at_a_time.setdefault(context.conversation_id, asyncio.Lock())
        async with lock:
            change_id = _id_of(context)
            folder = self.folders.of(context)
            change = await self._store.find(change_id)
            again = change is not None
            if change is None:
                files = await self._prepared(folder, await plan(folder))
                place = {"mission_id": context.mission_id, "task_id": context.task_id, "step": context.step}
                change = FileChange(id=change_id, words=words, files=files, undoes=undoes, **place)
                await self._store.add(change)
            await self._carry_out(folder, await self._still_due(context, folder, change) if again else change)
            self._tell(context.conversation_id, change)
            return change

    async def _still_due(self, context: ToolContext, folder: Folder, change: FileChange) -> FileChange:
        """Leave out of a change that was begun before what somebody has changed, or taken back, since: that is later work."""
        if any(known.id == change.id and known.undone for known in await self.of(context)):
            return change.model_copy(update={"files": ()})
        due = [part for part in change.files if await self._holds(folder, part.name) in (part.before, part.after)]
        return change.model_copy(update={"files": tuple(due)})

    async def undo(self, context: ToolContext, change_id: str) -> FileChange:
        """Take a change back, which is a change itself and can be undone; raises NotFound, BadInput, or Conflict if the files
        were changed again since."""
        found = {change.id: change for change in await self.of(context)}
        if (change := found.get(change_id)) is None:
            raise NotFound("There is no such change in this conversation.")

        async def plan(folder: Folder) -> Wanted:
            if change.undone:
                raise BadInput(f"“{change.words}” was undone already.")
            if name := _changed_since(await self.of(context), change):
                raise _changed_again(name)
            return {part.name: await self._restored(folder, part) for part in change.files}

        return await self.make(context, f"Undid: {change.words}", plan, undoes=change.id)

    async def undo_by_person(self, mission: Mission, change_id: str) -> FileChange:
        """Take a change back because a person said so, in the conversation of this mission of theirs; see `undo`."""
        where = {"mission_id": mission.id, "conversation_id": mission.conversation_id, "user_id": mission.user_id}
        step = f"undone by {mission.user_id} {new_id()}"
        context = ToolContext(**where, task_id=None, step=step, granted=(), attachments=mission.attachments)
        return await self.undo(context, change_id)

    async def of(self, context: ToolContext) -> list[FileChange]:
        """List the changes in a conversation, oldest first."""
        return await self._store.of_conversation(context.conversation_id, context.user_id)

    async def look(self, context: ToolContext) -> Seen:
        """Keep what a workspace holds, before a program runs that may change any of it; see `note`."""
        folder = self.folders.of(context)
        files = await asyncio.to_thread(_everything, folder)
        hidden = {f.name: f.mark for f in files if not usable(f.name)}
        kept = {
            f.name: (f.mark, await self._kept(context, folder, f.name, f.mark)) for f in files if f.name not in hidden
        }
        seen = Seen(context.conversation_id, kept, hidden)
        self._watching.add(seen)
        return seen

    async def note(self, context: ToolContext, words: str, seen: Seen) -> Noted:
        """Put on record what a program changed since `look`, and say what of it cannot be undone."""
        lock = self._one_at_a_time.setdefault(context.conversation_id, asyncio.Lock())
        async with lock:
            now = await self.look(context)
            self._watching -= {seen, now}
            parts, lost, same = seen.compared(now)
            if not parts:
                return Noted(None, lost, same)
            place = {"mission_id": context.mission_id, "task_id": context.task_id, "step": context.step}
            change = FileChange(id=await self._free_id(context), words=words, files=parts, **place)
            await self._store.add(change)
            self._tell(context.conversation_id, change)
            return Noted(change, lost, same)

    def _tell(self, conversation_id: str, change: FileChange) -> None:
        """Let those who watch a program meanwhile know that this is on record already."""
        for seen in self._watching:
            if seen.conversation_id == conversation_id:
                seen.learn(change.files)

    async def _free_id(self, context: ToolContext) -> str:
        """Name what a program changed; one that a person had run again changed something a second time."""
        change_id = _id_of(context)
        while await self._store.find(change_id):
            change_id = derived_id(change_id, "again")
        return change_id

    async def _prepared(self, folder: Folder, wanted: Wanted) -> tuple[ChangedFile, ...]:
        """Keep the old and the new contents, and say what becomes of each file."""
        if not wanted:
            raise BadInput("There is nothing to change.")
        parts = []
        for given, content in wanted.items():
            name = checked_name(given)
            if folder.is_given(name):
                raise BadInput(f"{name} is a file the user gave, which is never changed. Choose another name.")
            if above := next((other for other in wanted if name.startswith(f"{other}/")), None):
                raise BadInput(
                    f"{name} would lie in a folder that is called like the file {above}. Choose another name."
                )
            if content is not None and len(content) > LARGEST:
                raise BadInput(f"{name} would have {len(content):,} bytes; a file may have {LARGEST:,}.")
            before = await asyncio.to_thread(content_of, folder, name)
            parts.append(
                ChangedFile(
                    name=name,
                    before=None if before is None else await self._blobs.put(before),
                    after=None if content is None else await self._blobs.put(content),
                )
            )
        return tuple(parts)

    async def _carry_out(self, folder: Folder, change: FileChange) -> None:
        done: list[ChangedFile] = []
        try:
            for part in sorted(change.files, key=lambda p: p.after is not None):  # what goes makes room for what comes
                done.append(part)
                await self._set(folder, part.name, part.after)
        except StaffworkError:
            for part in reversed(done):
                await self._set(folder, part.name, part.before)
            await self._store.drop(change.id)
            raise

    async def _set(self, folder: Folder, name: str, content_hash: str | None) -> None:
        content = None if content_hash is None else await asyncio.to_thread(self._blobs.path(content_hash).read_bytes)
        if content is None:
            await asyncio.to_thread(folder.workspace.remove, name)
        elif content != await asyncio.to_thread(content_of, folder, name):
            await asyncio.to_thread(folder.workspace.write, name, content)

    async def _restored(self, folder: Folder, part: ChangedFile) -> bytes | None:
        """Return what a file held before a change; raises Conflict if it holds by now what nobody expected."""
        if await self._holds(folder, part.name) not in (part.after, part.before):
            raise _changed_again(part.name)
        return None if part.before is None else await asyncio.to_thread(self._blobs.path(part.before).read_bytes)

    async def _holds(self, folder: Folder, name: str) -> str | None:
        """Return the hash of what a file holds by now; None if there is none."""
        there = await asyncio.to_thread(content_of, folder, name)
        return None if there is None else hashlib.sha256(there).hexdigest()

    def _is_there(self, content_hash: str) -> bool:
        try:
            return self._blobs.path(content_hash).is_file()
        except NotFound:  # it went with another conversation that had the same file
            return False

    async def _kept(self, context: ToolContext, folder: Folder, name: str, mark: tuple[int, int]) -> str | None:
        key = (context.conversation_id, name, mark)
        if key not in self._known or not self._is_there(self._known[key]):
            try:
                content = await asyncio.to_thread(content_of, folder, name)
            except BadInput:
                return None
            if content is None:
                return None
            self._known[key] = await self._blobs.put(content)
            while len(self._known) > 20_000:
                self._known.pop(next(iter(self._known)))
        return self._known[key]


def _changed_since(changes: Sequence[FileChange], change: FileChange) -> str:
    """Name a file of a change that was changed again since, though it may look as it did; "" if there is none.

    What was taken back, and the taking back of something later, do not count: they leave things as they were.
    """
    places = {known.id: place for place, known in enumerate(changes)}
    own, names = places[change.id], {part.name for part in change.files}
    later = (c for c in changes[own + 1 :] if not c.undone and places.get(c.undoes, own) <= own)
    parts = (part for c in later for part in c.files if part.name in names and part.before != part.after)
    return next((part.name for part in parts), "")


def _changed_again(name: str) -> Conflict:
    return Conflict(f"{name} was changed again since. Undo the later changes of it first.")


def _everything(folder: Folder) -> list[WorkspaceFile]:
    folder.workspace.place()  # a program may have locked it
    return folder.workspace.everything()


def content_of(folder: Folder, name: str) -> bytes | None:
    """Read a file of the workspace; None if there is none. Raises BadInput for one too large to be kept. Blocking."""
    try:
        with folder.workspace.read(name) as file:
            content = file.read(LARGEST + 1)
    except NotFound:
        return None
    if len(content) > LARGEST:
        raise BadInput(
            f"{name} has more than {LARGEST:,} bytes, so what it holds could not be brought back. It stays as it is."
        )
    return content


def _id_of(context: ToolContext) -> str:
    """Name the change of one call: the same call made again, after a crash, makes the same change."""
    return derived_id("file change", context.mission_id, context.step, context.effect_key)
