"""Files a program gives over REST: streamed, refused in words, the same twice is one; then a mission with them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
import pytest_asyncio
from doors_fixtures import House
from keys_fixtures import made, program
from served_fixtures import serve, until_at_rest

from core.missions import new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")
MB = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    limits = {"files_per_user": 8, "files_mb_per_user": 3, "upload_max_mb": 2, "upload_max_files": 2}
    async with serve(tmp_path_factory.mktemp("house"), **limits) as opened:
        yield opened


async def sent(
    client: httpx.AsyncClient, name: str, content: bytes | AsyncIterator[bytes], **more: str
) -> httpx.Response:
    return await client.post("/api/files", params={"name": name, **more}, content=content)


async def test_a_program_gives_files_and_a_mission_with_them(house: House) -> None:
    key = (await made(house, "ada", "read", "missions"))["key"]
    async with program(house, key) as client:
        first = await sent(client, "notes.md", b"# Notes\n\nThe zebra crosses.\n", id="one")
        assert first.status_code == 201, first.text
        file = first.json()
        assert (file["status"], file["size"], file["name"]) == ("received", 28, "notes.md")
        talk = file["conversation_id"]
        again = await sent(client, "notes.md", b"# Notes\n\nThe zebra crosses.\n", id="one", conversation=talk)
        other = (await sent(client, "b.md", b"more", id="two", conversation=talk)).json()
        assert again.json()["id"] != other["id"]
        assert (await sent(client, "b.md", b"more", id="two", conversation=talk)).json()["id"] == other["id"]
        assert (await sent(client, "c.md", b"more", id="two", conversation=talk)).status_code == 409
        wish = {"goal": "What crosses?", "conversation_id": talk, "files": [file["id"], other["id"]], "id": new_id()}
        given = await client.post("/api/missions", json=wish)
        assert given.status_code == 202, given.text
        again = await client.post("/api/missions", json=wish)
        assert again.json()["mission_id"] == given.json()["mission_id"]
        fewer = await client.post("/api/missions", json=wish | {"files": [file["id"]]})
        assert fewer.status_code == 409
        shown = await until_at_rest(client, given.json()["mission_id"], "completed")
        assert [f["name"] for f in shown["attachments"]] == ["notes.md", "b.md"]
        assert (await client.get(f"/api/files/{file['id']}")).json()["status"] == "indexed"
        content = await client.get(f"/files/attachment/{file['id']}")
        assert (
            hashlib.sha256(content.content).hexdigest()
            == hashlib.sha256(b"# Notes\n\nThe zebra crosses.\n").hexdigest()
        )


async def test_what_does_not_fit_is_refused_and_nothing_of_it_is_kept(house: House) -> None:
    async with house.visitor("bob") as bob:
        limits = (await bob.get("/api/files")).json()["limits"]
        assert limits == {"bytes": 2 * MB, "files_with_a_mission": 2}

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(2 * MB // 8192 + 200):
                yield b"x" * 8192

        before = {p for p in house.office.settings.data_dir.rglob("*") if "blobs" in p.parts and p.is_file()}
        assert (await sent(bob, "large.bin", b"x" * (2 * MB + 10))).status_code in (400, 413)
        with suppress(httpx.TransportError):  # cut off before it was read to its end
            assert (await sent(bob, "large.bin", pieces())).status_code in (400, 413)
        empty = await sent(bob, "empty.txt", b"")
        assert (empty.status_code, empty.json()["detail"]) == (
            400,
            "empty.txt is empty. Please choose a file with content.",
        )
        for wrong in ({"conversation": "a/b"}, {"name": ""}, {"name": "x" * 256}):
            answer = await bob.post("/api/files", params={"name": "a.txt", **wrong}, content=b"a")
            assert answer.status_code == 422, answer.text
        assert (await bob.get("/api/files")).json()["files"] == []
        one = (await sent(bob, "one.bin", b"1" * (MB + MB // 2))).json()
        words = (await sent(bob, "two.bin", b"2" * (2 * MB - 2000))).json()["detail"]
        assert words.startswith("Your files take 1.5 MB of 3 MB, and this one has 2.0 MB.")
        after = {p for p in house.office.settings.data_dir.rglob("*") if "blobs" in p.parts and p.is_file()}
        assert len(after - before) <= 2, "one file, and the empty content"
        three = await bob.post("/api/missions", json={"goal": "Hi", "files": [one["id"]] * 3})
        assert (three.status_code, "at most 2 go with one mission" in three.text) == (400, True)
        elsewhere = await bob.post("/api/missions", json={"goal": "Hi", "files": [one["id"]]})
        assert elsewhere.status_code == 404


async def test_nothing_goes_into_anothers_conversation(house: House) -> None:
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        talk = (await sent(ada, "a.md", b"mine")).json()
        before = {p for p in house.office.settings.data_dir.rglob("*") if "blobs" in p.parts and p.is_file()}
        assert (await sent(bob, "b.md", b"another's", conversation=talk["conversation_id"])).status_code == 404
        stolen = {"goal": "Read it", "files": [talk["id"]], "conversation_id": new_id()}
        assert (await bob.post("/api/missions", json=stolen)).status_code == 404
        assert before == {p for p in house.office.settings.data_dir.rglob("*") if "blobs" in p.parts and p.is_file()}
    reader = (await made(house, "ada", "read"))["key"]
    async with program(house, reader) as client:
        assert (await sent(client, "a.md", b"x")).status_code == 403
