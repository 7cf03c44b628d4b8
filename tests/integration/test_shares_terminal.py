"""Links at the terminal: the real command in a process of its own, on data that holds two of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from test_terminal import Terminal

from core.missions import Mission, new_id, now
from core.settings import Settings
from graphs.reception import Reception
from memory.snapshots import Share, SharedMessage, Snapshot


async def two_links(settings: Settings) -> list[str]:
    """Make two links as the owner; returns their tokens."""
    async with Reception.beside(settings) as desk:
        owner = await desk.people.ensure_local_owner()
        await desk.submit(Mission(id="m", conversation_id="c", user_id=owner.id, goal="Sums", created_at=now()))
        tokens = []
        for title, number in (("Sums", "aa1"), ("More sums", "aa2")):
            share = Share(id=number + new_id(), user_id=owner.id, conversation_id="c", title=title, created_at=now())
            said = SharedMessage(author="user", text="Sums", at=now())
            await desk.shares.publish(share, Snapshot(messages=(said,)), "")
            tokens.append(await desk.shares.token(share.id))
        return tokens


def test_list_and_revoke(tmp_path: Path):
    terminal = Terminal(tmp_path)
    code, out, err = terminal.run("shares", "list")
    assert (code, "You share nothing" in out) == (0, True), err
    first, second = asyncio.run(two_links(Settings(data_dir=terminal.folder / "data")))
    listed = [json.loads(line) for line in terminal.run("shares", "list", "--json")[1].splitlines()]
    assert {(s["title"], s["state"], s["link"]) for s in listed} == {
        ("Sums", "live", f"/s/{first}"),
        ("More sums", "live", f"/s/{second}"),
    }
    code, out, err = terminal.run("shares", "revoke", "aa")
    assert (code, out, "2 links begin with aa" in err) == (2, "", True)
    assert terminal.run("shares", "revoke", f"https://staff.example.org/s/{first}")[:2] == (0, "Revoked: Sums\n")
    code, out, _ = terminal.run("shares", "revoke", "aa2", "--json")
    assert (code, json.loads(out)["state"]) == (0, "revoked")
    out = terminal.run("shares", "list")[1]
    assert (out.count("revoked; for people with an account"), first in out, second in out) == (2, False, False)


def test_a_link_that_is_not_there_is_said_in_one_line(tmp_path: Path):
    terminal = Terminal(tmp_path)
    for given in ("nothing", "https://staff.example.org/s/nothing", "/s/", ""):
        code, out, err = terminal.run("shares", "revoke", given)
        assert (code, out, len(err.splitlines())) == (2, "", 1), err
        assert "staffwork shares list" in err
