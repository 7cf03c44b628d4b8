"""The server: our application with Chainlit mounted in it, and the guard around both."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from api.app import answer_in_words, answer_unfitting, answer_with_id, build_app
from api.assets import Assets
from api.doorkeeper import Doorkeeper
from api.furnishing import knows, tidy
from api.guard import Guard, Rules
from api.lost import Lost
from api.second_factor_login import SecondStep, answer_second_step
from api.visitors import present
from chat.desk import clear_away, desk, mounted, set_up
from chat.entering import offer_ways_in, recognise_key, ways_in
from chat.lighter import spare_literalai
from chat.login import cookie_name, entrance, forget_session, name_cookie, recognise, session_key, sign_in, whose
from chat.photograph import photograph
from chat.steering import Click, requeue, steer
from core.errors import BadInput, StaffworkError
from core.settings import Settings
from graphs.keeping import hearing
from graphs.leaving import leaving
from graphs.noticing import notice_changes
from graphs.temporary import ending

if TYPE_CHECKING:
    from graphs.office import Office

PROJECT = Path(__file__).resolve().parent.parent
ENTRY = PROJECT / "chat" / "app.py"
_DRAIN_SECONDS = 5

OfficeOpener = Callable[[Settings], AbstractAsyncContextManager[Any]]

router = APIRouter()


def create_app(settings: Settings, office: OfficeOpener | None = None) -> FastAPI:
    """Make the application; `office` (default: the real one) is opened when the server starts and closed when it stops."""
    prepare(settings)
    open_office, doorkeeper = office or _real_office, Doorkeeper()

    @asynccontextmanager
    async def opening(app: FastAPI) -> AsyncIterator[Any]:
        async with open_office(settings) as opened:
            set_up(opened)
            if await opened.people.count() == 0:
                app.state.setup_path = f"/setup?token={await opened.people.new_setup_token()}"
            try:
                async with doorkeeper.on_duty(opened), leaving(opened), ending(opened):
                    await notice_changes(opened)
                    with hearing(opened):
                        yield opened
            finally:
                await clear_away()

    app = build_app(opening)
    app.state.photograph = photograph
    app.state.sign_in, app.state.forget_session = sign_in, forget_session
    app.include_router(router)
    app.mount("/assets", Assets(_page_files(), settings.data_dir / "cache" / "assets"))
    app.add_middleware(Guard, rules=rules(settings, doorkeeper))
    mount(app, settings)
    return app


def _page_files() -> Path:
    """Find the files of Chainlit's page without importing it, which takes its time."""
    spec = find_spec("chainlit")
    return Path(str(spec and spec.origin)).parent / "frontend" / "dist" / "assets"


def _real_office(settings: Settings) -> AbstractAsyncContextManager[Any]:
    from graphs.office import Office

    return Office.open(settings, at_work=settings.work_here, keep_schedules=True)


def prepare(settings: Settings) -> None:
    """Give Chainlit a folder it may write to, with our pages in it, and the key it signs sessions with.

    It makes folders beside its configuration while it is imported; the project itself may be read-only.
    """
    spare_literalai()
    logging.getLogger("chainlit").setLevel(logging.WARNING)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)  # before anything in it makes it for everybody
    root = settings.data_dir.resolve() / "chainlit"
    shutil.rmtree(root, ignore_errors=True)
    for folder in (".chainlit", "public"):
        shutil.copytree(PROJECT / folder, root / folder, copy_function=shutil.copyfile)
    for name in ("chainlit.md", "chainlit_en-US.md"):  # it looks for both
        shutil.copyfile(PROJECT / "chainlit.md", root / name)
    os.environ["CHAINLIT_APP_ROOT"] = str(root)
    os.environ["CHAINLIT_AUTH_SECRET"] = session_key(settings.data_dir)


def rules(settings: Settings, doorkeeper: Doorkeeper | None = None) -> Rules:
    """Tell the guard what it must know."""
    return Rules(
        recognise,
        entrance,
        tidy,
        settings.upload_max_mb * 1024 * 1024,
        settings.public_url,
        cookie_name(settings.public_url),
        doorkeeper or Doorkeeper(),
        recognise_key=recognise_key,
        whose=whose,
    )


