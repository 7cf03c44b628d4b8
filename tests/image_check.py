"""Runs what the Dockerfile runs, without a Docker engine: the builder's commands in a fresh venv, then the server once.

    python3.11 tests/image_check.py        (make image-check)

It also looks whether the server wrote into the application's folder: in the container that folder is read-only.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from dockerfile import Instruction, read_dockerfile  # noqa: E402

START_SECONDS = 90


class Rehearsed:
    """The image's two folders, moved below a temporary one; `words` maps what the Dockerfile says to where it is."""

    def __init__(self, base: Path) -> None:
        self.app, self.venv, self.data = base / "app", base / "venv", base / "data"
        self.app.mkdir()
        (base / "bin").mkdir()
        (base / "bin" / "python").symlink_to(getattr(sys, "_base_executable", sys.executable))
        kept = {name: os.environ[name] for name in os.environ if name.startswith("PIP_") or name in ("LANG", "TMPDIR")}
        self.env = kept | {"PATH": f"{base / 'bin'}:/usr/bin:/bin", "HOME": str(base), "PIP_QUIET": "2"}

    def words(self, text: str) -> str:
        return text.replace("/opt/venv", str(self.venv)).replace("/app", str(self.app)).replace("/data", str(self.data))

    def build(self, instructions: list[Instruction]) -> None:
        for step in instructions:
            if step.word == "COPY":
                self._copy(step.arguments)
            elif step.word == "RUN":
                print(f"RUN {step.rest}", flush=True)
                subprocess.run(["/bin/sh", "-ec", self.words(step.rest)], cwd=self.app, env=self.env, check=True)

    def _copy(self, arguments: list[str]) -> None:
        *origins, target = arguments
        for origin in origins:
            place = self.app / target / (origin if target == "./" else "")
            if (ROOT / origin).is_dir():
                shutil.copytree(ROOT / origin, place, ignore=shutil.ignore_patterns("__pycache__", ".env"))
            else:
                shutil.copyfile(ROOT / origin, place)

    def files(self) -> dict[str, float]:
        found = (p for p in self.app.rglob("*") if p.is_file())
        return {p.relative_to(self.app).as_posix(): p.stat().st_mtime for p in found}


def serve(image: Rehearsed, final: list[Instruction]) -> list[str]:
    """Start what the image starts, wait for its health check, stop it; returns what went wrong."""
    env = dict(image.env)
    for pair in (pair for step in final if step.word == "ENV" for pair in step.arguments):
        name, value = pair.split("=", 1)
        env[name] = image.words(value).replace("$PATH", env["PATH"])
    env |= {"STAFFWORK_HOST": "127.0.0.1", "STAFFWORK_PORT": str(_free_port()), "HOME": image.env["HOME"]}
    [command] = [step.arguments for step in final if step.word == "CMD"]
    [check] = [step.arguments for step in final if step.word == "HEALTHCHECK"]
    before, started = image.files(), time.monotonic()
    with (image.data.parent / "log").open("w+b") as log:
        program = str(image.venv / "bin" / command[0])
        server = subprocess.Popen([program, *command[1:]], cwd=image.app, env=env, stdout=log, stderr=log)
        healthy = _wait(server, [str(image.venv / "bin" / check[0]), *check[1:]], env)
        print(f"healthy after {time.monotonic() - started:.1f} s" if healthy else "never healthy", flush=True)
        server.terminate()
        stopped = _stopped(server)
        log.seek(0)
        said = log.read().decode(errors="replace")
    written = sorted(name for name, at in image.files().items() if before.get(name) != at)
    problems = [f"it wrote into its own folder: {name}" for name in written]
    problems += [] if stopped else ["it did not stop within 30 s of SIGTERM"]
    return problems if healthy else [f"the health check never passed; the server said:\n{said[-4000:]}", *problems]


def _wait(server: subprocess.Popen[bytes], check: list[str], env: dict[str, str]) -> bool:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        if subprocess.run(check, env=env, capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.5)
    return False


def _stopped(server: subprocess.Popen[bytes]) -> bool:
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Build, serve, report."""
    instructions = read_dockerfile((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="staffwork-image-") as folder:
        image = Rehearsed(Path(folder))
        image.build([step for step in instructions if step.stage == "builder"])
        problems = serve(image, [step for step in instructions if step.stage == ""])
    print("\n".join(problems) or "The image's commands work.")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
