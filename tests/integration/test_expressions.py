"""Small Python everywhere: it calculates, and reaches nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools_fixtures import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("x = [3, 1, 2]\nsorted(x)", "[1, 2, 3]"),
        ("print('a')\nprint('b')", "a\nb"),
        ("import json\nprint('kept')\njson.loads('{\"a\": [1]}')['a']", "kept\n[1]"),
        ("sum(len(w) for w in 'a bb ccc'.split())", "6"),
        ("y = 1", "It ran, and neither printed nor returned anything."),
    ],
)
async def test_it_works_things_out(desk: Desk, code: str, result: str) -> None:
    assert await desk.ask("evaluate_python", code=code) == result


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd').read()", "import os\nos.listdir('/')", "import os\nos.environ['PATH']", "import socket",
        "import subprocess",
        "__import__('os').system('id')", "().__class__.__bases__[0].__subclasses__()", "import sys\nsys.modules['os']",
        "eval(\"open('/etc/passwd')\")", "while True: pass",
        "x = []\nwhile True: x.append('a' * 1000000)", "def f(): return f()\nf()", "'a' * 10**10",
        "10 ** 10 ** 9", "[i for i in range(10 ** 9)]", "1 +", "undefined",
    ],
)  # fmt: skip
async def test_it_reaches_nothing_and_ends(desk: Desk, code: str) -> None:
    outcome = await desk.use("evaluate_python", code=code)
    assert outcome.status == "failed", outcome.output
    assert outcome.seconds < 15
    assert "broke down" not in outcome.output


async def test_what_was_printed_before_a_failure_is_told(desk: Desk) -> None:
    outcome = await desk.use("evaluate_python", code="print('so far')\n1 / 0")
    assert outcome.output.startswith("so far")
    assert "ZeroDivisionError" in outcome.output
    assert (await desk.use("evaluate_python", code="y")).status == "failed"  # nothing is left of the last call


async def test_sleeping_takes_no_time_and_a_result_is_cut(desk: Desk) -> None:
    outcome = await desk.use("evaluate_python", code="import time\ntime.sleep(1000)\n'x' * 50000")
    assert outcome.seconds < 30
    assert len(outcome.output) == 10_000
