"""Questions, held steps and interrupted calls, settled right at the terminal while the mission goes on beside."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import os
from pathlib import Path
from typing import Any

import typer

from api.bodies import read_object
from chat.terminal_lines import harmless, plan_lines
from chat.terminal_place import Place
from core.errors import BadInput, Conflict, StaffworkError
from core.events import QuestionAsked
from core.missions import Attachment, new_id
from core.steering import AttentionNeeded, Order, OrderKind, PlanProposed, StepHeld
from graphs.standing import Standing

Open = QuestionAsked | StepHeld | AttentionNeeded | PlanProposed
_WANTED = {"number": " (a number)", "yes_no": " (yes or no)", "file": " (the path of a file)"}
_RELEASE = {"c": "continue", "": "continue", "s": "skip", "e": "edit", "a": "abort", "o": "off"}


class Keyboard:
    """Reads lines from a terminal without holding anyone up; a read that is given up loses nothing."""

    def __init__(self, fd: int = 0) -> None:
        self._fd, self._typed = fd, b""

    async def line(self, prompt: str) -> str | None:
        """Return the next line; None once the terminal is closed (Ctrl-D)."""
        typer.echo(prompt, err=True, nl=False)
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            while b"\n" not in self._typed:
                await ready.wait()
                ready.clear()
                more = os.read(self._fd, 65_536)
                if not more:
                    return None
                self._typed += more
        except OSError:  # the terminal itself is gone
            return None
        finally:
            loop.remove_reader(self._fd)
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode("utf-8", "replace").strip()


class Dialogue:
    """Asks one thing after another, as they come up; what is settled elsewhere meanwhile is not asked any more."""

    def __init__(self, place: Place, mission_id: str, keyboard: Keyboard) -> None:
        self._place, self._mission_id, self._keyboard = place, mission_id, keyboard
        self._asking: asyncio.Task[None] | None = None
        self._step = ""
        self._settled: dict[str, str] = {}  # step -> order given here, which is perhaps not yet on record
        self._failure: BaseException | None = None
        self._giving = False  # an order is on its way: what it settles is settled here
        self.given = 0  # orders
        self._open: list[Open] = []
        self.closed = False

    @property
    def busy(self) -> bool:
        """Say whether a person is being asked."""
        return self._asking is not None

    def look(self, standing: Standing) -> None:
        """Ask what is open now, and stop asking what is not any more."""
        self._open = [*standing.open_attention, *standing.open_plans, *standing.open_questions, *standing.open_steps]
        steps = {thing.step for thing in self._open}
        refused = {order_id for order_id, settled in standing.settled.items() if settled.outcome == "refused"}
        # What is on record as settled may come up again (a check that could not tell), and so may what was refused.
        self._settled = {step: given for step, given in self._settled.items() if step in steps and given not in refused}
        if self._asking is not None and self._step not in steps and not self._giving:
            self._asking.cancel()
            typer.echo("\n(This was settled elsewhere.)", err=True)
        self._next()

    def _next(self) -> None:
        if self._asking is not None or self.closed:
            return
        left = [thing for thing in self._open if thing.step not in self._settled]
        if left:
            self._step = left[0].step
            self._asking = asyncio.create_task(self._settle(left[0]), name="question")
            self._asking.add_done_callback(self._done)

    def _done(self, asked: asyncio.Task[None]) -> None:
        self._asking = None
        if not asked.cancelled() and (problem := asked.exception()) is not None:
            self.closed, self._failure = True, problem
        self._next()

    async def wait(self, seconds: float) -> None:
        """Wait until the person has decided something, at most so long."""
        if self._asking is not None:
            await asyncio.wait({self._asking}, timeout=seconds)

    async def close(self) -> None:
        """Ask nothing any more; raises what went wrong while asking."""
        self.closed = True
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})
        if self._failure is not None:
            raise self._failure

    async def _settle(self, thing: Open) -> None:
        """Ask until the answer can be used."""
        while True:
            try:
                order = await self._order(thing)
                if order is None:
                    self.closed = True
                    typer.echo("", err=True)
                    return
                await self._give(order)
            except Conflict as problem:  # somebody else was first
                typer.echo(f"  {problem}", err=True)
                self._settled[thing.step] = ""
                return
            except BadInput as problem:
                typer.echo(f"  {problem}", err=True)
                continue
            self._settled[thing.step] = order.id
            return

    async def _give(self, order: Order) -> None:
        self.given += 1
        self._giving = True
        try:
            await self._place.desk.give(order)
        finally:
            self._giving = False

    async def _order(self, thing: Open) -> Order | None:
        match thing:
            case QuestionAsked():
                fields = await self._answer(thing)
            case StepHeld():
                fields = await self._release(thing)
            case PlanProposed():
                fields = await self._plan(thing)
            case _:
                fields = await self._decision(thing)
        if fields is None:
            return None
        about = {"id": new_id(), "mission_id": self._mission_id, "by": self._place.user_id, "step": thing.step}
        return Order(**about | fields)

    async def _answer(self, asked: QuestionAsked) -> dict[str, Any] | None:
        for number, choice in enumerate(asked.choices, 1):
            typer.echo(harmless(f"  {number} {choice}"), err=True)
        line = await self._keyboard.line(f"Your answer{_WANTED.get(asked.form, '')}: ")
        if line is None:
            return None
        given: dict[str, Any] = {"kind": OrderKind.ANSWER}
        if asked.form == "file":
            row = await self._place.desk.missions.get(self._mission_id)
            return given | {"attachments": (await received(self._place, row.mission.conversation_id, Path(line)),)}
        return given | {"text": line}

    async def _release(self, held: StepHeld) -> dict[str, Any] | None:
        if held.what == "act":
            typer.echo(harmless(f"  {held.tool} {json.dumps(held.arguments, ensure_ascii=False)}"), err=True)
        line = await self._keyboard.line("[c]ontinue, [s]kip, [e]dit, [a]bort, or step mode [o]ff: ")
        if line is None:
            return None
        choice = _RELEASE.get(line.lower()[:1], line)
        if choice == "off":
            return {"kind": OrderKind.STEP_MODE, "choice": "off"}
        given: dict[str, Any] = {"kind": OrderKind.RELEASE, "choice": choice}
        if choice != "edit":
            return given
        wanted = 'The arguments, as JSON, such as {"file": "a.csv"}: ' if held.what == "act" else "What to do instead: "
        text = await self._keyboard.line(wanted)
        if text is None:
            return None
        return given | ({"arguments": read_object(text.encode())} if held.what == "act" else {"text": text})

    async def _plan(self, plan: PlanProposed) -> dict[str, Any] | None:
        typer.echo("\n".join(plan_lines(plan)), err=True)
        offered = ("accept", "edit", "replan", "stop")
        line = await self._keyboard.line("[a]ccept, [e]dit, [r]eplan, [s]top: ")
        if line is None:
            return None
        choice = next((c for c in offered if c.startswith(line.lower() or "a")), line)
        given: dict[str, Any] = {"kind": OrderKind.PLAN, "choice": choice}
        if choice not in ("edit", "replan"):
            return given
        wanted = 'The plan, as JSON ({"tasks": [...]}): ' if choice == "edit" else "What should be different: "
        text = await self._keyboard.line(wanted)
        if text is None:
            return None
        return given | ({"arguments": read_object(text.encode())} if choice == "edit" else {"text": text})

    async def _decision(self, needed: AttentionNeeded) -> dict[str, Any] | None:
        line = await self._keyboard.line(f"{', '.join(needed.choices)}: ")
        if line is None:
            return None
        fits = [choice for choice in needed.choices if line and choice.startswith(line.lower())]
        return {"kind": OrderKind.SETTLE, "choice": fits[0] if len(fits) == 1 else line}


async def received(place: Place, conversation_id: str, path: Path) -> Attachment:
    """Copy a file into the store for a conversation; raises BadInput if there is none."""
    if not await asyncio.to_thread(path.is_file):
        raise BadInput(f"{path}: there is no such file.")
    mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return await place.desk.receive(place.user_id, conversation_id, path.name, mime, path)


def keyboard() -> Keyboard | None:
    """Return the keyboard if a person sits at it."""
    try:
        return Keyboard() if os.isatty(0) else None
    except OSError:
        raise StaffworkError("Standard input cannot be used.") from None
