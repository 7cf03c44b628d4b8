"""Following a mission from the terminal, in whichever process it is worked on, until it ends or waits."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import typer

from api.mission_views import last_end
from chat.terminal_dialogue import Dialogue
from chat.terminal_leaving import end
from chat.terminal_place import Place, Unattended
from core.errors import NotFound
from core.events import Event, MissionEnded
from core.missions import ENDED
from graphs.standing import Standing
from memory.presence import attended

LOOK_SECONDS = 1.0
"""How often it is asked whether the process that does the work is still there."""
GRACE_SECONDS = 10.0
"""How long it may be away: a server that is started again comes back within that."""
_AGAIN = (0.02, 0.05, 0.1, 0.2, 0.5)

Tell = Callable[[Event], None]


async def follow(
    place: Place, mission_id: str, after: int, tell: Tell, dialogue: Dialogue | None = None
) -> tuple[MissionEnded, Standing]:
    """Tell what happens after `after` until the mission ends, or waits and there is nobody here to ask.

    Raises Unattended if the process that does the work goes away.
    """
    following = asyncio.create_task(_to_rest(place, mission_id, after, tell, dialogue))
    guarding = asyncio.create_task(_guard(place)) if place.served else None
    tasks = {following} | ({guarding} if guarding else set())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if following.done() or guarding is None:
            return following.result()
        guarding.result()  # the database may be away too, which it says itself
        raise Unattended(
            "The Staffwork process that did the work has gone. The mission is kept: it goes on when Staffwork is started "
            f"again, or here with: staffwork missions follow {mission_id} --work"
        )
    finally:
        await end(tasks)
        if dialogue is not None:
            await dialogue.close()


async def _to_rest(
    place: Place, mission_id: str, after: int, tell: Tell, dialogue: Dialogue | None
) -> tuple[MissionEnded, Standing]:
    desk = place.desk
    standing, waits = Standing(e for e in await desk.journal.read(mission_id) if e.seq <= after), iter(_AGAIN)
    while True:
        given = dialogue.given if dialogue else 0
        goes_on = bool(await desk.orders.open(mission_id))  # asked first: one that is taken up later is followed
        async for event in desk.follow(mission_id, after):
            after, waits = event.seq, iter(_AGAIN)
            standing.note(event)
            if not isinstance(event, MissionEnded):
                tell(event)
            if dialogue is not None:
                dialogue.look(standing)
        if dialogue is not None and dialogue.busy and standing.ended not in ENDED:
            await dialogue.wait(LOOK_SECONDS)
        elif goes_on or (dialogue is not None and dialogue.given > given):
            await asyncio.sleep(next(waits, _AGAIN[-1]))
        else:
            break
    ended = last_end(await desk.journal.read(mission_id))
    if ended is None:
        raise NotFound("The mission has not ended, and nobody is at work on it. Start Staffwork to continue it.")
    return ended, standing


async def _guard(place: Place) -> None:
    """Return once the process that does the work is away for too long."""
    loop = asyncio.get_running_loop()
    away: float | None = None
    while away is None or loop.time() - away < GRACE_SECONDS:
        await asyncio.sleep(LOOK_SECONDS)
        if await attended(place.settings):
            away = None
        elif away is None:
            away = loop.time()
            typer.echo(
                "The Staffwork process that does the work has gone; waiting a moment for it to come back.", err=True
            )


@asynccontextmanager
async def stopping(place: Place, mission_id: str) -> AsyncIterator[None]:
    """Let Ctrl-C stop the mission; a second one leaves at once."""
    loop, stop, this = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()

    def pressed() -> None:
        if stop.is_set() and this is not None:
            this.cancel()
        stop.set()

    async def stopped() -> None:
        await stop.wait()
        await place.desk.cancel(mission_id, place.user_id)

    loop.add_signal_handler(signal.SIGINT, pressed)
    stopper = asyncio.create_task(stopped())
    try:
        yield
    except asyncio.CancelledError:
        if this is None or not stop.is_set():
            raise
        this.uncancel()
        typer.echo("Left. The mission was ordered to stop.", err=True)
        raise typer.Exit(130) from None
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        stopper.cancel()
        with suppress(asyncio.CancelledError):
            await stopper
