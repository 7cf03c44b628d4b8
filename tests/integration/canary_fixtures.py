"""Twenty secrets, each with a place it comes from; a server of its own process, and everything that it ever let out."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from memory.checkpoints import PlainSerializer

PROJECT = Path(__file__).resolve().parents[2]


def _random(count: int = 24) -> str:
    return secrets.token_hex(count // 2)


def planted() -> dict[str, str]:
    """Make the canaries anew, by where they are planted."""
    return {
        "setting: anthropic key": f"sk-ant-env-{_random()}",
        "setting: search key": f"tvly.env.{_random()}",  # of no known shape: only those who know it can mask it
        "setting: sealing key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "credential: openai key": f"kept.openai.{_random()}",
        "credential: openrouter key": f"kept.router.{_random()}",
        "credential: a key that was refused": f"sk-refused-{_random()}",
        "credential: a key that was replaced": f"kept.first.{_random()}",
        "person: password": f"pass {_random()}",
        "person: a wrong password": f"wrong {_random()}",
        "person: a link's password": f"link {_random()}",
        "person: a house key in a message": "",  # the openai key, pasted by mistake
        "tool result: access token": f"ghp_{_random(36)}",
        "tool result: cloud key": f"AKIA{secrets.token_hex(8).upper()}",
        "tool result: bearer": f"Bearer {_random(40)}",
        "tool result: address with a password": f"https://robot:{_random()}@db.example/x",
        "provider error: somebody's key": f"sk-theirs-{_random()}",
        "provider error: bearer": f"Bearer {_random(40)}",
        "model: a house key, in pieces": "",  # the openai key, said by the model
        "file: token in a table": f"ghp_{_random(36)}",
        "file: a house key in a memo": "",  # the anthropic key of the settings
    }


def spellings(secret: str) -> set[str]:
    """Spell a secret in the ways it could stand somewhere."""
    core = secret.removeprefix("Bearer ").removeprefix("https://robot:").partition("@")[0]
    raw = base64.b64encode(core.encode()).decode().rstrip("=")
    return {core, quote(core, safe=""), json.dumps(core)[1:-1], raw}


@dataclass
class Traffic:
    """Everything that went to the browser: bodies, headers, and the events of its socket."""

    heard: list[str] = field(default_factory=list)

    async def note(self, answer: httpx.Response) -> None:
        if "text/event-stream" not in answer.headers.get("content-type", ""):
            await answer.aread()
            self.heard.append(f"{answer.url.path} {dict(answer.headers)} {answer.text}")


@dataclass
class Running:
    """`staffwork serve` in a process of its own."""

    folder: Path
    environ: dict[str, str]
    url: str = ""
    token: str = ""

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def command(self, *words: str) -> str:
        """Run a command beside it; returns all it said."""
        command = [sys.executable, "-m", "chat.terminal", *words]
        done = subprocess.run(
            command, cwd=PROJECT, env=self.environ, capture_output=True, text=True, check=False, timeout=120
        )
        return done.stdout + done.stderr


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Running]:
    """Serve from an own process; everything it says is kept in a file."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("STAFFWORK_")} | {"PYTHONUNBUFFERED": "1"}
    environ |= {f"STAFFWORK_{k.upper()}": v for k, v in settings.items()} | {"STAFFWORK_DATA_DIR": str(folder / "data")}
    house = Running(folder, environ)
    with house.log.open("w") as log:
        command = [sys.executable, "-m", "chat.terminal", "serve", "--port", "0"]
        process = subprocess.Popen(command, cwd=PROJECT, env=environ, stdout=log, stderr=subprocess.STDOUT)
        try:
            ends = time.monotonic() + 60
            while not (found := re.search(r"ready: (\S+)\n[^\n]*/setup\?token=(\S+)", house.log.read_text())):
                assert process.poll() is None, house.log.read_text()
                assert time.monotonic() < ends, "it did not start"
                time.sleep(0.05)
            house.url, house.token = found[1], found[2]
            yield house
        finally:
            process.terminate()
            process.wait(30)


def everything_in(database: Path) -> dict[str, str]:
    """Read every table of a SQLite file as text, by table; what is packed (checkpoints) is unpacked."""
    found: dict[str, str] = {}
    serializer = PlainSerializer()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            cursor = connection.execute(f'SELECT * FROM "{name}"')
            columns = [c[0] for c in cursor.description or ()]
            found[name] = "\n".join(_row(columns, row, serializer) for row in cursor)
    return found


def _row(columns: list[str], row: tuple[Any, ...], serializer: Any) -> str:
    about = dict(zip(columns, row, strict=True))
    parts = []
    for value in row:
        if isinstance(value, bytes) and isinstance(about.get("type"), str):
            parts.append(str(serializer.loads_typed((about["type"], value))))
        parts.append(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
    return f"{' '.join(columns)}: {' | '.join(parts)}"


def raw_files(folder: Path, *left_out: str) -> dict[str, str]:
    """Read every file below a folder as it is, but those below the folders left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and inside.parts[0] not in left_out:
            found[str(inside)] = path.read_bytes().decode("utf-8", "replace")
    return found
