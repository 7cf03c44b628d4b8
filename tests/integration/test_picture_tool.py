"""The tool to look at a picture: what it opens, what it says, what it refuses; and what a picture loses on its way."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from picture_fixtures import GPS_MARK, darkroom, photo
from PIL import Image
from tools_fixtures import Desk

from core.errors import NotFound
from core.memories import Picture
from core.settings import Settings
from tools.changes import Changes
from tools.pictures import Darkroom, PictureTools
from tools.toolbox import GatedToolbox


def desk_at(folder: Path) -> Desk:
    """Open an operator's place with the tool in its hands."""
    desk = Desk(folder)
    room = Darkroom(desk.blobs, Settings(data_dir=folder))
    changes = Changes.at(folder / "workspaces", desk.blobs, desk.changes)
    tools = [*desk.tools, *PictureTools(changes.folders, room).tools()]
    desk.toolbox = GatedToolbox(
        tools, seconds=60, output_bytes=16_000, at_once=8, mask=lambda t: t.replace("hush", "*")
    )
    desk.context = desk.context.model_copy(update={"granted": tuple(tool.name for tool in tools)})
    return desk


async def test_a_picture_is_named_by_its_content_and_comes_from_outside(tmp_path: Path) -> None:
    desk = desk_at(tmp_path)
    given = await desk.give("hush.jpg", photo(), "image/jpeg")
    outcome = await desk.use("view_picture", file="hush.jpg")
    assert outcome.status == "ok"
    assert outcome.tainted
    assert outcome.pictures == (Picture(name="*.jpg", hash=given.hash),)
    assert outcome.output.startswith(f"*.jpg is a picture: 1568 x 784 points as shown (PNG), {given.size:,} bytes")


async def test_what_cannot_be_seen_says_why(tmp_path: Path) -> None:
    desk = desk_at(tmp_path)
    await desk.give("notes.txt", "words")
    await desk.give("broken.png", b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    await desk.give("words.png", "no picture at all")
    for name, words in (
        ("notes.txt", "is not called like a picture"),
        ("broken.png", "broken.png is damaged"),
        ("words.png", "words.png is no picture that can be shown"),
        ("gone.png", "There is no file 'gone.png'"),
    ):
        outcome = await desk.use("view_picture", file=name)
        assert (outcome.status, outcome.pictures) == ("failed", ())
        assert words in outcome.output


async def test_what_tools_made_can_be_seen_if_it_is_kept(tmp_path: Path) -> None:
    desk = desk_at(tmp_path)
    desk.workspace.mkdir(parents=True)
    (desk.workspace / "chart.png").write_bytes(photo(300, 200, kind="PNG"))
    outcome = await desk.use("view_picture", file="chart.png")
    assert outcome.status == "failed"
    assert "chart.png is not kept" in outcome.output
    content_hash = await desk.blobs.put(photo(300, 200, kind="PNG"))
    outcome = await desk.use("view_picture", file="chart.png")
    assert outcome.pictures == (Picture(name="chart.png", hash=content_hash),)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_loses_what_it_says_beside_its_points(kind: str, tmp_path: Path) -> None:
    content = photo(2000, 1000, kind=kind)
    assert b"canary" in content
    room, [named] = await darkroom(tmp_path, content)
    made = await room.shown(named)
    for lost in (GPS_MARK, b"canary", b"Exif", b"eXIf"):
        assert lost not in made.content
    with Image.open(io.BytesIO(made.content)) as picture:
        assert picture.size == (made.width, made.height) == (1568, 784)
        left, right = picture.convert("RGB").getpixel((10, 10)), picture.convert("RGB").getpixel((1500, 10))
    assert left[0] > 200 > right[0]  # type: ignore[index]
    assert right[2] > 200 > left[2]  # type: ignore[index]


async def test_the_longer_side_is_as_long_as_the_setting_says(tmp_path: Path) -> None:
    room, [named] = await darkroom(tmp_path, photo(900, 1800), picture_side=600)
    made = await room.shown(named)
    assert (made.width, made.height) == (300, 600)
    small, [tiny] = await darkroom(tmp_path, photo(30, 20), picture_side=600)
    assert ((await small.shown(tiny)).width, (await small.shown(tiny)).height) == (30, 20), "nothing is made larger"


async def test_a_deleted_picture_is_shown_to_nobody_any_more(tmp_path: Path) -> None:
    room, [named] = await darkroom(tmp_path, photo(100, 50))
    assert (await room.shown(named)).width == 100
    for path in (tmp_path / "blobs").rglob(named.hash):
        path.unlink()
    with pytest.raises(NotFound, match="its file was deleted"):
        await room.shown(named)
