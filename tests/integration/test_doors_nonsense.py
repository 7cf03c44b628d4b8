"""Nonsense at every door: bodies that are none, fields of any kind, and addresses nobody can store. Each is answered in words; none
of it is a bug of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from doors_belongings import QUERY, endow, ids_for
from doors_bodies import BODIES, FORM, FORMS
from doors_fixtures import House
from doors_table import DECLARED
from doors_walk import Door, doors
from keys_fixtures import role
from served_fixtures import serve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
BODILESS = [
    b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe{}", b"\x00", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": %d}' % 2**70,
    b'{"goal": "\\ud800"}', b"[" * 5000, b'{"a":' * 500 + b"1" + b"}" * 500,
]  # fmt: skip
VALUES: list[Any] = [
    None, "", "\x00", "\ud800", "x" * 20_000, 2**70, -(2**63), 1.5, True, [], [[]], {}, {"a": {"\x00": 1}}, "\u202e", "ada-mission",
]  # fmt: skip
WORDS = ["%00", "%FF", "%ED%A0%80", "x" * 3000, "..%2F..%2Fetc%2Fpasswd", "9" * 40, "%E2%80%AE", "'%3B--"]
LEAVING = {"POST /logout", "DELETE /api/sessions", "POST /api/me/password", "GET /api/missions/{mission_id}/events"}
"""They end the session of whoever tries, or go on for ever."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house")) as opened:
        await endow(opened)
        await role(opened, "ada", "owner")
        yield opened


def tried(house: House, *, safe: bool) -> list[Door]:
    kinds = {"own", "mine", "house"}
    found = [d for d in doors(house.app) if DECLARED.get(d.name, "own") in kinds and d.name not in LEAVING]
    return [door for door in found if door.safe or not safe]


def place(door: Door) -> dict[str, str]:
    """Fill in a path: with what is ada's, but not with ada herself, who would be put out."""
    return ids_for(door.path) | {"user_id": "user-bob", "person_id": "user-bob"}


def nonsense(door: Door) -> Iterator[tuple[bytes, str]]:
    """Write bodies: none at all, then the right one with each field spoilt in each way."""
    yield from ((body, kind) for body in BODILESS for kind in ("application/json", FORM))
    right = BODIES.get(door.name, {"a": 1})
    for name in right:
        yield from ((json.dumps(right | {name: value}).encode(), "application/json") for value in VALUES)
    for field in FORMS.get(door.name, "kind=x").split("&"):
        yield from ((f"{FORMS.get(door.name, '')}&{field.partition('=')[0]}={word}".encode(), FORM) for word in WORDS)


async def test_no_body_is_a_bug(house: House) -> None:
    wrong = []
    async with house.visitor("ada") as ada:
        for door in tried(house, safe=False):
            if door.safe:
                continue
            for body, kind in nonsense(door):
                url, headers = door.filled(place(door)), {"content-type": kind}
                answer = await ada.request(door.method, url, content=body, headers=headers)
                if answer.status_code >= 500 or answer.status_code == 401:
                    wrong.append(f"{door.name} {kind} {body[:80]!r}: {answer.status_code} {answer.text[:120]}")
    assert not wrong, f"{len(wrong)} of them:\n" + "\n".join(wrong[:40])


async def test_no_address_is_a_bug(house: House) -> None:
    wrong = []
    async with house.visitor("ada") as ada:
        for door in tried(house, safe=True):
            filled = door.filled(place(door))
            paths = [door.filled(dict.fromkeys(door.holes, word)) for word in WORDS] if door.holes else []
            queries = [f"{filled}?{name}={word}" for name in door.query for word in WORDS]
            spoilt = [f"{filled}?{'&'.join(f'{n}={QUERY.get(n, 1)}' for n in door.query)}&x=%00"]
            for url in paths + queries + spoilt:
                answer = await ada.get(url)
                if answer.status_code >= 500:
                    wrong.append(f"{url[:150]}: {answer.status_code} {answer.text[:120]}")
    assert not wrong, f"{len(wrong)} of them:\n" + "\n".join(wrong[:40])
