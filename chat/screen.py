"""One browser's view of one mission: what it was sent so far, and the least that brings it up to date."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from chat.helm import Helm, View
from chat.picture import Line, Picture
from chat.wire import as_element, as_step, as_task_list
from chat.wording import displayed

Emit = Callable[[str, Any], Awaitable[None]]

OFTEN_SECONDS, SELDOM_SECONDS = 0.12, 0.7


@dataclass
class Screen:
    """Sends pictures of a mission to one browser, as differences to what it shows already."""

    conversation_id: str
    emit: Emit
    _lines: dict[str, Line] = field(default_factory=dict)
    _files: set[str] = field(default_factory=set)
    _changes: int = 0
    _view: View | None = None

    async def show(self, picture: Picture, helm: Helm) -> None:
        """Bring the browser up to date with a picture, and with what can be done about the mission."""
        for line_id in [known for known in self._lines if known not in picture.lines]:
            await self.emit("delete_message", as_step(self._lines.pop(line_id), self.conversation_id))
        for line in list(picture.lines.values()):
            await self._show_line(line)
        for file_id, (line_id, file) in list(picture.files.items()):
            if file_id not in self._files:
                self._files.add(file_id)
                await self.emit("element", as_element(line_id, file, self.conversation_id))
        if picture.changes != self._changes:
            self._changes = picture.changes
            await self.emit("element", as_task_list(picture, self.conversation_id))
        view = helm.view(picture)
        if view != self._view:
            self._view = view
            await self.emit("window_message", {"steering": view})  # see public/steering.js

    async def _show_line(self, line: Line) -> None:
        known = self._lines.get(line.id)
        if known == line:
            return
        self._lines[line.id] = line
        more = _continuation(known, line) if known else None
        if more is not None:
            await self.emit("stream_token", {"id": line.id, "token": more, "isSequence": False, "isInput": False})
        else:
            await self.emit("new_message", as_step(line, self.conversation_id))


def _continuation(known: Line, line: Line) -> str | None:
    """Return what was added to a line, if nothing else about it changed: then only that much has to travel."""
    if replace(known, text=line.text) != line:
        return None
    before, after = displayed(known.text), displayed(line.text)
    return after[len(before) :] if before and after.startswith(before) else None


def pause(picture: Picture) -> float:
    """Say how long to gather changes, in seconds: the page draws all of a message anew with each, so the longer it is the fewer."""
    longest = max((len(line.text) for line in picture.lines.values() if line.end is None), default=0)
    return min(OFTEN_SECONDS + longest / 20_000, SELDOM_SECONDS)
