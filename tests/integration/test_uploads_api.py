"""Files people give, over the real server: refused before they are read, listed, used, deleted; others' are not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from doors_fixtures import House, scripts
from served_fixtures import serve
from steering_fixtures import eventually

from core.missions import Attachment, Mission, new_id, now

pytestmark = pytest.mark.asyncio(loop_scope="module")
MB = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    limits = {"files_per_user": 6, "files_mb_per_user": 3, "upload_max_mb": 2, "upload_max_files": 2}
    async with serve(tmp_path_factory.mktemp("house"), **limits) as opened:
        yield opened


async def ask(house: House, user: str, talk: str, files: tuple[Any, ...] = (), goal: str = "Work it out") -> list[Any]:
    mission = Mission(id=new_id(), conversation_id=talk, user_id=user, goal=goal, attachments=files, created_at=now())
    await house.office.submit(mission)
    return [event async for event in house.office.follow(mission.id)]


async def test_what_does_not_fit_is_refused_before_it_is_read(house: House) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(300):
            read += 1
            yield b"x" * 10_000

    async with house.visitor("bob") as bob, house.tab(bob) as tab:
        address = f"/project/file?session_id={tab.session_id}"
        await tab.attach("one.bin", b"x" * (MB + MB // 2))
        headers = {"content-type": "multipart/form-data; boundary=b", "content-length": str(3_000_066)}
        # Half of it waits beside the page already, and counts.
        words = (await bob.post(address, files={"file": ("two.bin", b"x" * (2 * MB - 2000), "")})).json()["detail"]
        assert words == (
            "Your files take 1.5 MB of 3 MB, and this one has 2.0 MB. Delete some on the page of your files (/files), "
            "then give it again."
        )
        assert (await bob.post(address, content=body(), headers=headers)).status_code in (400, 413)
        assert (await bob.post(address, data={"file": "words"})).status_code == 400
        assert (
            (await bob.post(address, files={"file": ("empty.txt", b"", "")}))
            .json()["detail"]
            .startswith("empty.txt is empty")
        )
        assert (await bob.post("/project/file?session_id=x", files={"file": ("a", b"a", "")})).status_code == 404


async def test_only_so_many_files_go_with_a_message(house: House) -> None:
    async with house.visitor("bob") as bob, house.tab(bob) as tab:
        files = tuple([await tab.attach(f"{n}.txt", b"words") for n in range(3)])
        await tab.say("Look at these", files)
        await tab.until(lambda t: any("At most 2 files" in str(data) for _, data in t.events))
        listed = (await bob.get("/api/files")).json()
        assert listed["files"] == [], "nothing of it was kept"


async def test_listed_changed_and_deleted(house: House, tmp_path: Path) -> None:
    office, talk = house.office, new_id()
    path = tmp_path / "notes <b>.md"
    path.write_text("# Notes\n\nThe zebra crosses.\n")
    file = await office.receive("user-ada", talk, path.name, "text/markdown", path)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        before = (await ada.get(f"/api/files/{file.id}")).json()
        assert (before["status"], before["characters"], before["operators"]) == ("received", None, {})
        await ask(house, "user-ada", talk, (file,))
        after = (await ada.get(f"/api/files/{file.id}")).json()
        assert (after["status"], after["characters"], after["use"], after["operators"]) == (
            "indexed",
            28,
            "text",
            {"analyst": 1},
        )
        listed = (await ada.get("/api/files", params={"query": "NOTES", "conversation": talk})).json()
        assert [f["id"] for f in listed["files"]] == [file.id]
        assert listed["used"] == {"files": 1, "bytes": 28, "most_files": 6, "most_bytes": 3 * MB}
        page = (await ada.get("/files")).text
        for words in ("notes &lt;b&gt;.md", "You use 28 bytes of", "1 of 6 files", "Read and indexed: 28 characters.",
                      "Given to analyst.", "As usual: full text"):  # fmt: skip
            assert words in page, words
        assert scripts(page) == []
        assert (await ada.get("/files", params={"query": "nothing"})).text.count('class="card item"') == 0

        for wrong, code in (({"use": "mail"}, 422), ({}, 422), ({"use": "text", "x": 1}, 422)):
            assert (await ada.patch(f"/api/files/{file.id}", json=wrong)).status_code == code, wrong
        assert (await ada.patch(f"/api/files/{file.id}", json={"use": "tools"})).json()["use"] == "tools"
        sent = await ada.post(f"/files/{file.id}", data={"kind": "use", "use": "search"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/files?did=use")
        assert (await ada.get(f"/api/files/{file.id}")).json()["chosen"] == "search"
        assert (await ada.post(f"/files/{file.id}", data={"kind": "eat"})).status_code == 400

        await _is_nothing_for_others(bob, file.id, talk)
        await _goes_for_good(house, ada, file)


async def _is_nothing_for_others(bob: httpx.AsyncClient, file_id: str, talk: str) -> None:
    for answer in (
        await bob.get(f"/api/files/{file_id}"),
        await bob.patch(f"/api/files/{file_id}", json={"use": "text"}),
        await bob.delete(f"/api/files/{file_id}"),
        await bob.post(f"/files/{file_id}", data={"kind": "delete"}),
    ):
        assert answer.status_code == 404
    assert (await bob.get("/api/files", params={"conversation": talk})).json()["files"] == []


async def _goes_for_good(house: House, ada: httpx.AsyncClient, file: Attachment) -> None:
    office = house.office
    blob = office.blobs.path(file.hash)
    assert blob.exists()
    assert (await ada.post(f"/files/{file.id}", data={"kind": "delete"})).headers["location"] == "/files?did=delete"
    assert not blob.exists()
    assert await office.index.passages_of(file.id, user_id="user-ada") == []
    for gone in (f"/api/files/{file.id}", f"/files/{file.id}/view", f"/files/attachment/{file.id}"):
        assert (await ada.get(gone)).status_code == 404
    assert (await ada.get("/api/files")).json()["used"]["files"] == 0


async def test_how_a_file_is_used_is_chosen_before_it_is_sent(house: House) -> None:
    def complaints(tab: Any) -> str:
        return " ".join(str(line.get("output")) for line in tab.lines.values())

    async with house.visitor("ada") as ada, house.tab(ada) as tab, house.visitor("bob") as bob, house.tab(bob) as other:
        first, second = await tab.attach("short.txt", b"words"), await tab.attach("same.txt", b"words")
        await other.socket.emit("window_message", {"useOf": [first, "text"]})
        await other.until(lambda t: "not there any more" in complaints(t))
        for nonsense, words in (
            (["x", "tools"], "not there any more"),
            ([first, "eat"], "no use 'eat'"),
            (first, "useOf"),
        ):
            await tab.socket.emit("window_message", {"useOf": nonsense})
            await tab.until(lambda t, words=words: words in complaints(t))
        await tab.socket.emit("window_message", {"useOf": [first, "search"]})
        await tab.socket.emit("window_message", {"useOf": [first, "tools"]})
        await tab.say("Work it out", (first, second))

        async def kept() -> bool:
            files = (await ada.get("/api/files")).json()["files"]
            chosen = {file["name"]: file["chosen"] for file in files}
            return (chosen.get("short.txt"), chosen.get("same.txt")) == ("tools", "")

        await eventually(kept, seconds=60)
