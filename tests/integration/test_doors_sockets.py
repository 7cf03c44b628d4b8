"""Every event of the live connection, and everybody who has no business with it: the ones we offer, with ids of somebody else, and
the ones we do not offer. The events are found by looking, so a new one of the chat's framework is named here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import socketio
from doors_belongings import IDS, WORD, attach, belongings, endow
from doors_bodies import ARTIFACT, CONVERSATION, MISSION
from doors_fixtures import House, Tab
from people_fixtures import ROLES, one_of_each
from served_fixtures import serve

from chat.sockets import ignore

pytestmark = pytest.mark.asyncio(loop_scope="module")
OFFERED = {"connect", "connection_successful", "disconnect", "client_message", "window_message", "clear_session"}
"""What the browser may say; `clear_session` says that a tab's own session will not come back."""
ENDING = {"connect", "disconnect"}
"""They begin and end a connection; see the tests below."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house")) as opened:
        await one_of_each(opened)
        await endow(opened)
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(house: House) -> AsyncIterator[Tab]:
    async with house.visitor("ada") as client, house.tab(client, CONVERSATION) as tab:
        await tab.until(lambda tab: any(name == "resume_thread" for name, _ in tab.events))
        await attach(tab)
        yield tab


def handlers() -> dict[str, Any]:
    from chainlit.server import sio

    assert set(sio.handlers) == {"/"}
    assert sio.namespace_handlers == {}
    found: dict[str, Any] = sio.handlers["/"]
    return found


def hostile(ada: Tab) -> list[dict[str, Any]]:
    """Say the same thing with every id of ada's in every place where the page has one."""
    ids = {
        "threadId": CONVERSATION,
        "thread_id": CONVERSATION,
        "sessionId": ada.session_id,
        "userId": "user-ada",
        "talkTo": [CONVERSATION],
    }
    messages = ({"id": i, "parentId": MISSION, "output": "Mine now", **ids} for i in ("ada-message", MISSION, ARTIFACT))
    return [{"message": message, "fileReferences": [{"id": IDS["file"]}], **ids} for message in messages]


async def test_every_event_is_offered_or_does_nothing(house: House) -> None:
    found = handlers()
    assert found.keys() >= OFFERED
    unknown = {name for name, handler in found.items() if name not in OFFERED and handler is not ignore}
    assert unknown == set(), "say in chat/sockets.py that nothing is done, or who may do it, and add it here"
    await ignore("nobody", {"message": {"id": "ada-message"}})


@pytest.mark.parametrize("role", ROLES)
async def test_with_anothers_ids_no_event_shows_or_changes_anything(house: House, ada: Tab, role: str) -> None:
    before, heard = await belongings(house), len(ada.events)
    async with house.visitor(role) as client, house.tab(client, CONVERSATION) as tab:
        await tab.until(lambda tab: ("resume_thread_error", "There is no such conversation.") in tab.events)
        for name in sorted(handlers().keys() - ENDING - {"clear_session"}):
            for said in hostile(ada):
                await tab.socket.emit(name, said) if name != "connection_successful" else await tab.socket.emit(name)
        await tab.say("Say hello")
        await tab.until(
            lambda tab: "Hello" in tab.answer["output"] or "Your role here is viewer" in tab.answer["output"]
        )
        await tab.socket.emit("clear_session")
        assert WORD not in str(tab.events)
        assert CONVERSATION not in {line["threadId"] for line in tab.lines.values() if "threadId" in line}
    assert await belongings(house) == before
    assert ada.events[heard:] == []
    assert ada.socket.connected


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_takes_over_the_tab_of_somebody_else(house: House, ada: Tab, role: str) -> None:
    async with house.visitor(role) as client:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await Tab(client, session_id=ada.session_id).open(house.url)
    assert ada.socket.connected


@pytest.mark.parametrize("headers", [{}, {"cookie": "access_token=x.y.z"}, {"authorization": "Bearer sw_" + "x" * 43}])
async def test_without_a_login_there_is_no_connection(house: House, ada: Tab, headers: dict[str, str]) -> None:
    for transport in ("websocket", "polling"):
        socket = socketio.AsyncClient(reconnection=False)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await socket.connect(
                house.url,
                socketio_path="/ws/socket.io",
                transports=[transport],
                headers={"origin": house.url, **headers},
                auth={"sessionId": ada.session_id, "clientType": "webapp", "threadId": CONVERSATION},
            )


async def test_another_site_gets_no_connection_with_adas_own_cookie(house: House, ada: Tab) -> None:
    for transport in ("websocket", "polling"):
        socket = socketio.AsyncClient(reconnection=False)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await socket.connect(
                house.url,
                socketio_path="/ws/socket.io",
                transports=[transport],
                headers={"origin": "https://evil.example", "cookie": ada.client.headers["cookie"]},
                auth={"sessionId": "evil", "clientType": "webapp"},
            )
