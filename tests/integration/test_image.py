"""The image and its compose file, checked by reading them: no Docker engine is needed."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from dockerfile import Instruction, read_dockerfile

ROOT = Path(__file__).resolve().parents[2]


def problems(text: str, root: Path = ROOT) -> list[str]:
    """Say what a careful reader would object to in a Dockerfile."""
    instructions = read_dockerfile(text)
    checks = (_bases, _copies, _last_user, _commands, _health, _installs)
    return [problem for check in checks for problem in check(instructions, root)]


def _bases(instructions: list[Instruction], root: Path) -> list[str]:
    stages = {i.stage for i in instructions}
    bases = [i.arguments[0] for i in instructions if i.word == "FROM"]
    loose = [b for b in bases if b not in stages and (":" not in b or b.endswith(":latest"))]
    return [f"{base} is not pinned to a version" for base in loose]


def _copies(instructions: list[Instruction], root: Path) -> list[str]:
    stages = {i.stage for i in instructions}
    found = [f"ADD {i.rest}: COPY says what it does" for i in instructions if i.word == "ADD"]
    for copy in (i for i in instructions if i.word == "COPY"):
        origin = copy.flags.get("from")
        if origin is not None and origin not in stages:
            found.append(f"there is no stage {origin}")
        if origin is None:
            found.extend(f"{name} does not exist" for name in copy.arguments[:-1] if not (root / name).exists())
    return found


def _last_user(instructions: list[Instruction], root: Path) -> list[str]:
    final = instructions[max(n for n, i in enumerate(instructions) if i.word == "FROM") :]
    users = [i.arguments[0].split(":")[0] for i in final if i.word == "USER"]
    return [] if users and users[-1] not in ("root", "0") else ["the last user is root"]


def _commands(instructions: list[Instruction], root: Path) -> list[str]:
    commands = [i for i in instructions if i.word in ("CMD", "ENTRYPOINT")]
    shell = [
        f"{i.word} {i.rest}: signals do not reach a program behind a shell" for i in commands if not i.is_exec_form
    ]
    return shell or ([] if commands else ["nothing is started"])


def _health(instructions: list[Instruction], root: Path) -> list[str]:
    checks = [i for i in instructions if i.word == "HEALTHCHECK"]
    return [] if checks and all(i.is_exec_form for i in checks) else ["no health check in exec form"]


def _installs(instructions: list[Instruction], root: Path) -> list[str]:
    runs = [part.strip() for i in instructions if i.word == "RUN" for part in i.rest.split("&&")]
    installs = [r for r in runs if "pip install" in r]
    loose = [r for r in installs if "--require-hashes" not in r and "--no-deps" not in r]
    fetched = [r for r in runs if re.search(r"\b(curl|wget|git clone)\b|https?://", r)]
    return [f"{run}: not pinned by hashes" for run in loose] + [
        f"{run}: fetches something unchecked" for run in fetched
    ]


GOOD = """
FROM python:3.11-slim-bookworm AS builder
COPY pyproject.toml ./
RUN pip install --require-hashes -r requirements.lock
FROM python:3.11-slim-bookworm
COPY --from=builder /opt/venv /opt/venv
USER 10001:10001
HEALTHCHECK --interval=30s \\
    CMD ["python", "-c", "pass"]
CMD ["staffwork", "serve"]
"""


def test_nothing_is_wrong_with_our_image():
    assert problems((ROOT / "Dockerfile").read_text(encoding="utf-8")) == []


def test_a_good_image_is_accepted():
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("FROM python:3.11-slim-bookworm AS", "FROM python AS"),
        ("FROM python:3.11-slim-bookworm AS", "FROM python:latest AS"),
        ("COPY pyproject.toml ./", "COPY not_there.toml ./"),
        ("COPY pyproject.toml ./", "ADD https://example.org/x.tar.gz ./"),
        ("--from=builder", "--from=elsewhere"),
        ("USER 10001:10001", "USER root"),
        ("USER 10001:10001\n", ""),
        ('CMD ["staffwork", "serve"]', "CMD staffwork serve"),
        ("HEALTHCHECK --interval=30s", "ENV CHECK=none"),
        ("--require-hashes ", ""),
        ("RUN pip", "RUN curl -sSf https://example.org/get | sh && pip"),
    ],
)
def test_a_bad_image_is_found(good, bad):
    assert good in GOOD
    assert problems(GOOD.replace(good, bad, 1))


def test_the_image_keeps_its_data_in_the_volume_and_answers_from_outside():
    instructions = read_dockerfile((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    env = dict(pair.split("=", 1) for i in instructions if i.word == "ENV" and not i.stage for pair in i.arguments)
    [volume] = [i.arguments for i in instructions if i.word == "VOLUME"]
    assert volume == [env["STAFFWORK_DATA_DIR"]]
    assert env["STAFFWORK_HOST"] == "0.0.0.0"
    [exposed] = [i.arguments for i in instructions if i.word == "EXPOSE"]
    assert exposed == [env["STAFFWORK_PORT"]]


def test_every_package_is_copied_and_let_through():
    instructions = read_dockerfile((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    copied = {name for i in instructions if i.word == "COPY" and "from" not in i.flags for name in i.arguments[:-1]}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "tests"}
    assert packages <= copied
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*", "everything stays out unless it is named"
    assert {name for name in copied if f"!{name}" not in rules} == set()
    assert [line for line in rules[1:] if line.startswith("!") and line[1:] not in copied] == []
    assert any(fnmatch(".env", rule.removeprefix("**/")) for rule in rules[1:])


@pytest.fixture(scope="module")
def service() -> dict[str, object]:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert set(compose) == {"name", "services", "networks", "volumes"}
    # The second: test_runner_container.py; the third: test_proxy.py.
    assert set(compose["services"]) == {"staffwork", "runner", "proxy"}
    assert set(compose["volumes"]) == {"data", "workspaces", "runner", "certificates"}
    found: dict[str, object] = compose["services"]["staffwork"]
    return found


def test_compose_opens_one_port_on_this_machine_only(service):
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert "network_mode" not in service


def test_compose_gives_no_rights(service):
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True
    assert service["init"] is True
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "user"} & set(service)
    assert not any("docker.sock" in volume for volume in service["volumes"])


def test_compose_keeps_data_in_volumes_and_has_bounded_scratch_space(service):
    assert service["volumes"] == ["data:/data", "workspaces:/data/workspaces", "runner:/run/staffwork"]
    scratch = dict(entry.split(":", 1) for entry in service["tmpfs"])
    assert "/tmp" in scratch
    assert all("size=" in options for options in scratch.values())
    assert service["environment"]["STAFFWORK_DATA_DIR"] == "/data"


def test_compose_fits_a_machine_with_four_gigabytes(service):
    assert service["mem_limit"] == "3g"
    assert service["pids_limit"] <= 1024


def test_compose_starts_without_an_env_file(service):
    assert service["env_file"] == [{"path": ".env", "required": False}]


def test_the_image_is_tagged_with_our_version(service):
    [version] = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert service["image"] == f"staffwork:{version}"
