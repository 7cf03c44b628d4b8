"""Sessions of tasks: a Python or a shell that keeps its variables from call to call, and ends with its task.

A file stands for each session from before it begins until it ends, outside of everything a program can reach: a session that
is not there any more although its file is (after a restart, say) is told of once, and never silently replaced.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from core.errors import Refused, ToolFailure
from core.events import Event, MissionEnded, TaskEnded
from core.missions import ENDED
from core.ports import ToolContext
from core.settings import Settings
from tools.running import Place
from tools.sandbox.sessions import OpensSessions, Session
from tools.sandbox.terms import PYTHON, Result
from tools.session_drivers import PYTHON_DRIVER, SHELL_DRIVER, line_of

Kind = Literal["python", "shell"]
Key = tuple[str, str, Kind]
"""Mission, task, and what runs."""
_DRIVERS: dict[Kind, tuple[str, ...]] = {
    "python": (PYTHON, "-P", "-c", PYTHON_DRIVER),
    "shell": ("/bin/bash", "--noprofile", "--norc", "-c", SHELL_DRIVER),
}
_AGAIN = "Nothing was run now. Call again to begin a new one, and first make anew what your code needs; files are still there."
_RESTARTED = "Staffwork was restarted, or this work went on elsewhere"
_WITH_A_CALL = "it was ended together with a call that was under way"
_OVER = "The session ended with it, and what it had defined is gone. Your next call begins a new one; files are still there."
_NEW_FILES = "Files the user gave since the session began are not in its /given; use them with session='fresh'."


@dataclass
class _Held:
    session: Session
    given: frozenset[str]


class Sessions:
    """Keeps the sessions of the tasks that are at work in this process."""

    def __init__(self, sandbox: object, marks: Path, *, most: int, per_mission: int, idle: float) -> None:
        self._sandbox = sandbox if isinstance(sandbox, OpensSessions) else None
        self._marks, self._most, self._per_mission, self._idle = marks, most, per_mission, idle
        self._held: dict[Key, _Held] = {}
        self._busy: dict[Key, asyncio.Lock] = {}
        self._beginning: list[Key] = []
        self._leaving: set[Session] = set()

    @classmethod
    def over(cls, sandbox: object, settings: Settings) -> Sessions:
        """Keep sessions in a sandbox, if it can; as many as the settings say."""
        return cls(
            sandbox,
            settings.data_dir / "sessions",
            most=settings.sandbox_sessions,
            per_mission=settings.sandbox_sessions_per_mission,
            idle=settings.sandbox_session_seconds,
        )

    async def run(self, context: ToolContext, kind: Kind, code: str, place: Place, seconds: float) -> Result:
        """Run code in the session of a task, which begins with the first call; raises ToolFailure or Refused if it cannot."""
        if self._sandbox is None:
            raise Refused(
                "Sessions are not offered here. Use session='fresh': files stay from call to call, variables do not."
            )
        if context.task_id is None:
            raise Refused("Only a task has a session. Use session='fresh'.")
        key = (context.mission_id, context.task_id, kind)
        async with self._busy.setdefault(key, asyncio.Lock()):
            held = await self._of(key, place)
            result = await held.session.ask(line_of(code), seconds)
            if held.session.ended:
                self._drop(key)
                result = replace(result, reason=f"{_ended(result)} {_OVER}".strip())
            elif not frozenset(place.given) <= held.given:
                result = replace(result, stderr=f"{result.stderr}\n{_NEW_FILES}".strip())
            return result

    async def _of(self, key: Key, place: Place) -> _Held:
        held, mark = self._held.get(key), self._mark(key)
        if held is not None and not held.session.ended:
            return held
        if held is not None or mark.exists():
            if held is not None:
                await held.session.gone()
            why = (held.session.why or _WITH_A_CALL) if held is not None else _RESTARTED
            self._drop(key)
            raise ToolFailure(
                f"The session of this task is gone with all it had defined: {why.removesuffix('.')}. {_AGAIN}"
            )
        return await self._begun(key, place)

    async def _begun(self, key: Key, place: Place) -> _Held:
        assert self._sandbox is not None
        self._check_room(key)
        self._beginning.append(key)
        mark = self._mark(key)
        try:
            mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            mark.touch(mode=0o600)
            session = await self._sandbox.session(_DRIVERS[key[2]], place.workspace, given=place.given, idle=self._idle)
        except BaseException:
            mark.unlink(missing_ok=True)
            raise
        finally:
            self._beginning.remove(key)
        held = self._held[key] = _Held(session, frozenset(place.given))
        return held

    def _check_room(self, key: Key) -> None:
        alive = [other for other, held in self._held.items() if not held.session.ended] + self._beginning
        if sum(other[0] == key[0] for other in alive) >= self._per_mission:
            raise ToolFailure(
                f"This mission already has {self._per_mission} sessions, which is the most. Use session='fresh'."
            )
        if len(alive) + len(self._leaving) >= self._most:
            raise ToolFailure(
                f"All {self._most} places for sessions are taken. Use session='fresh', or try again later."
            )

    def observe(self, event: Event) -> None:
        """End what belongs to a task or mission that ended."""
        if isinstance(event, TaskEnded):
            self.end(event.mission_id, event.task_id)
        elif isinstance(event, MissionEnded) and event.status in ENDED:
            self.end(event.mission_id)

    def end(self, mission_id: str, task_id: str | None = None) -> None:
        """End the sessions of a task, or of all tasks of a mission; they are gone soon after."""
        for key in [k for k in {*self._held, *self._busy} if k[0] == mission_id and task_id in (None, k[1])]:
            self._drop(key)
            self._busy.pop(key, None)
        if task_id is None:
            shutil.rmtree(self._marks / _name(mission_id), ignore_errors=True)
        else:
            for kind in _DRIVERS:
                self._mark((mission_id, task_id, kind)).unlink(missing_ok=True)

    async def close(self) -> None:
        """End all sessions and wait until nothing of them is left; their files stay, for those who ask for them later."""
        sessions = [*(held.session for held in self._held.values()), *self._leaving]
        for session in sessions:
            session.end()
        await asyncio.gather(*(session.gone() for session in sessions))
        self._held.clear()

    def _drop(self, key: Key) -> None:
        self._mark(key).unlink(missing_ok=True)
        if (held := self._held.pop(key, None)) is not None and not held.session.ended:
            held.session.end()
            self._leaving.add(held.session)
            asyncio.ensure_future(held.session.gone()).add_done_callback(lambda _: self._leaving.discard(held.session))

    def _mark(self, key: Key) -> Path:
        mission_id, task_id, kind = key
        return self._marks / _name(mission_id) / f"{_name(task_id)}-{kind}"


def _name(text: str) -> str:
    """Make a name for a file out of anything."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _ended(result: Result) -> str:
    return result.reason or (f"It ended with exit code {result.code}." if result.code else "")
