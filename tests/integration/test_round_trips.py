"""Taken out, wiped and taken in: opinions, chosen uses, files and tags are the same; and nobody keeps more than they may."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from test_exports_store import desk, took, worked, written

from core.errors import BadInput
from core.missions import derived_id, new_id
from core.settings import Settings
from graphs.reception import Reception
from memory.branches import run_id
from memory.feedback import Feedback
from memory.opinions import REASONS, Opinions

__all__ = ["desk"]  # a fixture
STEPS = ("", "t1", "t1/1", "t1/1.0", "plan")


async def furnished(desk: Reception, chance: random.Random, folder: Path) -> None:
    """Fill ada's conversation "c" with missions, files in every use, and opinions, as chance has it."""
    for number in range(chance.randint(1, 3)):
        await worked(desk, f"m{number}", answer=f"It is {number}.")
        for step in chance.sample(STEPS, chance.randint(0, len(STEPS))):
            line = derived_id(f"m{number}", step) if step else run_id(f"m{number}")
            reasons = chance.sample(sorted(REASONS), chance.randint(0, 3))
            words = chance.choice(["", "too short", "ünsäglich <b>\n", "/files/x"])
            await Feedback(desk.database).give("ada", "c", line, chance.randint(0, 1), words, reasons=reasons)
    for number in range(chance.randint(0, 4)):
        path = folder / f"f{number}.txt"
        path.write_text(f"words {number} " * chance.randint(1, 50))
        given = await desk.receive("ada", "c", path.name, "text/plain", path)
        await desk.uploads.choose(given.id, "ada", chance.choice(["", "text", "search", "tools"]))


def told(content: bytes) -> dict[str, Any]:
    """What an export says, with every mission and file named by its place in it."""
    given = json.loads(content)
    names = {m["id"]: f"m{n}" for n, m in enumerate(given["missions"])}
    opinions = sorted(
        (names[o["mission_id"]], o["step"], o["value"], o["reasons"], o["comment"]) for o in given["feedback"]
    )
    files = [(f["name"], f["hash"], f["size"], f["use"], names.get(f["mission_id"])) for f in given["attachments"]]
    made = [(f["name"], f["hash"], f["version"], f["tags"], names[f["mission_id"]]) for f in given["artifacts"]]
    said = [[(e["kind"], e["seq"], e.get("step")) for e in m["events"]] for m in given["missions"]]
    return {"title": given["title"], "opinions": opinions, "files": sorted(files), "made": made, "said": said,
            "contents": given["contents"]}  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_what_goes_out_comes_in_the_same(desk: Reception, tmp_path: Path, seed: int) -> None:
    await furnished(desk, random.Random(seed), tmp_path)
    first = await written(desk)
    await desk.conversations.delete("c", "ada")
    again = await took(desk, first, tmp_path, "ada")
    second = await written(desk, again, "ada")
    assert told(second) == told(first)
    third = await took(desk, second, tmp_path, "bob")
    assert told(await written(desk, third, "bob")) == told(first)


async def test_opinions_stand_where_they_stood_and_are_counted_where_they_were_given(
    desk: Reception, tmp_path: Path
) -> None:
    await worked(desk)
    feedback, opinions = Feedback(desk.database), Opinions(desk.database)
    await feedback.give("ada", "c", run_id("m"), 1, "good")
    await feedback.give("ada", "c", derived_id("m", "t1/1.0"), 0, reasons=["slow"])
    here = await opinions.tally()
    again = await took(desk, await written(desk), tmp_path)
    [row] = await desk.missions.of_conversation(again)
    shown = {o.for_id: (o.value, o.comment, o.reasons) for o in await feedback.of_conversation(again, "bob")}
    lines = {run_id(row.mission.id): (1, "good", ()), derived_id(row.mission.id, "t1/1.0"): (0, "", ("slow",))}
    assert shown == lines
    assert await opinions.tally() == here, "they do not count twice"
    assert len(await opinions.newest()) == 2
    await feedback.give("bob", again, run_id(row.mission.id), 0, "not so good")
    changed = {o.for_id: o.comment for o in await feedback.of_conversation(again, "bob")}
    assert changed[run_id(row.mission.id)] == "not so good"
    await desk.conversations.delete(again, "bob")
    assert await opinions.tally() == here


@pytest.mark.parametrize(
    ("opinion", "words"),
    [({"step": "t9"}, "no such step"), ({"mission_id": "elsewhere"}, "not in it"), ({"value": 2}, "value"),
     ({"reasons": ["x" * 41]}, "reasons"), ({"comment": "x" * 4001}, "comment")],
)  # fmt: skip
async def test_opinions_about_nothing_are_refused(
    desk: Reception, tmp_path: Path, opinion: dict[str, Any], words: str
) -> None:
    await worked(desk)
    await Feedback(desk.database).give("ada", "c", run_id("m"), 1)
    described = json.loads(await written(desk))
    described["feedback"][0] |= opinion
    with pytest.raises(BadInput, match=words):
        await took(desk, json.dumps(described).encode(), tmp_path)
    assert await desk.conversations.list("bob") == []


async def test_reasons_nobody_knows_here_are_left_out(desk: Reception, tmp_path: Path) -> None:
    await worked(desk)
    await Feedback(desk.database).give("ada", "c", run_id("m"), 1, reasons=["clear"])
    described = json.loads(await written(desk))
    described["feedback"][0]["reasons"] = ["clear", "of tomorrow", "clear"]
    again = await took(desk, json.dumps(described).encode(), tmp_path)
    [opinion] = await Feedback(desk.database).of_conversation(again, "bob")
    assert opinion.reasons == ("clear",)


async def test_what_does_not_fit_is_refused_before_anything_is_kept(desk: Reception, tmp_path: Path) -> None:
    await worked(desk)
    path = tmp_path / "large.txt"
    path.write_bytes(new_id().encode() * 40_000)
    await desk.receive("ada", "c", path.name, "text/plain", path)
    content = await written(desk)
    for content_hash in await desk.conversations.delete("c", "ada"):
        await desk.blobs.delete(content_hash)
    kept = sorted(p for p in (tmp_path / "blobs").rglob("*") if p.is_file())
    data = desk.settings.data_dir
    for limits, words in (
        ({"files_per_user": 1}, "may keep 1; this conversation has 2"),
        ({"files_mb_per_user": 1}, "0 MB of 1 MB; those of this conversation take 1.4 MB"),
    ):
        desk.settings = Settings.model_validate({"data_dir": data, **limits})
        with pytest.raises(BadInput, match=words):
            await took(desk, content, tmp_path)
        assert sorted(p for p in (tmp_path / "blobs").rglob("*") if p.is_file()) == kept
    desk.settings = Settings(data_dir=data, files_per_user=3)
    await took(desk, content, tmp_path)
    used = await desk.uploads.used("bob")
    assert (used.files, used.bytes) == (2, 6 + 36 * 40_000), "what was made elsewhere takes room, too"
    with pytest.raises(BadInput, match="Nothing was imported"):
        await took(desk, content, tmp_path)
    assert len(await desk.conversations.list("bob")) == 1
