"""What is wrong with a request is said in plain words on every door, in the same way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from doors_fixtures import House
from doors_walk import doors
from people_fixtures import add
from served_fixtures import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")
OF_A_MACHINE = ("JSON decode", "valid dictionary", "unable to parse", "valid integer", "Traceback", "pydantic")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house")) as opened:
        for name in ("admin", "member", "viewer"):
            await add(opened, name, name)
        yield opened


@pytest.mark.parametrize("who", ["admin", "member", "viewer"])
async def test_no_refusal_of_our_routes_is_in_the_words_of_a_machine(house: House, who: str) -> None:
    wrong, said = [], set()
    async with house.visitor(who) as client:
        for door in doors(house.app):
            if not door.path.startswith(("/api/", "/steer/", "/queued/", "/memories", "/keys")):
                continue
            path = door.filled(dict.fromkeys(door.holes, "nothing-here"))
            tries = [b"{}", b"{nonsense", b"[1]", b"kind=nonsense"] if not door.safe else [b""]
            if door.name != "DELETE /api/sessions":  # which ends this one
                for body in tries:
                    kind = {"content-type": "application/json"} if body else {}
                    answer = await client.request(door.method, path, content=body, headers=kind)
                    words = answer.text if answer.is_error else ""
                    said.add(words)
                    if any(phrase in words for phrase in OF_A_MACHINE) or answer.status_code >= 500:
                        wrong.append(f"{door.name} {body!r}: {words[:200]}")
            for name in door.query:
                answer = await client.request(door.method, f"{path}?{name}=not%20a%20number")
                if answer.is_error and any(phrase in answer.text for phrase in OF_A_MACHINE):
                    wrong.append(f"{door.name}?{name}: {answer.text[:200]}")
    assert wrong == []
    assert len(said) > 20


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "words"),
    [
        ("POST", "/api/projects", b"{nonsense", 400, "This is no JSON"),
        ("POST", "/api/projects", b"[1]", 400, "Send one JSON object"),
        ("PATCH", "/api/conversations/x", b"", 400, "Send one JSON object"),
        ("GET", "/api/missions?limit=many", b"", 422, "limit: it must be a whole number."),
        ("GET", "/conversations?before=soon", b"", 422, "before: it must be a date and time"),
        ("DELETE", "/api/memories", b"", 422, "what: say what to delete: everything, fact or said."),
        ("PUT", "/api/credentials/nobody", b"{}", 400, "compatible, search."),
        ("POST", "/keys", b"kind=nonsense", 400, "This form is not known here"),
    ],
)
async def test_it_names_what_is_wrong_and_the_way_out(
    house: House, method: str, path: str, body: bytes, code: int, words: str
) -> None:
    async with house.visitor("admin") as admin:
        kind = {"content-type": "application/json"} if body[:1] in (b"{", b"[") else {}
        answer = await admin.request(method, path, content=body, headers=kind)
        assert (answer.status_code, words in answer.text) == (code, True), answer.text[:300]
