"""The web application of the house, before the chat is mounted in it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from api import (
    account,
    account_page,
    approvals,
    artifact_frames,
    artifacts,
    artifacts_page,
    audit,
    branches,
    contexts,
    contexts_page,
    conversations,
    described,
    exports,
    exports_page,
    feedback,
    file_views,
    files,
    files_page,
    first_start,
    health,
    identities_page,
    inbox,
    joining,
    keys,
    keys_page,
    masthead,
    memories,
    memories_page,
    mission_events,
    missions,
    models,
    models_page,
    news,
    oidc,
    opinions,
    people,
    people_page,
    preferences,
    preferences_page,
    receiving,
    returning,
    schedules,
    schedules_page,
    search_page,
    searching,
    second_factor_login,
    second_factor_pages,
    shared,
    shares,
    shares_page,
    shelves,
    shelves_page,
    tools_list,
    uploads,
    welcome,
)
from api.bodies import PROBLEMS, Unusable, in_words, no_json
from api.lost import said_on_a_page
from api.second_factor_login import SecondStep, answer_second_step
from api.visitors import LoginRefused
from core.errors import BadInput, Conflict, NotFound, Refused, StaffworkError
from core.missions import new_id
from memory.throttle import TooManyAttempts

if TYPE_CHECKING:
    from graphs.office import Office

log = logging.getLogger(__name__)
ROUTERS = (
    health.router,
    first_start.router,
    files.router,
    file_views.router,
    files_page.router,
    uploads.router,
    receiving.router,
    artifacts.router,
    artifact_frames.router,
    artifacts_page.router,
    feedback.router,
    opinions.router,
    shelves.router,
    shelves_page.router,
    searching.router,
    search_page.router,
    news.router,
    conversations.router,
    memories.router,
    memories_page.router,
    preferences.router,
    preferences_page.router,
    branches.router,
    missions.router,
    mission_events.router,
    schedules.router,
    schedules_page.router,
    approvals.router,
    inbox.router,
    models.router,
    models_page.router,
    welcome.router,
    shares.router,
    shares_page.router,
    exports.router,
    exports_page.router,
    contexts.router,
    contexts_page.router,
    tools_list.router,
    described.router,
    shared.router,
    account.router,
    account_page.router,
    masthead.router,
    people.router,
    people_page.router,
    joining.router,
    audit.router,
    keys.router,
    keys_page.router,
    oidc.router,
    identities_page.router,
    returning.router,
    second_factor_login.router,
    second_factor_pages.router,
)
_CODES: dict[type[Exception], int] = {
    TooManyAttempts: 429,
    LoginRefused: 401,
    NotFound: 404,
    Refused: 403,
    PermissionError: 403,
    Unusable: 422,
    BadInput: 400,
    Conflict: 409,
}


def build_app(opening: Callable[[FastAPI], AbstractAsyncContextManager[Office]]) -> FastAPI:
    """Make the application with our own routes; `opening` opens the office for as long as it serves."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with opening(app) as office:
                app.state.office = office
                yield
        except StaffworkError as problem:
            app.state.problem = problem  # whoever started the server says it in one line
            raise

    app = FastAPI(
        title="Staffwork", lifespan=lifespan, responses=PROBLEMS, docs_url=None, redoc_url=None, openapi_url=None
    )
    for part in ROUTERS:
        app.include_router(part)
    for kind in (StaffworkError, PermissionError):
        app.add_exception_handler(kind, answer_in_words)
    app.add_exception_handler(SecondStep, answer_second_step)
    app.add_exception_handler(RequestValidationError, answer_unfitting)
    app.add_exception_handler(Exception, answer_with_id)
    return app


async def answer_in_words(request: Request, problem: Exception) -> Response:
    """Answer an error that a person can act on in its own words."""
    code = next((code for kind, code in _CODES.items() if isinstance(problem, kind)), 400)
    return said_on_a_page(request, code, str(problem)) or JSONResponse({"detail": str(problem)}, code)


async def answer_unfitting(request: Request, problem: Exception) -> Response:
    """Answer a field that cannot be used as it was sent."""
    wrong = problem.errors() if isinstance(problem, RequestValidationError) else []
    if wrong and (words := no_json(wrong[0])):
        return JSONResponse({"detail": words}, 400)
    words = in_words(wrong[0]) if wrong else str(problem)
    return said_on_a_page(request, 422, words) or JSONResponse({"detail": words}, 422)


async def answer_with_id(request: Request, problem: Exception) -> Response:
    """Answer a bug with the id under which it is logged."""
    error_id = new_id()[:8]
    log.error("a request failed, error id %s", error_id, exc_info=problem)
    words = f"Something went wrong here, and it was written down for the administrator. Error id: {error_id}"
    return said_on_a_page(request, 500, words) or JSONResponse({"detail": words}, 500)
