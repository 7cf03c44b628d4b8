"""Sessions: what one call defines is there in the next one, nothing moves in between, and nothing outlives the task."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sandbox_fixtures import settled
from session_fixtures import alive, desk, keep_sessions, python, sandbox, sessions, until
from tools_fixtures import Desk

from core.events import MissionEnded, TaskEnded
from core.missions import Status
from core.settings import Settings
from tools.sandbox.opening import Sandbox
from tools.sandbox.room import WORK
from tools.sessions import Sessions

__all__ = ["desk", "sandbox", "sessions"]

pytestmark = pytest.mark.sandbox
BEAT = """
import os, time
if os.fork() == 0:
    os.setsid()
    for _ in range(3000):
        open('beat', 'w').write(str(time.time())); time.sleep(0.01)
    os._exit(0)
while not os.path.exists('beat'): time.sleep(0.01)
"""


async def shell(desk: Desk, command: str) -> str:
    return (await desk.use("run_shell", command=command, session="task")).output


async def test_variables_imports_and_files_live_on(desk: Desk) -> None:
    assert (await python(desk, "import math\nx = [1, 2]\ndef total(): return sum(x)")).output == (
        "It ended well and printed nothing."
    )
    assert (await python(desk, "x.append(3); print(total(), math.pi)")).output == "6 3.141592653589793"
    assert (await python(desk, "class A: pass\nprint(A.__module__, __name__)")).output == "__main__ __main__"
    pool = "from multiprocessing import Pool\ndef f(n): return n * 2\nprint(Pool(2).map(f, x))"
    assert (await python(desk, pool)).output == "[2, 4, 6]"
    fresh = await desk.use("run_python", code="print(x)")
    assert "NameError" in fresh.output
    made = await python(desk, "open('a.txt', 'w').write('x' * total())")
    assert [a.name for a in made.artifacts] == ["a.txt"]


async def test_a_shell_keeps_its_folder_and_its_variables(desk: Desk) -> None:
    assert await shell(desk, "mkdir -p deep; cd deep; export A='two words'; f() { echo \"f $1\"; }") == (
        "It ended well and printed nothing."
    )
    assert (
        await shell(desk, 'pwd; f "$A"; printenv A; read x; echo ".$x."') == f"{WORK}/deep\nf two words\ntwo words\n.."
    )
    assert await shell(desk, "false") == "It ended with exit code 1."
    assert await shell(desk, "echo 'a b' >&2; (exit 7)") == "It ended with exit code 7.\nOn standard error:\na b"
    assert await shell(desk, "x='" + "ü" * 20_000 + "'; echo ${#x}") == "20000"


async def test_errors_name_their_lines_and_end_nothing(desk: Desk) -> None:
    await python(desk, "def broken():\n    return 1 / 0")
    failed = await python(desk, "\nbroken()")
    assert failed.status == "ok"
    assert failed.output.startswith("It ended with exit code 1.\nOn standard error:\nTraceback")
    assert '/tmp/call-2.py", line 2, in <module>' in failed.output
    assert '/tmp/call-1.py", line 2, in broken' in failed.output
    assert "return 1 / 0" in failed.output
    assert "SyntaxError" in (await python(desk, "if:")).output
    assert (await python(desk, "import sys; print('x'); sys.exit(3)")).output == "It ended with exit code 3.\nx"
    assert (await python(desk, "import os; os.close(1); os.close(2)")).status == "ok"
    assert (await python(desk, "broken")).output == "It ended well and printed nothing."


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os._exit(4)", "It ended with exit code 4. The session ended with it"),
        ("import os; os.kill(os.getpid(), 9)", "The session ended with it"),
        ("b = [bytearray(10**7) for _ in range(60)]", "more memory than 200 MB. The session ended with it"),
        ("while True: pass", "stopped after 8 seconds. The session ended with it"),
        ("import sys\nwhile True: sys.stdout.write('x' * 10**6)", "more output than 16 MB. The session ended with it"),
        ("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass", "The session ended with it"),
    ],
)
async def test_one_that_dies_or_exceeds_says_so_and_the_next_call_begins_anew(
    desk: Desk, code: str, words: str
) -> None:
    await python(desk, "x = 1")
    assert words in (await python(desk, code)).output
    assert "NameError: name 'x'" in (await python(desk, "print(x)")).output


async def test_nothing_moves_between_two_calls(desk: Desk) -> None:
    """A daemon of a session stands still while no call is under way, so that it changes nothing unseen; then it goes on."""
    assert (await python(desk, BEAT)).status == "ok"
    beat = desk.workspace / "beat"
    before = beat.read_bytes()
    assert settled(beat)
    assert beat.read_bytes() == before
    changed = await python(desk, "while open('beat').read() == " + repr(before.decode()) + ": time.sleep(0.01)")
    assert changed.status == "ok"
    assert settled(beat)
    assert [f.name for f in list(desk.changes.changes.values())[-1].files] == ["beat"]


async def test_nothing_outlives_its_task(desk: Desk, sessions: Sessions, sandbox: Sandbox) -> None:
    await python(desk, BEAT)
    await python(desk, "y = 1", task_id="t2")
    assert len(alive()) >= 2
    sessions.observe(_task_ended("t1"))
    await until(lambda: settled(desk.workspace / "beat") and len(alive()) <= 2)
    assert (await python(desk, "print(y)", task_id="t2")).output == "1"
    sessions.observe(MissionEnded(mission_id="m1", status=Status.WAITING_ANSWER))
    assert (await python(desk, "print(y)", task_id="t2")).output == "1"
    sessions.observe(MissionEnded(mission_id="m1", status=Status.CANCELLED))
    await until(lambda: not alive())
    assert (
        "NameError" in (await python(desk, "print(y)", task_id="t2")).output
    )  # it would be a new one, and is not told of


def _task_ended(task_id: str) -> TaskEnded:
    return TaskEnded(mission_id="m1", task_id=task_id, operator="coder", status=Status.COMPLETED, summary="Done.")


async def test_a_cancelled_call_takes_its_session_along(desk: Desk, sandbox: Sandbox) -> None:
    await python(desk, "x = 1")
    running = asyncio.create_task(python(desk, "open('on', 'w').write('x'); import time; time.sleep(60)"))
    await until((desk.workspace / "on").exists)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive()
    gone = await python(desk, "print(x)")
    assert gone.status == "failed"
    assert "it was ended together with a call that was under way. Nothing was run now" in gone.output
    assert "NameError" in (await python(desk, "print(x)")).output


async def test_sessions_of_others_are_out_of_reach(desk: Desk) -> None:
    await python(desk, "secret = 'mine-4711'; import os; open('/tmp/left', 'w').write(secret)")
    look = (
        "import os\nprint([p for p in os.listdir('/proc') if p.isdigit() and int(p) > 30], os.path.exists('/tmp/left'), "
        "'secret' in globals())"
    )
    for place in ({"task_id": "t2"}, {"mission_id": "m2", "task_id": "t1"}):
        assert (await python(desk, look, **place)).output == "[] False False"
    assert (await python(desk, "print(secret)", mission_id="m1", task_id="t1")).output == "mine-4711"


async def test_one_that_nobody_uses_is_ended_and_said_so(tmp_path: Path, sandbox: Sandbox) -> None:
    limits: dict[str, Any] = {"sandbox_sessions": 4, "sandbox_sessions_per_mission": 3, "sandbox_session_seconds": 0.5}
    sessions = Sessions.over(sandbox, Settings(data_dir=tmp_path, **limits))
    desk = Desk(tmp_path / "desk", seconds=30, sandbox=sandbox, sessions=sessions)
    await python(desk, "x = 1")
    await until(lambda: not alive())
    assert "it was not used for 0.5 seconds. Nothing was run now" in (await python(desk, "print(x)")).output
    await sessions.close()


async def test_only_so_many_sessions(desk: Desk) -> None:
    for number in range(3):
        assert (await python(desk, "x = 1", mission_id="m1", task_id=f"t{number}")).status == "ok"
    refused = await python(desk, "x = 1", task_id="t9")
    assert (refused.status, "already has 3 sessions" in refused.output) == ("failed", True)
    assert (await python(desk, "x = 1", mission_id="m2")).status == "ok"
    full = await python(desk, "x = 1", mission_id="m3")
    assert (full.status, "All 4 places for sessions are taken" in full.output) == ("failed", True)
    assert (await desk.use("run_python", code="print(1)", session="fresh")).output == "1"


async def test_forged_marks_and_a_fork_that_goes_on_do_no_harm(desk: Desk) -> None:
    assert "a\x1e" in (await python(desk, "print('a\\x1e' + '0' * 32 + '0')")).output
    assert (await python(desk, "import os\nif os.fork() == 0: print('child')\nelse: os.wait()")).status == "ok"
    assert (await python(desk, "import sys; sys.stdout = None; sys.stderr = None")).status == "ok"
    assert (await python(desk, "x = 5")).status == "ok"


async def test_new_files_of_the_user_are_not_in_an_old_session(desk: Desk) -> None:
    await desk.give("a.csv", "1")
    assert (await python(desk, "import os; print(os.listdir('/given'))")).output == "['a.csv']"
    await desk.give("b.csv", "2")
    said = (await python(desk, "print(os.listdir('/given'))")).output
    assert said.startswith("['a.csv']\n")
    assert "since the session began are not in its /given" in said


async def test_where_there_are_no_sessions_it_is_said(tmp_path: Path, sandbox: Sandbox) -> None:
    class OnlyRuns:
        """A runner that cannot keep programs."""

        python, limits = sandbox.python, sandbox.limits

        def there(self) -> bool:
            return True

    only: Any = OnlyRuns()
    sessions = keep_sessions(only, tmp_path)
    desk = Desk(tmp_path / "desk", sandbox=only, sessions=sessions)
    outcome = await python(desk, "x = 1")
    assert (outcome.status, "Use session='fresh'" in outcome.output) == ("refused", True)
