"""Files by hostile hands: refused in words, and nothing of them is left."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from doors_fixtures import House, open_house
from export_fixtures import export, taken
from share_fixtures import worked
from sqlalchemy import func, select

from core.events import MissionEnded
from core.missions import Status
from memory import tables

pytestmark = pytest.mark.asyncio(loop_scope="module")
Change = Callable[[dict[str, Any]], object]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


def packed(described: dict[str, Any], contents: dict[str, bytes] | None = None, **more: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversation.json", json.dumps(described))
        for content_hash, content in (contents or {}).items():
            archive.writestr(f"files/{content_hash}", content)
        for name, content in more.items():
            archive.writestr(name, content)
    return made.getvalue()


def _set(**fields: Any) -> Change:
    return lambda described: described.update(fields)


def _mission(**fields: Any) -> Change:
    return lambda described: described["missions"][0].update(fields)


def _event(number: int, **fields: Any) -> Change:
    return lambda described: described["missions"][0]["events"][number].update(fields)


HOSTILE: dict[str, tuple[Change, str]] = {
    "another format": (_set(format="chatgpt"), "no export of Staffwork"),
    "a newer version": (_set(version=2), "version 1 is known here"),
    "an unknown field": (_set(owner="bob"), "owner"),
    "a mission twice": (lambda d: d["missions"].append(d["missions"][0]), "twice"),
    "no events": (_mission(events=[]), "events"),
    "an unknown event": (_event(1, kind="memory_kept"), "kind"),
    "events with gaps": (_event(1, seq=7), "without gaps"),
    "an event of another mission": (_event(1, mission_id="another"), "another mission"),
    "no beginning": (lambda d: d["missions"][0]["events"].pop(0), "begin"),
    "a wrong content": (lambda d: d["contents"].update({h: "AAAA" for h in d["contents"]}), "not what its name says"),
    "no base64": (lambda d: d["contents"].update({h: "!!" for h in d["contents"]}), "base64"),
    "a date no calendar has": (_event(1, at="0001-01-01T00:00:00Z"), "date"),
    "a date without a zone": (_set(created_at="2026-01-01T00:00:00"), "date"),
    "a size beyond reason": (lambda d: d["artifacts"][0].update(size=2**70), "size"),
    "a file of another mission": (lambda d: d["artifacts"][0].update(mission_id="x"), "not in it"),
    "an end after the end": (lambda d: d["missions"][0]["events"].append(_again(d)), "contradicts itself"),
}


def _again(described: dict[str, Any]) -> dict[str, Any]:
    mission = described["missions"][0]
    end = MissionEnded(mission_id=mission["id"], seq=len(mission["events"]) + 1, status=Status.FAILED)
    return end.model_dump(mode="json")


@pytest.mark.parametrize("what", HOSTILE)
async def test_what_is_wrong_is_refused_in_words_and_leaves_nothing(house: House, what: str) -> None:
    change, words = HOSTILE[what]
    conversation = await worked(house, what.encode())
    async with house.visitor("ada") as ada:
        described = (await export(ada, conversation)).json()
        await house.office.delete_conversation(conversation, "user-ada")
        change(described)
        before = await _count(house)
        answer = await taken(ada, json.dumps(described).encode())
        assert answer.status_code == 400, answer.text
        assert words in answer.json()["detail"]
        assert await _count(house) == before


async def _count(house: House) -> list[int]:
    counted = (tables.conversations, tables.missions, tables.events, tables.artifacts, tables.messages)
    return [int((await house.office.database.rows(select(func.count()).select_from(table)))[0][0]) for table in counted]


async def test_zips_that_are_no_exports(house: House) -> None:
    conversation = await worked(house, b"something")
    async with house.visitor("ada") as ada:
        described = (await export(ada, conversation)).json()
        contents = {h: base64.b64decode(c) for h, c in described["contents"].items()}
        described["contents"] = {}
        bomb = {next(iter(contents)): b"\0" * 300_000_000}
        refused: dict[str, tuple[bytes, str]] = {
            "a bomb": (packed(described, bomb), "unpacks to more"),
            "a stranger": (packed(described, contents, **{"../../etc/passwd": b"x"}), "does not belong"),
            "no description": (_zip_of({"readme.txt": b"x"}), "no conversation.json"),
            "half a zip": (packed(described, contents)[:-40], "damaged"),
            "no zip": (b"PK nothing", "damaged"),
            "no JSON": (b"\x00\x01", "no export"),
            "a list": (b"[]", "no export"),
            "deep": (b"[" * 100_000, "no export"),
            "too many parts": (b"[" + b"1," * 3_100_000 + b"1]", "too many parts"),
        }
        for name, (content, words) in refused.items():
            answer = await taken(ada, content)
            assert (answer.status_code, words in answer.json()["detail"]) == (400, True), f"{name}: {answer.text}"
        assert (await taken(ada, packed(described, contents))).status_code == 201


def _zip_of(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


async def test_what_is_larger_than_an_upload_is_refused_before_it_is_read(house: House) -> None:
    most = house.office.settings.upload_max_mb * 2**20
    async with house.visitor("ada") as ada:
        answer = await taken(ada, b"x" * (most + 2**21))
        assert answer.status_code == 413, answer.text
