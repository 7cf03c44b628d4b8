"""Pictures for models that can see: opened where strangers' files may be, written anew and small; and the tool to look at one."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict

from core.errors import BadInput, NotFound, ToolFailure
from core.memories import PICTURES, Picture, ShownPicture, is_picture
from core.ports import Blobs, ToolContext
from core.settings import Settings
from tools.define import Tool, ToolResult, define
from tools.files import FileName
from tools.folder import Folders, NamedFile
from tools.looking import Glass, Rooms
from tools.workspace import LARGEST

_KEPT = 32_000_000  # bytes of pictures made small that are kept for the next question about them


class Darkroom:
    """Makes pictures small, each once as long as it is asked for; of what was made nothing reaches a disk."""

    def __init__(self, blobs: Blobs, settings: Settings, rooms: Rooms | None = None) -> None:
        self._blobs, self._side = blobs, settings.picture_side
        self._glass = Glass(rooms)
        self._made: OrderedDict[str, ShownPicture] = OrderedDict()

    async def shown(self, picture: Picture) -> ShownPicture:
        """Make a picture fit to be shown; raises BadInput, or NotFound if its file was deleted."""
        try:  # also for what is kept here: a deleted file is shown to nobody any more
            path = await asyncio.to_thread(self._blobs.path, picture.hash)
        except NotFound:
            self._made.pop(picture.hash, None)
            raise NotFound("its file was deleted.") from None
        made = self._made.get(picture.hash)
        if made is None:
            content, mime, (width, height) = await self._glass.small_picture(path, picture.name, self._side)
            made = ShownPicture(content=content, mime=mime, width=width, height=height)
        self._keep(picture.hash, made)
        return made

    def _keep(self, content_hash: str, made: ShownPicture) -> None:
        self._made[content_hash] = made
        self._made.move_to_end(content_hash)
        while len(self._made) > 1 and sum(len(kept.content) for kept in self._made.values()) > _KEPT:
            self._made.popitem(last=False)


class PictureTools:
    """Lets operators look at the pictures of a conversation: those that were given, and those that were made and kept."""

    def __init__(self, folders: Folders, darkroom: Darkroom) -> None:
        self._folders, self._darkroom = folders, darkroom

    def tools(self) -> list[Tool]:
        return [define(self.view_picture, "Look at {file}", taints=True)]

    async def view_picture(self, context: ToolContext, file: FileName) -> ToolResult:
        """Look at a picture. You see it with the result if your model can see; else the result says so."""
        found = await asyncio.to_thread(self._folders.of(context).find, file)
        if not is_picture(found.name):
            raise BadInput(
                f"{found.name} is not called like a picture ({', '.join(PICTURES)}). Use another tool for it."
            )
        content_hash = found.attachment.hash if found.attachment else await asyncio.to_thread(_hash_of, found)
        picture = Picture(name=found.name, hash=content_hash)
        try:
            made = await self._darkroom.shown(picture)
        except NotFound:
            raise ToolFailure(
                f"{found.name} is not kept. Only pictures that were given or made by a tool can be seen."
            ) from None
        kind = made.mime.removeprefix("image/").upper()
        size = f"{made.width} x {made.height} points as shown ({kind}), {found.size:,} bytes as it is kept"
        return ToolResult(f"{found.name} is a picture: {size}.", pictures=(picture,))


def _hash_of(file: NamedFile) -> str:
    with file.opened() as opened:
        return hashlib.sha256(opened.read(LARGEST + 1)).hexdigest()
