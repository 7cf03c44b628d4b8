"""The terminal: the same missions as in the browser, one command each."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from chat.terminal_approvals import add_approvals
from chat.terminal_contexts import add_contexts
from chat.terminal_exports import add_exports
from chat.terminal_keys import add_keys
from chat.terminal_memories import add_memories
from chat.terminal_people import add_people
from chat.terminal_remote import add_remote
from chat.terminal_schedules import add_schedules
from chat.terminal_search import add_search
from chat.terminal_secrets import add_secrets
from chat.terminal_shares import add_shares
from chat.terminal_steering import add_missions
from chat.terminal_tools import add_tools
from chat.terminal_words import prepare, spoken
from core.errors import StaffworkError
from core.logs import Masker, start_logging
from core.missions import Priority
from core.settings import Settings, load

app = typer.Typer(
    help="Staffwork: a chief of staff that plans, delegates and answers with sources.", no_args_is_help=True
)
add_missions(app)
add_schedules(app)
add_shares(app)
add_exports(app)
add_approvals(app)
add_people(app)
add_keys(app)
add_remote(app)
add_contexts(app)
add_tools(app)
add_secrets(app)
add_search(app)
add_memories(app)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

BAD_USE = 2
CODES = {
    "completed": 0,
    "paused": 3,
    "waiting_approval": 3,
    "waiting_answer": 3,
    "failed": 4,
    "needs_attention": 4,
    "cancelled": 130,
}
BUDGET, UNATTENDED = 5, 6
"""Exit codes: 0 completed, 2 wrong use or setting, 3 waits for you, 4 failed or needs attention, 5 a limit was reached,
6 kept, but nobody is at work on it now, 130 cancelled."""


def _settings(level: str | None = None) -> Settings:
    try:
        settings = load()
    except StaffworkError as problem:
        _stop(str(problem))
    start_logging(level or settings.log_level, Masker(settings.secrets()))
    return settings


def _stop(words: str, code: int = BAD_USE) -> Any:
    typer.echo(words, err=True)
    raise typer.Exit(code)


def _run(work: Coroutine[Any, Any, int]) -> None:
    """Run to the end; what a person can mend is said in one line, without a traceback."""
    try:
        code = asyncio.run(work)
    except StaffworkError as problem:
        _stop(str(problem))
    except BrokenPipeError:
        raise  # whoever read on has gone; click ends it quietly
    except OSError as problem:
        _stop(f"{problem.filename or 'Something'} cannot be used: {problem.strerror or problem}.")
    except KeyboardInterrupt:  # Ctrl-C where there is nothing to stop: it only leaves
        raise typer.Exit(CODES["cancelled"]) from None
    raise typer.Exit(code)


def say_json(value: object) -> None:
    """Print one JSON line."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = None,
) -> None:
    """Serve the chat and print the address to open."""
    settings = _settings()
    given = {k: v for k, v in {"host": host, "port": port}.items() if v is not None}
    from chat.server import serve as serve_chat

    chosen = settings.model_copy(update=given)
    try:
        serve_chat(chosen)
    except StaffworkError as problem:
        _stop(str(problem))
    except SystemExit as ended:  # the server has said why, in the log
        if ended.code:
            _stop(
                f"Staffwork could not begin at {chosen.host}, port {chosen.port}. Is it in use? Choose another with --port."
            )
        raise


@app.command()
def work() -> None:
    """Work on missions without serving the chat (needs PostgreSQL)."""
    from chat.terminal_work import work as work_on

    _run(work_on(_settings()))


@app.command()
def runner(
    socket: Annotated[Path, typer.Option(help="Socket to listen on; Staffwork finds it by STAFFWORK_RUNNER_SOCKET.")],
) -> None:
    """Run code for a Staffwork that has no sandbox of its own (in a container; see docs/operating.md#sandbox)."""
    from chat.terminal_runner import run_for_others

    _run(run_for_others(_settings(), socket))


@app.command()
def ask(
    goal: Annotated[str, typer.Argument(help="What you would like to have done.")],
    *,
    file: Annotated[list[Path] | None, typer.Option(help="A file to give along; may be repeated.")] = None,
    conversation: Annotated[str | None, typer.Option(help="Go on in this conversation.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to put the produced files into.")] = None,
    priority: Annotated[Priority, typer.Option(help="What comes first when several wait.")] = Priority.MEDIUM,
    step_mode: Annotated[
        bool | None, typer.Option("--step-mode/--no-step-mode", help="Hold every step until you release it.")
    ] = None,
    show_plan: Annotated[
        bool | None, typer.Option("--show-plan/--no-show-plan", help="Let the plan wait until you accept it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Give a mission and follow it to its end; questions and held steps are asked here, if you sit at a terminal."""
    from chat.terminal_missions import Wish, ask_mission

    wish = Wish(spoken(goal), file or (), conversation, out, priority, step_mode, show_plan)
    _run(ask_mission(_settings("warning"), wish, as_json=as_json))


@app.command()
def answer(
    mission: Annotated[str, typer.Argument(help="The mission that asked.")],
    text: Annotated[str, typer.Argument(help="Your answer.")] = "",
    *,
    step: Annotated[str, typer.Option(help="Which question, if several are open; the oldest otherwise.")] = "",
    file: Annotated[Path | None, typer.Option(help="The file, if one is asked for.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to put the produced files into.")] = None,
    as_json: Json = False,
) -> None:
    """Answer a mission's question and follow it to its end."""
    from chat.terminal_missions import answer_mission

    _run(answer_mission(_settings("warning"), mission, spoken(text), step=step, file=file, out=out, as_json=as_json))


@app.command()
def config(as_json: Json = False) -> None:
    """Print the effective settings, secrets masked."""
    shown = _settings("warning").shown()
    if as_json:
        return say_json(shown)
    for name, value in shown.items():
        typer.echo(f"{name}={value}")
    return None


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check the set-up; name what is broken and how to mend it."""
    from chat.terminal_doctor import examine

    _run(examine(_settings("warning"), as_json=as_json))


def main() -> None:
    """Start the command line."""
    prepare(as_json="--json" in sys.argv)
    app()


if __name__ == "__main__":
    main()
