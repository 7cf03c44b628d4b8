"""Our REST API against its own description: whatever is sent, it answers in the shapes it declares, and never with a bug.

schemathesis writes the requests, from the description of the running app, with real ids of the person who asks among them. The
examples are the same each time.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from doors_belongings import QUERY, endow, ids_for
from doors_bodies import BODIES
from doors_fixtures import PASSWORD, House
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from keys_fixtures import role
from schemathesis import GenerationMode
from schemathesis.checks import content_type_conformance, not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance
from served_fixtures import serve

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SAME = settings(
    max_examples=10, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
"""The same examples in each run, so many of each operation, whatever the machine has to do beside it."""
ENDLESS = {"/api/missions/{mission_id}/events"}
"""A stream of events goes on as long as its mission; see test_mission_events_api.py."""
ENDING = {"/api/sessions/{session_id}", "/api/sessions", "/api/me/password"}
"""They would end the session of whoever tries all this; see test_people_doors.py."""

OTHERS = {"user_id": "user-bob", "person_id": "user-bob"}
"""Whom the owner may do anything to; done to herself, some of it would end her session."""


@contextmanager
def served(folder: Path) -> Iterator[tuple[Any, str]]:
    """Serve from a thread of its own, for requests are sent from this one; yields the app and its address."""
    ready, over = threading.Event(), threading.Event()
    found: list[House] = []

    async def house() -> None:
        try:
            async with serve(folder) as opened:
                await endow(opened)
                await role(opened, "ada", "owner")
                found.append(opened)
                ready.set()
                await asyncio.to_thread(over.wait)
        finally:
            ready.set()

    thread = threading.Thread(target=lambda: asyncio.run(house()))
    thread.start()
    try:
        assert ready.wait(60)
        assert found, "the house did not open"
        yield found[0].app, found[0].url
    finally:
        over.set()
        thread.join(60)


def described(app: Any) -> dict[str, Any]:
    """Describe the API as the app does, and beside it what it reads by itself: ids that are there, and bodies."""
    schema: dict[str, Any] = app.openapi()
    paths = {p: o for p, o in schema["paths"].items() if p.startswith("/api/") and p not in ENDLESS | ENDING}
    for path, operations in paths.items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                name = parameter["name"]
                known = {"const": (ids_for(path) | OTHERS).get(name)}
                if parameter["in"] == "path":
                    parameter["schema"] = known
                elif name in QUERY:
                    parameter["schema"] = {"anyOf": [{"const": QUERY[name]}, parameter["schema"]]}
            if method in ("post", "put", "patch") and "requestBody" not in operation:
                operation["requestBody"] = body(BODIES.get(f"{method.upper()} {path}", {}))
    return schema | {"paths": paths}


def body(right: dict[str, Any]) -> dict[str, Any]:
    """Describe a body: the right one, or one with anything at all in its fields."""
    anything = {"type": "object", "properties": {name: {} for name in right}}
    return {"content": {"application/json": {"schema": {"anyOf": [{"const": right}, anything]}}}}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str], str]]:
    with served(tmp_path_factory.mktemp("house")) as (app, url):
        answer = httpx.post(f"{url}/login", data={"username": "ada", "password": PASSWORD}, headers={"origin": url})
        headers = {"cookie": answer.headers["set-cookie"].split(";")[0], "origin": url}
        yield schemathesis.openapi.from_dict(described(app)), headers, url


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_sent_is_answered_as_described(api: tuple[Any, dict[str, str], str], mode: GenerationMode) -> None:
    schema, headers, url = api
    wrong, seen = dict[str, str](), Counter[int]()
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 60
    for operation in operations:
        try:
            tried(operation, mode, headers, url, seen)
        except Unsatisfiable:
            continue  # it takes nothing that could be wrong
        except (Exception, BaseExceptionGroup) as problem:
            wrong[operation.label] = in_words(problem)
    assert not wrong, "\n\n".join(f"{name}: {words}" for name, words in wrong.items())
    assert seen[401] == 0  # all of it was asked by somebody who is logged in
    assert sum(seen[code] for code in (200, 201, 202, 204)) > (80 if mode is GenerationMode.POSITIVE else 0), seen


def tried(operation: Any, mode: GenerationMode, headers: dict[str, str], url: str, seen: Counter[int]) -> None:
    """Send one operation everything that comes to mind."""

    @SAME
    @given(case=operation.as_strategy(generation_mode=mode))
    def every(case: Any) -> None:
        answer = case.call(base_url=url, headers=headers, timeout=30)
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    every()


def in_words(problem: BaseException) -> str:
    """Say what was wrong, of everything that was."""
    if isinstance(problem, BaseExceptionGroup):
        return "\n".join(in_words(inner) for inner in problem.exceptions)
    return f"{type(problem).__name__}: {problem}"[:900]
