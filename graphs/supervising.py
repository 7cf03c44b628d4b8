"""Carries out what the watchdog of a mission finds: tells the operator, ends its task, or ends the mission."""

from __future__ import annotations

import asyncio
import time

from core.missions import EVERYONE, Envelope, Status, operator_address
from graphs.control import Verdict
from graphs.intervening import Finding, intervened, note_of, words_of
from graphs.mission_run import MissionRun
from graphs.watchdog import Limits, Watchdog

LOOKS_EVERY = 1.0
"""Seconds between two looks: patience is measured in minutes, so a look at every event would only cost."""
WATCHDOG = "watchdog"


def watchdog_of(run: MissionRun) -> Watchdog:
    """Make the watchdog of an attempt; what stands on record is still to be shown to it."""
    return Watchdog(Limits.of(run.staff.settings, run.budget, run.record.seconds))


async def supervise(run: MissionRun, watchdog: Watchdog) -> None:
    """Look at the mission again and again, and step in where something is stuck; runs until it is cancelled."""
    while True:
        await asyncio.sleep(LOOKS_EVERY)
        for finding in watchdog.look(time.monotonic()):
            step_in(run, finding)


def step_in(run: MissionRun, finding: Finding) -> None:
    """Put an intervention on record and carry it out."""
    run.tell(intervened(run.mission.id, finding))
    match finding.action:
        case "nudge":
            recipient = operator_address(finding.task_id) if finding.task_id else EVERYONE
            number = str(len(run.mail))
            run.deliver(
                Envelope(
                    message_id=run.message_id("nudge", finding.pattern, recipient, number),
                    sender=WATCHDOG,
                    recipient=recipient,
                    message_type="note",
                    content=note_of(finding),
                )
            )
        case "cancel_task" if finding.task_id:
            run.control.cancel_ordered(finding.task_id)
        case _:
            run.control.end(Verdict(Status.FAILED, words_of(finding)))
