"""The doors to what is remembered: HTTP and the page, as a member, a viewer, a program and somebody else meet them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from doors_fixtures import House
from keys_fixtures import made, program
from people_fixtures import add
from served_fixtures import serve

from graphs.keeping import keep_fact
from memory.memories import Memories
from memory.remembered import Recollections, Wanted

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCRIPT = "<script>alert(1)</script> likes tea"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house")) as opened:
        await add(opened, "eve", "viewer")
        yield opened


async def keep(house: House, who: str, *facts: str) -> list[str]:
    """Have facts kept for a person; returns their ids."""
    office = house.office
    await Recollections(office.database).forget_all(f"user-{who}")
    return [(await keep_fact(office.index, Memories(office.database), f"user-{who}", "c", fact)).id for fact in facts]


async def test_a_person_lists_changes_and_deletes_what_is_remembered(house: House) -> None:
    tea, _, train = await keep(house, "ada", "Ada drinks tea.", "Ada has a dog.", "Ada takes the train.")
    async with house.visitor("ada") as ada:
        found = (await ada.get("/api/memories")).json()
        assert (found["counts"], found["more"], found["memory_on"]) == ({"fact": 3, "said": 0}, False, True)
        assert {(one["what"], one["by"]) for one in found["memories"]} == {("fact", "you")}
        assert (await ada.get("/api/memories?limit=2")).json()["more"] is True
        assert [m["id"] for m in (await ada.get("/api/memories?query=tea")).json()["memories"]] == [tea]
        changed = (await ada.patch(f"/api/memories/{tea}", json={"text": "Ada drinks coffee."})).json()
        assert (changed["text"], (await ada.get(f"/api/memories/{tea}")).status_code) == ("Ada drinks coffee.", 404)
        assert (await ada.delete(f"/api/memories/{train}")).status_code == 204
        assert (await ada.delete(f"/api/memories/{train}")).status_code == 404
        for query, code in (("", 422), ("?what=all", 422), ("?what=said", 200), ("?what=fact&conversation=other", 200)):
            answer = await ada.delete(f"/api/memories{query}")
            assert answer.status_code == code, answer.text
            assert answer.json().get("deleted", 0) == 0
        assert (await ada.delete("/api/memories?what=everything")).json() == {"deleted": 2}
        assert await house.office.index.search("Ada drinks coffee", user_id="user-ada") == []


async def test_nobody_else_gets_at_it_and_a_viewer_may_delete_their_own(house: House) -> None:
    [secret] = await keep(house, "ada", "Ada is moving to Genoa.")
    [own] = await keep(house, "eve", "Eve reads.")
    async with house.visitor("eve") as eve:
        assert "Genoa" not in (await eve.get("/api/memories")).text + (await eve.get("/memories")).text
        for method in ("GET", "DELETE"):
            assert (await eve.request(method, f"/api/memories/{secret}")).status_code == 404
        assert (await eve.patch(f"/api/memories/{secret}", json={"text": "x"})).status_code == 404
        assert (await eve.post("/memories", data={"do": "forget", "id": secret})).status_code == 404
        refused = await eve.post("/memories", data={"do": "memory", "on": "no"})
        assert (refused.status_code, "viewer" in refused.text) == (403, True)
        assert (await eve.delete(f"/api/memories/{own}")).status_code == 204
    assert len(await Recollections(house.office.database).list("user-ada", Wanted())) == 1


async def test_programs_read_with_one_scope_and_change_with_another(house: House) -> None:
    [fact] = await keep(house, "ada", "Ada sings.")
    async with program(house, (await made(house, "ada", "read"))["key"]) as reading:
        assert (await reading.get("/api/memories")).json()["memories"][0]["text"] == "Ada sings."
        assert (await reading.delete(f"/api/memories/{fact}")).status_code == 403
    async with program(house, (await made(house, "ada", "missions"))["key"]) as working:
        assert (await working.delete("/api/memories?what=everything")).status_code == 403
        assert (await working.delete(f"/api/memories/{fact}")).status_code == 204


async def test_the_page_does_the_same_without_scripts(house: House) -> None:
    tea, script = await keep(house, "ada", "Ada drinks tea.", SCRIPT)
    async with house.visitor("ada") as ada:
        page = (await ada.get("/memories")).text
        assert ("&lt;script&gt;alert(1)" in page, "<script>" in page) == (True, False)
        assert ("Memory is on" in page, "Facts (2)" in page, 'aria-current="page">Memory<' in page) == (
            True,
            True,
            True,
        )
        done = await ada.post("/memories", data={"do": "change", "id": tea, "text": "Ada drinks coffee."})
        assert (done.status_code, done.headers["location"]) == (303, "/memories?did=change")
        assert "Ada drinks coffee." in (await ada.get("/memories?query=coffee")).text
        empty = await ada.post("/memories", data={"do": "change", "id": script, "text": " "})
        assert (empty.status_code, "write what should be remembered" in empty.text) == (400, True)
        unsure = await ada.post("/memories", data={"do": "all"})
        assert (unsure.status_code, "cannot be undone" in unsure.text) == (400, True)
        assert (await ada.post("/memories", data={"do": "?"})).status_code == 400
        assert (await ada.post("/memories", data={"do": "forget", "id": script})).status_code == 303
        assert (await ada.post("/memories", data={"do": "all", "sure": "yes"})).status_code == 303
        page = (await ada.get("/memories?did=all")).text
        assert ("Nothing is remembered of you" in page, "Deleted, all of it." in page) == (True, True)


async def test_memory_is_switched_off_and_on_where_it_is_seen(house: House) -> None:
    async with house.visitor("ada") as ada:
        await ada.post("/memories", data={"do": "memory", "on": "no"})
        page = (await ada.get("/memories")).text
        assert ("Memory is off" in page, (await ada.get("/api/preferences")).json()["memory"]) == (True, False)
        assert (await ada.get("/api/memories")).json()["memory_on"] is False
        await ada.post("/memories", data={"do": "memory", "on": "yes"})
        assert "Memory is on" in (await ada.get("/memories")).text
