"""The browser's live connection: our own answers to its events, in place of Chainlit's.

Chainlit's own ones bind a turn to one socket, write without waiting, and keep every message of every session for ever
(`chat_context`); ours hand over to the conversation and follow the missions.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from chainlit.server import sio
from chainlit.session import WebsocketSession
from chainlit.socket import connect as chainlit_connect
from chainlit.socket import disconnect as chainlit_disconnect

from api.visitors import Visitor, allowed, visitor
from chat import choosing, scheduling
from chat.audience import list_anew
from chat.commands import Said, carried_out
from chat.conversation import converse, in_words
from chat.desk import desk
from chat.history import described
from chat.incoming import GivenFile, Incoming
from chat.picture import Line
from chat.showing import earlier, shown_from, tell_shown
from chat.uploads import choose_use
from chat.window import Talk
from chat.wire import as_step
from core.errors import NotFound, Refused
from core.missions import derived_id, new_id, now
from core.steering import Right

LARGEST_MESSAGE = 4 * 1024 * 1024  # bytes; the library's own limit cuts the connection without a word


def take_over() -> None:
    """Answer the browser's events ourselves from now on."""
    sio.eio.max_http_buffer_size = LARGEST_MESSAGE
    own = {
        "connect": connect,
        "connection_successful": connected,
        "disconnect": disconnect,
        "client_message": message,
        "window_message": page_said,
    }
    for name, handler in own.items():
        sio.on(name, handler)
    for name in ("stop", "edit_message", "message_favorite", "fetch_favorites", "chat_settings_change", "chat_settings_edit",
                 "audio_start", "audio_chunk", "audio_end"):  # fmt: skip
        sio.on(name, ignore)


async def connect(sid: str, environ: dict[str, Any], auth: dict[str, Any]) -> Any:
    """Let a browser in; which conversation it may look at is decided when it has connected."""
    wanted = auth.get("threadId") or ""
    accepted = await chainlit_connect(sid, environ, {**auth, "threadId": None, "chatProfile": None})
    session = WebsocketSession.get(sid)
    if wanted and session is not None and not session.restored:
        session.thread_id_to_resume = wanted
    return accepted


async def connected(sid: str) -> None:
    """Show the conversation as it stands, then follow what is at work in it."""
    session, person = WebsocketSession.require(sid), _person()
    await session.emit("task_end", {})  # never begun here: it would block the composer; see public/steering.js
    await session.emit("clear_ask", {})
    await session.emit("window_message", {"steering": None})  # what the page knew may be long past
    wanted = session.thread_id_to_resume or (session.thread_id if session.has_first_interaction else None)
    shown_open = await desk().audience.open_in(wanted) if wanted else frozenset()
    if wanted:
        await _show(session, wanted, person, shown_open)
    await session.emit("window_message", {"choosing": await choosing.view(desk(), session, person.user_id)})
    await desk().audience.join(session, person.user_id, shown_open)


async def _show(session: Any, conversation_id: str, person: Visitor, followed: frozenset[str]) -> None:
    """Show a whole conversation; one that is not this person's leaves the browser with an empty one of its own."""
    session.thread_id_to_resume = None
    try:
        thread = await described(conversation_id, person.user_id, person.name)
        talk = await Talk.open(conversation_id, person.user_id)
        part = await talk.first(shown_from(session, conversation_id), followed)
    except NotFound:
        await session.emit("resume_thread_error", "There is no such conversation.")
        return
    session.thread_id, session.has_first_interaction = conversation_id, True
    await session.emit("first_interaction", {"interaction": "resume", "thread_id": conversation_id})
    await session.emit("resume_thread", thread | {"steps": part.steps, "elements": part.elements})
    await tell_shown(session, part.oldest, part.left)


async def disconnect(sid: str) -> None:
    """Stop following; the missions go on."""
    session = WebsocketSession.get(sid)
    if session is not None:
        await desk().audience.leave(session.id)
    await chainlit_disconnect(sid)


