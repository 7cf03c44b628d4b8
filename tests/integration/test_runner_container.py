"""The runner's container, by reading compose.yaml and its seccomp profile, and by running the runner under that profile."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile import read_dockerfile
from runner_fixtures import runner
from sandbox_fixtures import work

from core.settings import Settings
from tools.sandbox import syscalls
from tools.sandbox.container import AROUND, BUILDING, profile
from tools.sandbox.terms import PYTHON

ROOT = Path(__file__).resolve().parents[2]
PROFILE = ROOT / "docker" / "seccomp-runner.json"
LAUNCHER = Path(__file__).with_name("seccomp_launcher.py")
SOCKET = "/run/staffwork/runner.sock"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return found


@pytest.fixture(scope="module")
def service(services: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return services["runner"]


def test_the_runner_has_no_network_keys_or_data(services, service):
    assert service["network_mode"] == "none"
    assert not {"env_file", "ports", "expose", "networks", "secrets", "configs", "links"} & set(service)
    assert sorted(service["volumes"]) == ["runner:/run/staffwork", "workspaces:/data/workspaces"]
    assert not any("docker.sock" in volume for one in services.values() for volume in one["volumes"])
    limits = {f"STAFFWORK_{name.upper()}" for name in Settings.model_fields if name.startswith("sandbox_")}
    assert set(service["environment"]) <= {"STAFFWORK_DATA_DIR", "STAFFWORK_LOG_LEVEL"} | limits


def test_the_runner_has_no_rights_and_hard_limits(service):
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["user"] == "10001:10001"
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & set(service)
    assert sorted(service["security_opt"]) == [
        "apparmor=unconfined",
        "no-new-privileges:true",
        "seccomp=docker/seccomp-runner.json",
        "systempaths=unconfined",
    ]
    assert service["mem_limit"] == "2g"
    assert service["pids_limit"] <= 1024
    assert float(service["cpus"]) <= 4
    assert all("size=" in options for options in service["tmpfs"])


def test_the_app_keeps_dockers_own_walls_and_finds_the_runner(services):
    app = services["staffwork"]
    assert app["security_opt"] == ["no-new-privileges:true"]
    assert app["environment"]["STAFFWORK_RUNNER_SOCKET"] == SOCKET
    assert services["runner"]["command"] == ["staffwork", "runner", "--socket", SOCKET]
    assert services["runner"]["image"] == app["image"]
    assert app["depends_on"]["runner"]["condition"] == "service_started"


def test_the_volumes_belong_to_the_user_of_both(services):
    instructions = read_dockerfile((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    made = next(i.rest for i in instructions if i.word == "RUN" and "install -d" in i.rest)
    assert "install -d -o 10001 -g 10001 -m 700 /data /data/workspaces /run/staffwork" in made


def test_the_profile_is_what_the_code_says():
    words = "python -m tools.sandbox.container > docker/seccomp-runner.json"
    assert json.loads(PROFILE.read_text(encoding="utf-8")) == profile(), words


def test_the_profile_allows_what_a_room_takes_and_nothing_else():
    rules = profile()["syscalls"]
    named = {name for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}
    assert named - set(syscalls.names()) == {*BUILDING, *AROUND, "clone", "ioctl", "socket", "personality"}
    never = {
        *("bpf", "ptrace", "keyctl", "add_key", "io_uring_setup", "userfaultfd", "perf_event_open", "setns", "chroot"),
        *("process_vm_readv", "process_vm_writev", "open_by_handle_at", "kexec_load", "init_module", "finit_module"),
        *("fsopen", "fsmount", "move_mount", "open_tree", "mount_setattr", "swapon", "reboot", "quotactl", "splice"),
    }
    assert not named & never
    assert {a["value"] for r in rules if r["names"] == ["socket"] for a in r["args"]} == {1, 2, 10, 16}


@pytest.mark.sandbox
def test_under_the_profile_the_sandbox_holds_and_works(tmp_path: Path) -> None:
    folder = work(tmp_path)
    with runner(tmp_path, (sys.executable, str(LAUNCHER), str(PROFILE)), sandbox_seconds=40) as sandbox:
        command = [PYTHON, "-c", "import pandas, matplotlib.pyplot as p; p.plot([1]); p.savefig('c.png'); print(2)"]
        result = asyncio.run(sandbox.run(command, folder))
        assert (result.status, result.stdout) == ("exited", "2\n"), result
        shell = asyncio.run(sandbox.run(["bash", "-c", "git init -q r && ls -a r | grep git"], folder))
        assert shell.stdout == ".git\n", shell
    assert (folder / "c.png").stat().st_size > 1000


@pytest.mark.sandbox
def test_the_profile_is_really_set_and_refuses() -> None:
    attempt = "import ctypes; l = ctypes.CDLL(None, use_errno=True); print(l.syscall(321, 0, 0, 0), ctypes.get_errno())"
    command = [sys.executable, str(LAUNCHER), str(PROFILE), sys.executable, "-c", attempt]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "-1 1\n"


@pytest.mark.sandbox
@pytest.mark.parametrize("missing", ["unshare", "mount", "pivot_root"])
def test_without_any_of_it_there_is_no_sandbox_and_docker_is_named(tmp_path: Path, missing: str) -> None:
    short = profile()
    short["syscalls"][0]["names"].remove(missing)
    (tmp_path / "short.json").write_text(json.dumps(short))
    short_of_it = runner(tmp_path, (sys.executable, str(LAUNCHER), str(tmp_path / "short.json")))
    with pytest.raises(AssertionError, match=r"docs/operating\.md#sandbox|bwrap"), short_of_it:
        pass
