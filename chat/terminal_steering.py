"""Missions at the terminal: `staffwork missions ...`; all of it works beside a running server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from core.missions import Status
from core.steering import OrderKind

missions = typer.Typer(help="Look at missions, and steer them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Which = Annotated[str, typer.Argument(help="The mission's id, or its unique beginning.")]
Work = Annotated[bool, typer.Option("--work", help="Then follow it, and do the work here if no server does.")]
Step = Annotated[str, typer.Option(help="Which one, if several are open; the oldest otherwise.")]
TaskId = Annotated[str, typer.Argument(help="The task's id, such as t1.")]


def add_missions(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(missions, name="missions")


def _do(mission: str, kind: OrderKind, *, work: bool, as_json: bool, **more: Any) -> None:
    from chat.terminal import _run, _settings
    from chat.terminal_orders import give_order

    _run(give_order(_settings("warning"), mission, kind, work=work, as_json=as_json, **more))


@missions.command("list")
def list_missions(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    status: Annotated[list[Status] | None, typer.Option(help="Only those; may be repeated.")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for you.")] = False,
    as_json: Json = False,
) -> None:
    """List the newest missions."""
    from chat.terminal import _run, _settings
    from chat.terminal_missions import show_missions

    waits = [Status.PAUSED, Status.WAITING_ANSWER, Status.WAITING_APPROVAL, Status.NEEDS_ATTENTION]
    wanted = [*(status or []), *(waits if waiting else [])]
    _run(show_missions(_settings("warning"), limit, wanted, as_json=as_json))


@missions.command("show")
def show_one(mission: Which, as_json: Json = False) -> None:
    """Show one mission: its events, its answer, what it cost, and what waits for you."""
    from chat.terminal import _run, _settings
    from chat.terminal_missions import show_mission

    _run(show_mission(_settings("warning"), mission, as_json=as_json))


@missions.command("follow")
def follow_one(mission: Which, work: Work = False, as_json: Json = False) -> None:
    """Tell what happens in a mission, from its beginning and then live; Ctrl-C leaves it as it is."""
    from chat.terminal import _run, _settings
    from chat.terminal_missions import follow_mission

    _run(follow_mission(_settings("warning"), mission, work=work, as_json=as_json))


@missions.command("pause")
def pause(mission: Which, as_json: Json = False) -> None:
    """Let a mission rest; calls under way finish first."""
    _do(mission, OrderKind.PAUSE, work=False, as_json=as_json)


@missions.command("resume")
def resume(mission: Which, work: Work = False, as_json: Json = False) -> None:
    """Let a paused mission go on."""
    _do(mission, OrderKind.RESUME, work=work, as_json=as_json)


@missions.command("stop")
def stop(mission: Which, as_json: Json = False) -> None:
    """End a mission for good."""
    _do(mission, OrderKind.STOP, work=False, as_json=as_json)


@missions.command("steer")
def steer(
    mission: Which,
    text: Annotated[str, typer.Argument(help="What should be different.")],
    task: Annotated[str | None, typer.Option(help="Only for the operator of this task, such as t1.")] = None,
    work: Work = False,
    as_json: Json = False,
) -> None:
    """Give an instruction to the operators at work; each reads it at its next step."""
    _do(mission, OrderKind.INSTRUCT, work=work, as_json=as_json, text=text, task_id=task)


@missions.command("answer")
def answer(
    mission: Which,
    text: Annotated[str, typer.Argument(help="Your answer.")] = "",
    *,
    step: Step = "",
    file: Annotated[Path | None, typer.Option(help="The file, if one is asked for.")] = None,
    work: Work = False,
    as_json: Json = False,
) -> None:
    """Answer a question of a mission."""
    _do(mission, OrderKind.ANSWER, work=work, as_json=as_json, text=text, step=step, file=file)


@missions.command("release")
def release(
    mission: Which,
    choice: Annotated[str, typer.Argument(help="continue, skip, edit or abort.")],
    *,
    step: Step = "",
    arguments: Annotated[str | None, typer.Option(help="Changed arguments of a tool, as JSON (edit).")] = None,
    text: Annotated[str, typer.Option(help="What an operator should do differently (edit).")] = "",
    work: Work = False,
    as_json: Json = False,
) -> None:
    """Let a step go on that step mode holds."""
    from api.bodies import read_object
    from chat.terminal import _stop
    from core.errors import BadInput

    changed = None
    try:
        changed = None if arguments is None else read_object(arguments.encode("utf-8", "surrogateescape"))
    except BadInput as problem:
        _stop(f"--arguments: {problem}")
    _do(mission, OrderKind.RELEASE, work=work, as_json=as_json, choice=choice, step=step, arguments=changed, text=text)


@missions.command("settle")
def settle(
    mission: Which,
    choice: Annotated[str, typer.Argument(help="check, happened, retry or skip, as offered.")],
    step: Step = "",
    work: Work = False,
    as_json: Json = False,
) -> None:
    """Decide about a call that may or may not have happened."""
    _do(mission, OrderKind.SETTLE, work=work, as_json=as_json, choice=choice, step=step)


@missions.command("plan")
def plan(
    mission: Which,
    choice: Annotated[str, typer.Argument(help="accept, edit, replan or stop, as offered.")],
    text: Annotated[str, typer.Argument(help="What should be different (replan).")] = "",
    *,
    tasks: Annotated[str | None, typer.Option(help='The changed plan (edit), as JSON: {"tasks": [...]}.')] = None,
    work: Work = False,
    as_json: Json = False,
) -> None:
    """Decide about a plan that waits until you accept it."""
    from api.bodies import read_object
    from chat.terminal import _stop
    from core.errors import BadInput

    changed = None
    try:
        changed = None if tasks is None else read_object(tasks.encode("utf-8", "surrogateescape"))
    except BadInput as problem:
        _stop(f"--tasks: {problem}")
    _do(mission, OrderKind.PLAN, work=work, as_json=as_json, choice=choice, text=text, arguments=changed)


@missions.command("cancel-task")
def cancel_task(mission: Which, task: TaskId, as_json: Json = False) -> None:
    """Cancel one task; the others go on."""
    _do(mission, OrderKind.CANCEL_TASK, work=False, as_json=as_json, task_id=task)


@missions.command("retry-task")
def retry_task(mission: Which, task: TaskId, work: Work = False, as_json: Json = False) -> None:
    """Have a task tried again that failed or was cancelled, while its mission goes on."""
    _do(mission, OrderKind.RETRY_TASK, work=work, as_json=as_json, task_id=task)


@missions.command("step-mode")
def step_mode(
    mission: Which, choice: Annotated[str, typer.Argument(help="on or off.")], work: Work = False, as_json: Json = False
) -> None:
    """Hold a mission before every step, or hold it no more."""
    _do(mission, OrderKind.STEP_MODE, work=work, as_json=as_json, choice=choice)