async def message(sid: str, payload: dict[str, Any]) -> None:
    """Take a message: it is stored before anything else is shown for it."""
    session = WebsocketSession.require(sid)
    sent = payload["message"]
    try:
        async with choosing.in_turn(session):
            person = await _still_welcome()
        files = [_given(session, ref) for ref in payload.get("fileReferences") or () if ref.get("id") in session.files]
        text = desk().office.masked(str(sent.get("output") or ""))
        incoming = Incoming(str(sent["id"]), session.thread_id, person.user_id, text, files, choosing.chosen(session))
        incoming = replace(incoming, zone=scheduling.zone_of(session))
        answer = await carried_out(desk(), incoming)
        if isinstance(answer, Said):
            await session.emit("delete_message", {"id": incoming.id})  # a command is no part of the conversation
            await session.emit("window_message", {"said": asdict(answer)})
            return
        incoming = answer
        taken = await converse(desk(), incoming)
    except Exception as problem:  # the border of one request
        await _complain(session, in_words(problem))
        return
    if taken.replied:  # the mission's own line takes its place
        await session.emit("delete_message", {"id": incoming.id})
    if not session.has_first_interaction:
        session.has_first_interaction = True
        await session.emit("first_interaction", {"interaction": incoming.text, "thread_id": session.thread_id})
        await session.emit("window_message", {"conversation": session.thread_id})  # see public/staffwork.js
        await tell_shown(session, taken.mission_id, 0)
    for file in files:
        file.path.unlink(missing_ok=True)  # it stands in our store now


async def page_said(sid: str, told: Any = None) -> None:
    """Take what our own page says beside messages: whom to talk to, how a file is used, what else to show; nothing else."""
    session = WebsocketSession.get(sid)
    if session is None or not isinstance(told, dict):
        return
    try:
        if isinstance(told.get("talkTo"), list):
            async with choosing.in_turn(session):
                await _talk_to(session, told["talkTo"])
        elif "useOf" in told or "zone" in told:
            _noted(session, told)  # before anything is waited for: the message may follow at once
        elif told.get("titles") is True and session.has_first_interaction:
            await list_anew(session)
        elif isinstance(told.get("earlier"), str) or isinstance(told.get("place"), list):
            await earlier(session, await _still_here(), told)
    except Exception as problem:  # the border of one request
        await _complain(session, in_words(problem))


def _noted(session: Any, told: dict[str, Any]) -> None:
    if "useOf" in told:
        choose_use(session, told["useOf"])
    else:
        scheduling.keep_zone(session, told["zone"])


async def _talk_to(session: Any, names: list[Any]) -> None:
    """Have what is said from here on go to these."""
    person = await _still_welcome()
    await choosing.choose(desk(), session, person.user_id, names)
    for one in {session, *desk().audience.together(session.thread_id, person.user_id)}:  # other tabs show it, too
        await one.emit("window_message", {"choosing": await choosing.view(desk(), one, person.user_id)})


async def ignore(sid: str, *_: Any) -> None:
    """Do nothing: we do not offer this."""


def _given(session: Any, reference: dict[str, Any]) -> GivenFile:
    file = session.files[reference["id"]]
    return GivenFile(str(file["name"]), str(file["type"]), file["path"], str(file.get("use", "")))


def _person() -> Visitor:
    person = visitor.get()
    if person is None:
        raise Refused("Please log in again.")
    return person


async def _still_welcome() -> Visitor:
    """Return the person of this connection, if they may still be here and give missions."""
    await _still_here()
    return allowed(Right.WORK)


async def _still_here() -> Visitor:
    """Return the person of this connection, if they are still logged in: it can outlive its session."""
    person = _person()
    if not await desk().office.sessions.used(person.session_id):
        raise Refused("Please log in again.")
    return person


async def _complain(session: Any, words: str) -> None:
    """Show in one browser what went wrong with its message; nothing of it is stored."""
    at = now()
    line = Line(derived_id(session.id, new_id()), None, "assistant_message", "Staffwork", at, "", at, words, "", True)
    await session.emit("new_message", as_step(line, session.thread_id))
