"""People at the terminal: the real command in a process of its own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from test_terminal import Terminal

from core.settings import Settings
from graphs.reception import Reception
from memory.invitations import Invitations
from memory.people import User

GOOD = "correct horse battery"


async def accept(settings: Settings, token: str, name: str) -> User:
    async with Reception.beside(settings) as desk:
        return await Invitations(desk.database, desk.people).accept(token, name, GOOD)


async def sign_in(settings: Settings, name: str, password: str) -> str:
    async with Reception.beside(settings) as desk:
        return (await desk.people.verify(name, password, "test")).role


async def noted(settings: Settings) -> list[tuple[str, str, str]]:
    async with Reception.beside(settings) as desk:
        return [(e.kind, e.subject, e.address) for e in reversed(await desk.audit.read())]


def test_from_invitation_to_deletion(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    settings = Settings(data_dir=terminal.folder / "data")
    code, out, err = terminal.run("people", "invite", "--role", "viewer", "--name", "Eve", "--json")
    assert code == 0, err
    token = json.loads(out)["path"].removeprefix("/join/")
    assert "invited: Eve  viewer" in terminal.run("people", "list")[1]
    asyncio.run(accept(settings, token, "Eve"))
    assert terminal.run("people", "role", "EVE", "member")[:2] == (0, "eve is member now.\n")
    assert asyncio.run(sign_in(settings, "eve", GOOD)) == "member"
    assert terminal.run("people", "deactivate", "eve")[:2] == (0, "eve is out.\n")
    assert "eve  member, deactivated" in terminal.run("people", "list")[1]
    with pytest.raises(Exception, match="not right"):
        asyncio.run(sign_in(settings, "eve", GOOD))
    code, out, err = terminal.run("people", "reset", "eve")
    assert (code, out, "deactivated" in err) == (2, "", True)
    assert terminal.run("people", "deactivate", "eve", "--undo")[:2] == (0, "eve may sign in again.\n")
    code, out, _ = terminal.run("people", "reset", "eve")
    assert (code, out.startswith("/reset/"), "works once, within 24 hours" in out) == (0, True, True)
    assert terminal.run("people", "delete", "eve")[0] != 0  # nobody says yes
    assert terminal.run("people", "delete", "eve", "--yes")[:2] == (0, "eve and everything of theirs is gone.\n")
    people = json.loads(terminal.run("people", "list", "--json")[1])["people"]
    assert [p["name"] for p in people] == ["local"]
    kinds = [kind for kind, subject, address in asyncio.run(noted(settings)) if address == "terminal"]
    assert kinds == [
        "person_invited", "role_changed", "person_deactivated", "person_activated", "reset_link_made", "person_deleted",
    ]  # fmt: skip


def test_what_cannot_be_done_is_said_in_one_line(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, public_url="https://staff.example.org")
    assert terminal.run("people", "invite")[1].startswith("https://staff.example.org/join/")
    for words, said in (
        (("role", "nobody", "member"), "There is nobody called nobody"),
        (("role", "local", "member"), "last owner"),
        (("role", "local", "king"), "owner, admin, member, viewer"),
        (("deactivate", "local"), "last owner"),
        (("delete", "local", "--yes"), "last owner"),
        (("invite", "--role", "king"), "owner, admin, member, viewer"),
    ):
        code, out, err = terminal.run("people", *words)
        assert (code, out, said in err, len(err.splitlines())) == (2, "", True, 1), (words, err)
