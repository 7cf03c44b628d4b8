"""What steers one attempt at a mission: gates that close, places where work waits for a person, and the end when all rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.events import Event
from core.missions import ENDED, RESTING, Status, now
from core.steering import StatusChanged
from graphs.standing import Standing

SETTLES = 0.03
"""Seconds in which nobody may stir before the attempt counts as resting: what is done takes a few turns of the loop to be
noticed by those who wait for it."""

_GRAVEST_FIRST = (Status.NEEDS_ATTENTION, Status.WAITING_APPROVAL, Status.WAITING_ANSWER, Status.PAUSED)


@dataclass(frozen=True)
class Verdict:
    """How an attempt ends before its course does; status None leaves the mission to be continued."""

    status: Status | None
    words: str = ""
    wake_at: datetime | None = None


@dataclass(frozen=True)
class _Wait:
    task_id: str | None
    status: Status
    until: datetime | None


class Control:
    """Keeps count of who is at work, so that it is known exactly when everybody waits for a person.

    `tell` puts an event on record at once, from wherever it is called. Nobody who waits holds a place: when all rest, the
    attempt ends, and the next one (with the answer) goes on from the record.
    """

    def __init__(self, mission_id: str, standing: Standing, tell: Callable[[Event], None]) -> None:
        self.mission_id, self.standing, self._tell = mission_id, standing, tell
        self.verdict: Verdict | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._draining = False
        self._active = 1  # the course itself
        self._at_gate = 0
        self._waits: dict[str, _Wait] = {}
        self._settled: dict[str, asyncio.Event] = {}
        self._branches: dict[str, asyncio.Future[Any]] = {}
        self._limits: dict[str, _Limit] = {}
        self._course: asyncio.Task[Any] | None = None
        if standing.paused:
            self._open.clear()

    # --- who is at work -------------------------------------------------------------------------------------------

    def attach(self, course: asyncio.Task[Any]) -> None:
        """Take charge of the task that runs the mission's course."""
        self._course = course
        if self.verdict is not None:
            course.cancel()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Count the caller as resting: it waits for others, or for a person."""
        self._active -= 1
        self._look_soon()
        try:
            yield
        finally:
            self._active += 1

    def branch(self, work: asyncio.Future[Any]) -> asyncio.Future[Any]:
        """Count work that runs beside the caller."""
        self._active += 1
        work.add_done_callback(self._left)
        return work

    def _left(self, _work: asyncio.Future[Any]) -> None:
        self._active -= 1
        self._look_soon()

    async def all(self, works: Sequence[Awaitable[Any]], *, return_exceptions: bool = False) -> list[Any]:
        """Wait for work that runs side by side, each counted on its own."""
        branches = [self.branch(asyncio.ensure_future(work)) for work in works]
        with self.resting():
            return await asyncio.gather(*branches, return_exceptions=return_exceptions)

    def _look_soon(self) -> None:
        if self._active <= 0 and self.verdict is None:
            asyncio.get_running_loop().call_later(SETTLES, self._look)

    def _look(self) -> None:
        """End the attempt if everybody rests and somebody waits for a person, or for the gates to open."""
        if self._active > 0 or self.verdict is not None:
            return
        if self._draining:
            self.end(Verdict(None))
        elif self.standing.paused and self._at_gate:
            self.end(Verdict(Status.PAUSED, "", self._first_deadline()))
        elif self._waits:
            gravest = min((w.status for w in self._waits.values()), key=_GRAVEST_FIRST.index)
            self.end(Verdict(gravest, "", self._first_deadline()))

    def _first_deadline(self) -> datetime | None:
        return min((w.until for w in self._waits.values() if w.until), default=None)

    def end(self, verdict: Verdict) -> None:
        """End the attempt now, with this verdict; the first one stands."""
        if self.verdict is None:
            self.verdict = verdict
            if self._course is not None:
                self._course.cancel()

    # --- gates ----------------------------------------------------------------------------------------------------

    async def gate(self, task_id: str | None = None) -> None:
        """Wait while the mission is paused, or for as long as this process has left."""
        if self._open.is_set():
            return
        self._at_gate += 1
        try:
            with self._pausing(task_id), self.resting():
                self._change(task_id, Status.PAUSED)
                await self._open.wait()
        finally:
            self._at_gate -= 1
        self._change(task_id, Status.IN_PROGRESS)

    def close_gates(self) -> None:
        """Let nothing new begin; calls under way finish."""
        self._open.clear()
        self._look_soon()

    def open_gates(self) -> None:
        """Let work go on."""
        if not self._draining:
            self._open.set()

    def drain(self) -> None:
        """Finish what is under way and begin nothing new: the process is about to stop."""
        self._draining = True
        self.close_gates()

    # --- places where work waits for a person ---------------------------------------------------------------------

    async def wait(self, step: str, status: Status, task_id: str | None, until: datetime | None = None) -> bool:
        """Wait until `settle(step)` is called; False if `until` has passed before."""
        self._waits[step] = _Wait(task_id, status, until)
        settled = self._settled.setdefault(step, asyncio.Event())
        left = None if until is None else max((until - now()).total_seconds(), 0.0)
        try:
            with self._pausing(task_id), self.resting():
                self._change(task_id, status)
                async with asyncio.timeout(left):
                    await settled.wait()
        except TimeoutError:
            pass  # nobody settled it in time
        finally:
            self._waits.pop(step, None)
            self._settled.pop(step, None)
        self._change(task_id, Status.IN_PROGRESS)
        return settled.is_set()

    def settle(self, step: str) -> None:
        """Wake who waits at a step."""
        if settled := self._settled.get(step):
            settled.set()

    def _change(self, task_id: str | None, status: Status) -> None:
        """Tell the task's new status, unless it has it; of several that wait within one task the first is told."""
        if task_id is None or self._draining or self.standing.tasks.get(task_id) in (None, status):
            return
        others = [w for w in self._waits.values() if w.task_id == task_id]
        if status is Status.IN_PROGRESS and others:
            return
        self._tell(StatusChanged(mission_id=self.mission_id, task_id=task_id, status=status))

    def goes_on(self, task_id: str) -> None:
        """Say that a task that rested in an earlier attempt is taken up again."""
        if self.standing.tasks.get(task_id) in RESTING - ENDED:
            self._change(task_id, Status.IN_PROGRESS)

    # --- tasks ----------------------------------------------------------------------------------------------------

    async def task(self, task_id: str, work: Awaitable[Any], seconds: float) -> Any:
        """Run one task's work so that it can be cancelled alone; raises TaskCancelled, or TimeoutError after `seconds` at work."""
        branch = asyncio.ensure_future(work)
        self._branches[task_id] = branch
        limit = self._limits[task_id] = _Limit(seconds, branch)
        try:
            self.cancel_ordered(task_id)
            return await branch
        except asyncio.CancelledError:
            if self.verdict is None and branch.cancelled() and (reason := self._reason(task_id)):
                raise reason from None
            if limit.reached and branch.cancelled():
                raise TimeoutError from None
            branch.cancel()
            raise
        finally:
            limit.stop()
            self._branches.pop(task_id, None)
            self._limits.pop(task_id, None)

    def cancel_ordered(self, task_id: str) -> None:
        """Cancel a task's work if that was ordered; its subtasks end with it."""
        if self._reason(task_id) and (branch := self._branches.get(task_id)):
            branch.cancel()

    def _reason(self, task_id: str) -> TaskCancelled | None:
        """Say why a task was cancelled: by order or by the watchdog, itself or one above it."""
        parts = task_id.split(".")
        for name in (".".join(parts[: n + 1]) for n in range(len(parts))):
            if name in self.standing.cancelled:
                return TaskCancelled(self.standing.cancelled[name], Status.CANCELLED)
            if name in self.standing.given_up:
                return TaskCancelled(self.standing.given_up[name], Status.FAILED)
        return None

    @contextmanager
    def _pausing(self, task_id: str | None) -> Iterator[None]:
        """Stop the clocks of a task and of those above it: waiting for a person is no time at work."""
        limits = [limit for name, limit in self._limits.items() if task_id and (task_id + ".").startswith(name + ".")]
        for limit in limits:
            limit.pause()
        try:
            yield
        finally:
            for limit in limits:
                limit.go_on()


class TaskCancelled(Exception):
    """A task alone was cancelled, by a person (then it counts as cancelled) or by the watchdog (as failed)."""

    def __init__(self, reason: str, status: Status) -> None:
        super().__init__(reason)
        self.status = status


class _Limit:
    """Cancels a task after its time at work; pauses are counted, so that several can overlap."""

    def __init__(self, seconds: float, branch: asyncio.Future[Any]) -> None:
        self._left, self._branch, self._pauses = seconds, branch, 0
        self.reached = False
        self._loop = asyncio.get_running_loop()
        self._begin()

    def _begin(self) -> None:
        self._began = self._loop.time()
        self._timer = self._loop.call_later(self._left, self._reach)

    def _reach(self) -> None:
        self.reached = True
        self._branch.cancel()

    def pause(self) -> None:
        self._pauses += 1
        if self._pauses == 1:
            self._timer.cancel()
            self._left -= self._loop.time() - self._began

    def go_on(self) -> None:
        self._pauses -= 1
        if self._pauses == 0:
            self._begin()

    def stop(self) -> None:
        self._timer.cancel()