def mount(app: FastAPI, settings: Settings) -> None:
    """Put Chainlit behind our own routes; its entry file registers our handlers."""
    from chainlit.config import config, load_module
    from chainlit.server import app as chainlit_app
    from chainlit.server import router as its_routes

    mounted(now=True)
    load_module(str(ENTRY))
    limit_uploads(settings)
    name_cookie(settings.public_url, settings.session_days)
    offer_ways_in(settings)
    config.run.module_name = str(ENTRY)
    for kind in (StaffworkError, PermissionError):
        chainlit_app.exception_handlers.setdefault(kind, answer_in_words)
    chainlit_app.exception_handlers.setdefault(SecondStep, answer_second_step)
    chainlit_app.exception_handlers.setdefault(Exception, answer_with_id)
    # In place of the framework's own, which repeats what was sent and cannot write all of it.
    chainlit_app.exception_handlers[RequestValidationError] = answer_unfitting
    app.mount("/", Lost(chainlit_app, knows(its_routes.routes)))


def limit_uploads(settings: Settings) -> None:
    """Let the page know how large files may be."""
    from chainlit.config import config

    config.features.spontaneous_file_upload.max_size_mb = settings.upload_max_mb
    config.features.spontaneous_file_upload.max_files = settings.upload_max_files


@router.get("/auth/config")
async def login_config(request: Request) -> dict[str, Any]:
    """Tell the login page how one can log in; in place of Chainlit's own route."""
    return ways_in(request.app.state.office.settings)


@router.post("/project/file")
async def upload(request: Request, session_id: str) -> dict[str, str]:
    """Take a file that will go with the next message; Chainlit's own route would read it into memory at once."""
    from chat.uploads import admit, take_upload

    user_id, announced = present().user_id, request.headers.get("content-length", "")
    office: Office = request.app.state.office
    await admit(office, session_id, user_id, int(announced) if announced.isdigit() else 0)  # before the body is read
    try:
        async with request.form(max_files=1, max_fields=4) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise BadInput("No file came with this. Choose one and try again.")
            mime, name = file.content_type or "application/octet-stream", file.filename or "file"
            return {"id": await take_upload(session_id, user_id, name, mime, file.file)}
    except ClientDisconnect:  # or the guard has cut it off, and said why
        raise BadInput("The file did not arrive whole. Add it again.") from None


@router.get("/files/tasks/{mission_id}")
async def tasks(request: Request, mission_id: str) -> dict[str, object]:
    """List a mission's tasks for the task list beside the chat."""
    from chat.rendering import picture_of
    from chat.wire import task_list

    office: Office = request.app.state.office
    await office.missions.get(mission_id, present().user_id)
    return task_list(picture_of(mission_id, "", await office.journal.read(mission_id)))


@router.post("/steer/{mission_id}")
async def order(mission_id: str, click: Click) -> dict[str, str]:
    """Take a click on one of the buttons above the composer: an order to a mission."""
    await steer(desk(), mission_id, click, present().user_id)
    return {"mission": mission_id}


@router.post("/queued/{mission_id}/{what}")
async def queued(mission_id: str, what: str) -> dict[str, str]:
    """Do something with a message that waits its turn: `use` it now, `move` it to a new conversation, `remove` it."""
    return {"conversation": await requeue(desk(), mission_id, what, present().user_id)}


class _Server(uvicorn.Server):
    """Says where it is reached as soon as it is."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=sockets)
        if not self.started:
            return
        app: Any = self.config.app
        port = self.servers[0].sockets[0].getsockname()[1]
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        address = app.state.public_url or f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{port}"  # noqa: S104
        print(f"Staffwork is ready: {address}", flush=True)
        if path := getattr(app.state, "setup_path", ""):
            print(f"First start: create the owner's account at {address}{path}", flush=True)


def configured(app: FastAPI, settings: Settings, host: str | None = None, port: int | None = None) -> uvicorn.Config:
    """Configure the server around the application."""
    return uvicorn.Config(
        app,
        host=host or settings.host,
        port=settings.port if port is None else port,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=8 * 1024 * 1024,
        proxy_headers=bool(settings.public_url),
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        lifespan="on",
    )


def serve(settings: Settings, host: str | None = None, port: int | None = None) -> None:
    """Serve until stopped; raises Misconfigured or another StaffworkError if the office cannot open."""
    app = create_app(settings)
    app.state.public_url = settings.public_url.rstrip("/")
    server = _Server(configured(app, settings, host, port))
    server.run()
    if problem := getattr(app.state, "problem", None):
        raise problem
