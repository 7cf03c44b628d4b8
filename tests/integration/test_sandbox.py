"""The sandbox holds its limits and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sandbox_fixtures import greeting_socket, opened, settled, work

from core.errors import BadInput, ToolFailure
from tools.sandbox.opening import Sandbox
from tools.sandbox.terms import MEGABYTE, Result

pytestmark = pytest.mark.sandbox


@pytest.fixture
async def sandbox(tmp_path: Path) -> Sandbox:
    return await opened(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return work(tmp_path)


async def bash(sandbox: Sandbox, folder: Path, script: str, **limits: object) -> Result:
    return await sandbox.run(["bash", "-c", script], folder, replace(sandbox.limits, **limits))


async def python(sandbox: Sandbox, folder: Path, program: str, **limits: object) -> Result:
    return await sandbox.run([sandbox.python, "-c", program], folder, replace(sandbox.limits, **limits))


async def test_a_command_runs_and_says_how_it_ended(sandbox: Sandbox, folder: Path) -> None:
    script = "cat; echo $HOME $MINE; echo wrong >&2; echo x > made; exit 3"
    result = await sandbox.run(["bash", "-c", script], folder, stdin=b"in\n", env={"MINE": "given"})
    expected = ("exited", 3, "in\n/tmp given\n", "wrong\n", "")
    assert (result.status, result.code, result.stdout, result.stderr, result.reason) == expected
    assert (folder / "made").read_text() == "x\n"


async def test_a_program_that_is_not_there_or_dies_is_told(sandbox: Sandbox, folder: Path) -> None:
    missing = await sandbox.run(["no-such-program"], folder)
    assert (missing.status, missing.code) == ("exited", 127)
    assert "no-such-program" in missing.stderr
    assert (await bash(sandbox, folder, "kill -SEGV $$")).code == 128 + 11
    with pytest.raises(BadInput):
        await sandbox.run(["echo", "a\0b"], folder)


async def test_a_room_that_cannot_be_built_is_an_error_and_nothing_runs(sandbox: Sandbox, folder: Path) -> None:
    result = await sandbox.run(["touch", "made"], folder, given={"x": folder / "not there"})
    assert (result.status, result.code) == ("error", None)
    assert "not there" in result.reason
    assert not (folder / "made").exists()


async def test_given_files_are_read_only_and_nothing_else_of_their_folder_is_there(
    sandbox: Sandbox, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "b.csv").write_text("2")
    given = {"sales (2).csv": tmp_path / "a.csv"}
    script = "ls /given; cat '/given/sales (2).csv'; echo 3 > '/given/sales (2).csv'"
    result = await sandbox.run(["bash", "-c", script], folder, given=given)
    assert result.stdout == "sales (2).csv\n1"
    assert "Read-only" in result.stderr
    assert (tmp_path / "a.csv").read_text() == "1"


async def test_the_socket_of_a_proxy_is_there_only_if_it_is_granted(sandbox: Sandbox, folder: Path) -> None:
    said = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/proxy'); print(s.recv(9).decode())"
    with greeting_socket() as path:
        result = await sandbox.run([sandbox.python, "-c", said], folder, network=path)
        assert result.stdout == "hello\n", result.stderr
        refused = await sandbox.run([sandbox.python, "-c", said], folder)
        assert "FileNotFoundError" in refused.stderr


async def test_time_is_up(tmp_path: Path) -> None:
    sandbox = await opened(tmp_path, sandbox_seconds=0.3)
    result = await sandbox.run(["sleep", "600"], work(tmp_path))
    assert (result.status, result.code) == ("timeout", None)
    assert result.reason == "It was stopped after 0.3 seconds."


async def test_a_run_ends_before_the_gate_gives_up_on_it(tmp_path: Path) -> None:
    sandbox = await opened(tmp_path, sandbox_seconds=500, tool_seconds=10)
    assert sandbox.limits.seconds == 8


async def test_memory_is_counted_over_all_processes(tmp_path: Path) -> None:
    sandbox = await opened(tmp_path, sandbox_memory_mb=200)
    program = "import os, time\nfor _ in range(3): os.fork()\nb = bytearray(60_000_000)\ntime.sleep(600)"
    result = await python(sandbox, work(tmp_path), program)
    assert result.status == "memory"
    assert 200 * MEGABYTE < result.memory < 600 * MEGABYTE


async def test_memory_that_processes_share_is_counted_once(sandbox: Sandbox, folder: Path) -> None:
    program = "import os, time\nb = bytearray(150_000_000)\nfor _ in range(3): os.fork()\ntime.sleep(0.3)"
    assert (await python(sandbox, folder, program, memory=300 * MEGABYTE)).status == "exited"


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm"])
async def test_files_in_memory_count_as_memory_and_end_at_their_size(
    sandbox: Sandbox, folder: Path, place: str
) -> None:
    script = f"head -c 80M /dev/zero > {place}/big; ls -l {place}/big | cut -d' ' -f5; sleep 0.2"
    full = await bash(sandbox, folder, script)
    assert (full.status, full.stdout) == ("exited", f"{64 * MEGABYTE}\n")
    assert (await bash(sandbox, folder, script + "; sleep 600", memory=40 * MEGABYTE)).status == "memory"


async def test_only_so_many_processes(tmp_path: Path) -> None:
    sandbox = await opened(tmp_path, sandbox_pids=20)
    result = await bash(sandbox, work(tmp_path), "for i in $(seq 30); do sleep 600 & done; wait")
    assert result.status == "pids"
    assert "20 processes" in result.reason


async def test_the_workspace_holds_only_so_much(tmp_path: Path) -> None:
    sandbox, folder = await opened(tmp_path, sandbox_disk_mb=20), work(tmp_path)
    result = await bash(sandbox, folder, "for i in $(seq 600); do head -c 1M /dev/zero > f$i; done; sleep 600")
    assert result.status == "disk"
    again = await bash(sandbox, folder, "rm f*; sleep 0.5; head -c 10M /dev/zero > small")
    assert (again.status, again.code) == ("exited", 0)  # what is too full can be emptied


async def test_a_file_without_a_name_counts_too(sandbox: Sandbox, folder: Path) -> None:
    program = "import os, time\nf = open('x', 'wb'); os.unlink('x')\nwhile True: f.write(bytes(10**6)); f.flush()"
    assert (await python(sandbox, folder, program, disk=30 * MEGABYTE)).status in ("disk", "exited")
    more = "import os, time\nfs = [open(f'x{i}', 'wb') for i in range(9)]\n[os.unlink(f'x{i}') for i in range(9)]\n"
    more += "[f.write(bytes(5 * 10**6)) for f in fs]; [f.flush() for f in fs]; time.sleep(600)"
    assert (await python(sandbox, folder, more, disk=30 * MEGABYTE)).status == "disk"


async def test_the_workspace_holds_only_so_many_files(tmp_path: Path) -> None:
    sandbox = await opened(tmp_path, sandbox_files=50)
    result = await bash(sandbox, work(tmp_path), "for i in $(seq 100); do : > $i; done; sleep 600")
    assert result.status == "disk"


async def test_output_is_kept_at_both_ends_and_ends_at_its_limit(sandbox: Sandbox, folder: Path) -> None:
    result = await bash(sandbox, folder, "echo first; yes | head -c 1000000; echo last")
    assert result.status == "exited"
    assert result.stdout.startswith("first\n")
    assert result.stdout.endswith("last\n")
    assert "934,475 bytes left out" in result.stdout
    assert len(result.stdout) < 70_000
    assert (await bash(sandbox, folder, "yes", output=2 * MEGABYTE)).status == "output"


async def test_only_so_many_runs_at_once(tmp_path: Path) -> None:
    sandbox, folder = await opened(tmp_path, sandbox_runs_at_once=1, tool_seconds=3), work(tmp_path)
    first = asyncio.create_task(bash(sandbox, folder, "touch begun; sleep 600"))
    while not (folder / "begun").exists():
        await asyncio.sleep(0.01)
    with pytest.raises(ToolFailure, match="taken"):
        await bash(sandbox, folder, "echo second")
    assert (await first).status == "timeout"
    assert (await bash(sandbox, folder, "echo third")).stdout == "third\n"


async def test_what_a_run_started_ends_with_it(sandbox: Sandbox, folder: Path) -> None:
    daemon = "setsid nohup sh -c 'while :; do date +%N > alive; done' >/dev/null 2>&1 &"
    assert (await bash(sandbox, folder, daemon + " while [ ! -s alive ]; do :; done")).code == 0
    holder = "(setsid sleep 600 &) ; echo done"  # it holds the pipe of our output
    assert (await bash(sandbox, folder, holder)).stdout == "done\n"
    assert settled(folder / "alive")


async def test_a_cancelled_run_is_gone_when_the_cancelling_is_done(sandbox: Sandbox, folder: Path) -> None:
    task = asyncio.create_task(bash(sandbox, folder, "trap '' TERM HUP; while :; do date +%N > alive; done"))
    while not (folder / "alive").exists():
        await asyncio.sleep(0.01)
    task.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert settled(folder / "alive")


async def test_a_run_ends_when_the_product_is_killed(folder: Path, tmp_path: Path) -> None:
    product = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom sandbox_fixtures import opened\n"
        "async def main():\n    sandbox = await opened(Path(sys.argv[1]))\n"
        "    await sandbox.run(['sh', '-c', 'while :; do date +%N > alive; done'], Path(sys.argv[2]))\nasyncio.run(main())"
    )
    here = Path(__file__).parent
    environment = {
        "PYTHONPATH": f"{here}:{here.parents[1]}",
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", product, str(tmp_path), str(folder)), env=environment
    )
    while not (folder / "alive").exists():
        assert process.returncode is None
        await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    async with asyncio.timeout(30):
        while not settled(folder / "alive"):
            await asyncio.sleep(0.01)


async def test_many_runs_leave_no_process_descriptor_or_thread(sandbox: Sandbox, folder: Path) -> None:
    def standing() -> tuple[int, int, list[str]]:
        mine = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return len(os.listdir("/proc/self/fd")), threading.active_count(), mine

    await asyncio.gather(*(bash(sandbox, folder, "true") for _ in range(4)))
    before = standing()
    for _ in range(5):
        await asyncio.gather(*(bash(sandbox, folder, "sleep 600 & (setsid sleep 600 &) true") for _ in range(4)))
    async with asyncio.timeout(30):  # asyncio's own threads, which wait for children, end a moment after them
        while standing() != before:
            await asyncio.sleep(0.01)
