"""Chainlit's entry file: it loads this as a script, and everything registered here is handed on at once.

`staffwork serve` opens the office around it. For development, `chainlit run chat/app.py -w` works too: then this file opens
the office itself.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import chainlit as cl
from chainlit.config import config

from api.visitors import visitor
from chat import lobby, sockets
from chat.desk import desk, mounted
from chat.development import dress, open_office
from chat.history import History
from chat.login import check_password, sign_out

_open = AsyncExitStack()

sockets.take_over()
# Set as it is: Chainlit's decorator would swallow the words about too many tries.
config.code.password_auth_callback = check_password
config.code.on_logout = sign_out


@cl.data_layer  # type: ignore[untyped-decorator]
def history() -> History:
    """Answer Chainlit's questions from our own memory."""
    return History()


@cl.set_starters  # type: ignore[untyped-decorator]
async def starters(user: Any, language: str | None) -> list[cl.Starter]:
    """Offer goals to begin with, fitting to what the person may do."""
    person = visitor.get()
    offered = lobby.starters(desk().office.connections.now.latest, person.role) if person else []
    return [cl.Starter(label=label, message=goal) for label, goal in offered]


@cl.on_chat_resume  # type: ignore[untyped-decorator]
async def resume(thread: Any) -> None:
    """Tell Chainlit that conversations can be opened again; `sockets.connected` does it."""


@cl.on_message  # type: ignore[untyped-decorator]
async def take(message: Any) -> None:
    """Tell Chainlit that messages are taken; `sockets.message` takes them."""


if not mounted():
    dress()


@cl.on_app_startup  # type: ignore[untyped-decorator]
async def start() -> None:
    """Open the office, for development only: a mounted chat is never told to start."""
    await open_office(_open)


@cl.on_app_shutdown  # type: ignore[untyped-decorator]
async def end() -> None:
    """Close the office again."""
    await _open.aclose()
