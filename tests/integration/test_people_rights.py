"""Rights: each role gets as far as it goes, at every route, and nobody further."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from doors_fixtures import House, open_house
from people_fixtures import one_of_each, signed_in

from api.app import ROUTERS
from api.rights import needed
from core.steering import RIGHTS, Right, may

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROLES = tuple(RIGHTS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        await one_of_each(opened)
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


CALLS: list[tuple[str, str, object]] = [
    ("GET", "/people", None), ("POST", "/people", "kind=x"), ("GET", "/people/user-member", None),
    ("POST", "/people/user-member", "kind=x"), ("GET", "/audit", None), ("GET", "/api/audit", None), ("GET", "/api/people", None),
    ("POST", "/api/people/invitations", {"role": "king"}), ("DELETE", "/api/people/invitations/x", None),
    ("GET", "/api/people/user-member", None), ("PATCH", "/api/people/user-member", {}),
    ("DELETE", "/api/people/nobody", None), ("POST", "/api/people/nobody/reset", None),
    ("DELETE", "/api/people/nobody/sessions", None),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_people_and_the_audit_log_are_for_owners_and_admins(
    house: House, stack: AsyncExitStack, method: str, path: str, body: object
) -> None:
    given = {"data": body} if isinstance(body, str) else {"json": body} if body is not None else {}
    sent = (
        given | {"headers": {"content-type": "application/x-www-form-urlencoded"}} if isinstance(body, str) else given
    )
    if "data" in sent:
        sent["content"] = sent.pop("data")
    for role in ROLES:
        [client] = await signed_in(house, stack, role)
        answer = await client.request(method, path, **sent)  # type: ignore[arg-type]
        if may(role, Right.PEOPLE):
            assert answer.status_code not in (401, 403), (role, answer.text)
        else:
            assert answer.status_code == 403, (role, answer.text)
            assert f"Your role here is {role}; this needs owner or admin" in answer.json()["detail"]
            page = (
                await client.request(method, path, **sent, headers={"accept": "text/html"}) if body is None else answer
            )  # type: ignore[arg-type]
            assert "needs owner or admin" in page.text
    async with house.visitor() as nobody:
        assert (await nobody.request(method, path, **sent)).status_code == 401  # type: ignore[arg-type]


WORK = [
    ("POST", "/api/missions", {"goal": "x"}), ("POST", "/api/missions/x/orders", {"kind": "pause"}),
    ("POST", "/api/missions/x/branch", {}), ("POST", "/api/approvals/x", {"decision": "once"}), ("POST", "/inbox", None),
    ("POST", "/api/schedules", {}), ("PATCH", "/api/schedules/x", {}), ("DELETE", "/api/schedules/x", None),
    ("POST", "/api/schedules/x/run", None), ("POST", "/project/file?session_id=x", None), ("POST", "/steer/x", {}),
    ("POST", "/queued/x/use", None), ("POST", "/api/conversations/x/shares", {}), ("GET", "/shares/new?conversation=x", None),
    ("PATCH", "/api/shares/x", {}), ("DELETE", "/api/approvals/rules/x", None), ("PUT", "/feedback", {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body"), WORK)
async def test_a_viewer_reads_and_starts_nothing(
    house: House, stack: AsyncExitStack, method: str, path: str, body: object
) -> None:
    viewer, member = await signed_in(house, stack, "viewer", "member")
    sent = {} if body is None else {"json": body}
    answer = await viewer.request(method, path, **sent)  # type: ignore[arg-type]
    assert answer.status_code == 403
    assert "Your role here is viewer; this needs owner, admin or member" in answer.json()["detail"]
    assert (await member.request(method, path, **sent)).status_code != 403  # type: ignore[arg-type]


async def test_a_viewer_may_look_at_what_is_theirs(house: House, stack: AsyncExitStack) -> None:
    [viewer] = await signed_in(house, stack, "viewer")
    for path in ("/me", "/api/me", "/api/sessions", "/user", "/api/missions", "/inbox", "/api/approvals", "/"):
        assert (await viewer.get(path)).status_code == 200, path
    assert (await viewer.post("/project/threads", json={"pagination": {"first": 1}, "filter": {}})).status_code == 200


async def test_every_route_that_changes_something_needs_more_than_reading_unless_it_is_listed() -> None:
    """A new route cannot be forgotten: whoever adds one either leaves it to members, or puts it into the table."""
    listed = {
        "/s/{token}", "/s/{token}/copy", "/s/{rest:path}", "/setup", "/me", "/join/{token}", "/reset/{token}",
        "/api/me/password", "/api/sessions", "/api/sessions/{session_id}", "/api/shares/{share_id}", "/me/second-factor",
        "/keys", "/api/keys/{key_id}", "/project/thread",  # one may revoke and delete what is one's own
        "/conversations", "/api/conversations/{conversation_id}", "/api/conversations/{conversation_id}/seen",
        "/api/conversations/changes", "/api/projects", "/api/projects/{project_id}",  # and keep one's own in order
        "/memories", "/api/memories", "/api/memories/{memory_id}",  # and what the house remembers of oneself
    }  # fmt: skip
    elsewhere = ("/auth/", "/second-factor")  # before anybody is signed in; see their own tests
    found = set()
    for route in (route for router in ROUTERS for route in router.routes):
        path, methods = route.path, route.methods  # type: ignore[attr-defined]
        for method in set(methods) - {"GET", "HEAD", "OPTIONS"}:
            if needed(method, path) is Right.READ and not path.startswith(elsewhere):
                found.add(path)
    assert found <= listed, sorted(found - listed)


def unsafe_routes() -> list[tuple[str, str]]:
    """List every route of ours that changes something, with any id in its path."""
    found = set()
    for route in (route for router in ROUTERS for route in router.routes):
        path = re.sub(r"\{[^}]+\}", "x", route.path)  # type: ignore[attr-defined]
        methods = set(route.methods) - {"GET", "HEAD", "OPTIONS"}  # type: ignore[attr-defined]
        found |= {(method, path) for method in methods if needed(method, path) is not Right.READ}
    return sorted(found)


async def test_a_viewer_is_refused_at_every_route_that_changes_something(house: House, stack: AsyncExitStack) -> None:
    [viewer] = await signed_in(house, stack, "viewer")
    routes = unsafe_routes()
    assert len(routes) > 30
    open_without_login = ("/auth/", "/second-factor")
    for method, path in routes:
        if not path.startswith(open_without_login):
            answer = await viewer.request(method, path, json={})
            assert answer.status_code == 403, (method, path, answer.text)
            assert "Your role here is viewer" in answer.json()["detail"], (method, path)
