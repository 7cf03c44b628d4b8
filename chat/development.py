"""What `chainlit run chat/app.py -w` needs that `staffwork serve` does itself: the guard, our routes, and the office."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from typing import Any

from api.app import ROUTERS
from api.guard import Guard
from chat.desk import clear_away, set_up
from chat.login import name_cookie, session_key
from chat.server import limit_uploads, router, rules
from core.settings import load


def dress() -> None:
    """Put our routes before Chainlit's and the guard around them; not again when the script is loaded anew."""
    from chainlit.server import app

    settings = load()
    os.environ["CHAINLIT_AUTH_SECRET"] = session_key(settings.data_dir)
    limit_uploads(settings)
    name_cookie(settings.public_url, settings.session_days)
    if getattr(app.state, "dressed", False):
        if office := getattr(app.state, "office", None):
            set_up(office)  # Chainlit has loaded our modules anew, and the new ones do not know it yet
        return
    app.state.dressed = True
    theirs = list(app.router.routes)
    for part in (*ROUTERS, router):
        app.include_router(part)
    ours = [route for route in app.router.routes if route not in theirs]
    app.router.routes[:] = [*ours, *theirs]
    app.add_middleware(Guard, rules=rules(settings))


async def open_office(stack: AsyncExitStack) -> Any:
    """Open the office for as long as Chainlit runs; prints the set-up address if there is no owner yet."""
    from chainlit.server import app

    from graphs.office import Office

    office = await stack.enter_async_context(Office.open(load()))
    app.state.office = office
    set_up(office)
    stack.push_async_callback(clear_away)
    if await office.people.count() == 0:
        print(f"First start: create the owner's account at /setup?token={await office.people.new_setup_token()}")
    return office
