"""What stands under a link: what was chosen, as it was then, and nothing that looks like a secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from doors_fixtures import House, open_house
from fake_office import delegated, direct
from share_fixtures import Page, a_file, opened, shared, talk, worked

from core.missions import Attachment, new_id, now

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOUSE_SECRET = "sk-house-0123456789abcdef"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("house")
    async with open_house(folder, public_links=True, compatible_api_key=HOUSE_SECRET) as opened:
        yield opened


async def test_only_what_was_chosen_is_shared(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        answers = (await bob.get((await shared(ada, conversation))["path"])).text
        steps = (await bob.get((await shared(ada, conversation, include="steps"))["path"])).text
        file_id = (await ada.get(f"/api/conversations/{conversation}/shares")).json()["files"][0]["id"]
        files = (await bob.get((await shared(ada, conversation, files=[file_id]))["path"])).text
    for text in (answers, steps, files):
        assert "memo.pdf" in text
        assert "page 2" in text
        for private in ("Rex", "what you told me", "some text", "openai:gpt", "900", "user-ada", "ada", conversation, file_id,
                        '"name"', "read_file", "attachment", "artifact"):  # fmt: skip
            assert private not in text, private
    assert ("Reads memo.pdf" in steps, "researcher is done" in steps) == (True, True)
    assert ("Reads memo.pdf" in answers, "researcher is done" in answers, "Reads memo.pdf" in files) == (False,) * 3
    assert ("risks.md" in files, "risks.md" in answers, "risks.md" in steps) == (True, False, False)


async def test_what_is_said_later_is_not_visible(house: House) -> None:
    conversation = await talk(house, direct("The first answer."))
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        made = await shared(ada, conversation)
        await talk(house, direct("The second answer."), "And later?", conversation)
        await ada.patch(f"/api/conversations/{conversation}", json={"title": "Renamed", "version": 1})
        text = (await bob.get(made["path"])).text
        assert ("The first answer." in text, "The second" in text, "later" in text, "Renamed" in text) == (True,) + (
            False,
        ) * 3
        again = (await bob.get((await shared(ada, conversation))["path"])).text
        assert "The second answer." in again


async def test_work_that_has_not_ended_is_left_out(house: House) -> None:
    from core.missions import Mission

    conversation = await talk(house, direct("The first answer."))
    house.office.go.clear()
    house.office.course = delegated("Not yet.")
    under_way = Mission(id=new_id(), conversation_id=conversation, user_id="user-ada", goal="More?", created_at=now())
    await house.office.submit(under_way)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        text = (await bob.get((await shared(ada, conversation, include="steps"))["path"])).text
        house.office.go.set()
    assert ("More?" in text, "One message was still being worked on" in text) == (False, True)


async def test_files_are_downloads_only(house: House) -> None:
    made = await a_file(house, b"<script>alert(1)</script>", "\u202egnp.<b>html")
    conversation = await talk(opened(house), delegated("Done.", artifact=made))
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        link = await shared(ada, conversation, files=[made.id])
        answer = await bob.get(link["path"] + "/f/1")
        assert (answer.content, answer.headers["content-type"]) == (
            b"<script>alert(1)</script>",
            "application/octet-stream",
        )
        assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''gnp.%3Cb%3Ehtml"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
        for other in ("0", "2", "-1", "x", "01x", "9" * 400, "%00", "1/../2", "\u0661"):
            assert (await bob.get(f"{link['path']}/f/{other}")).status_code == 404
        refused = await ada.post(f"/api/conversations/{conversation}/shares", json={"files": ["nothing"]})
        assert (refused.status_code, "no file nothing" in refused.json()["detail"]) == (400, True)
        log = (await ada.get(f"/api/shares/{link['id']}")).json()["log"]
        assert [v["what"] for v in log] == ["file"]


async def test_a_file_of_somebody_else_cannot_be_shared(house: House) -> None:
    mine = await worked(house)
    content_hash = await house.office.blobs.put(b"bob's")
    theirs = await house.office.files.receive(
        "user-bob", new_id(), name="b.txt", content_hash=content_hash, size=5, mime="text/plain"
    )
    async with house.visitor("ada") as ada:
        answer = await ada.post(f"/api/conversations/{mine}/shares", json={"files": [theirs.id]})
        assert answer.status_code == 400


SECRETS = [
    ("sk-proj-abcdefghijklmnop1234", "mnop1234"), ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "klmnop"),
    ("AKIAIOSFODNN7EXAMPLE", "FODNN7"), ("password: Tr0ub4dor&3x", "4dor"),
    ("postgres://ada:hunter2hunter@db.example/x", "hunter2"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEowX\n-----END RSA PRIVATE KEY-----", "MIIEowX"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijk", "efghijk"), ("Bearer abcdefghijklmnopqrstuv", "klmnopq"),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "telling"), SECRETS)
async def test_what_looks_like_a_secret_is_asked_about_first(house: House, secret: str, telling: str) -> None:
    conversation = await talk(house, direct(f"It is {secret} you want."), f"Which? {secret}")
    wish: dict[str, Any] = {"title": f"About {secret}"}
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        asked = await ada.post(f"/api/conversations/{conversation}/shares", json=wish)
        assert asked.status_code == 409
        places = {f["where"] for f in asked.json()["findings"]}
        assert places == {"the title", "message 1", "message 2"}
        assert telling not in str(asked.json()["findings"])
        masked = await shared(ada, conversation, **wish, secrets="mask")
        text = (await bob.get(masked["path"])).text
        assert (telling in text, "[secret]" in text, telling in masked["title"]) == (False, True, False)
        draft = await ada.get(f"/api/conversations/{conversation}/shares/preview")
        assert (draft.status_code, telling in draft.text) == (200, False)
        whole = await shared(ada, conversation, **wish, secrets="publish")
        assert telling in (await bob.get(whole["path"])).text.replace("&amp;", "&")


async def test_the_secrets_of_the_house_are_never_shared(house: House) -> None:
    made = await a_file(house, f"key={HOUSE_SECRET}".encode())
    conversation = await talk(
        opened(house), delegated(f"The key is {HOUSE_SECRET}.", artifact=made), f"{HOUSE_SECRET}?"
    )
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        asked = await ada.post(f"/api/conversations/{conversation}/shares", json={"files": [made.id]})
        assert (asked.status_code, "the file risks.md" in asked.text, HOUSE_SECRET in asked.text) == (409, True, False)
        link = await shared(ada, conversation, files=[made.id], secrets="publish", include="steps")
        text = (await bob.get(link["path"])).text
        assert (HOUSE_SECRET in text, "[secret]" in text, "risks.md" in text) == (False, True, False)
        assert (await bob.get(link["path"] + "/f/1")).status_code == 404


async def test_a_file_with_a_secret_is_left_out_unless_it_is_wished_for(house: House) -> None:
    made = await a_file(house, b"token = ghp_abcdefghijklmnopqrstuvwxyz0123456789")
    conversation = await talk(opened(house), delegated("Done.", artifact=made))
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        masked = await shared(ada, conversation, files=[made.id], secrets="mask")
        assert (await bob.get(masked["path"] + "/f/1")).status_code == 404
        whole = await shared(ada, conversation, files=[made.id], secrets="publish")
        assert (await bob.get(whole["path"] + "/f/1")).status_code == 200


async def test_a_message_with_a_file_shows_it_where_it_was_given(house: House) -> None:
    content_hash = await house.office.blobs.put(b"a,b\n")
    conversation = new_id()
    given = await house.office.files.receive(
        "user-ada", conversation, name="sums.csv", content_hash=content_hash, size=4, mime="text/csv"
    )
    attachment = Attachment(id=given.id, name="sums.csv", hash=content_hash, size=4, mime="text/csv")
    await talk(house, direct("Seen."), "Look at this", conversation, attachments=(attachment,))
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        link = await shared(ada, conversation, files=[given.id])
        text = (await bob.get(link["path"])).text
        said = text.split('<section class="answered">')[0]
        assert ("sums.csv" in said, Page(text).links[-1]["href"]) == (True, f"{link['path']}/f/1")
