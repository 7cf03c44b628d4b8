"""The guard at the door: every request and every socket passes here before anything else sees it.

It refuses foreign origins, closes routes we do not offer, limits bodies before they are read, recognises the person, lets
nobody in who is not logged in, except to the pages one logs in with, and nobody further than their role goes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.doorkeeper import Doorkeeper
from api.first_start import NOTE, page
from api.headers import Dresser
from api.key_door import RecogniseKey, bearer_key, let_in
from api.limits import BodyLimit
from api.returning import has_left, is_page, login_address
from api.rights import needed
from api.staying import staying
from api.visitors import Visitor, address, agent, visitor
from core.steering import denial, may

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
OPEN_PATHS = {
    "/login", "/login/callback", "/logout", "/setup", "/healthz", "/readyz",
    "/auth/config", "/project/translations", "/favicon", "/logo", "/set-session-cookie",
    "/auth/oidc/start", "/auth/oidc/callback", "/second-factor",
}  # fmt: skip
OPEN_FOLDERS = ("/assets/", "/public/")
LINKS = ("/s/", "/join/", "/reset/", "/auth/oauth/")
"""Below them whoever has a link may ask; api/shared.py, api/joining.py and api/oidc.py decide what they get."""
CLOSED_PATHS = {"/docs", "/redoc", "/docs/oauth2-redirect", "/health", "/mcp", "/project/thread/share"}
CLOSED_FOLDERS = (
    "/project/share/",
    "/project/file/",  # as it was uploaded, under whatever type the browser said it is: a page of a stranger would run here
    "/share/",
    "/auth/jwt",
    "/auth/header",
    "/copilot/",
    "/slack/",
    "/teams/",
)
CLOSED_CALLS = {("PUT", "/project/element"), ("DELETE", "/project/element"), ("POST", "/project/action")}
SMALL_BODY = 1024 * 1024
UPLOADS = {"/project/file", "/api/files", "/api/conversations/import", "/import"}
"""Where files come in; everywhere else a body is small."""
NOT_DONE = "ended"
"""What the login's page says of a form that came too late; its words are in .chainlit/translations."""


@dataclass(frozen=True)
class Rules:
    """What the guard must know of the house.

    `recognise(credential)` finds the person behind a session; `entrance()` names the page for those without one;
    `recognise_key(key, address)` the one behind an API key (raises Refused, in words);
    `tidy(html)` prepares a page; `upload_bytes` limits one upload; `public_url` is what people open ("" if not behind a proxy);
    `cookie` names the one that holds the session; `whose(credential)` names the person of one that has ended ("" if unknown).
    """

    recognise: Callable[[str], Awaitable[Visitor | None]]
    entrance: Callable[[], Awaitable[str]]
    tidy: Callable[[str], str]
    upload_bytes: int
    public_url: str = ""
    cookie: str = "access_token"
    doorkeeper: Doorkeeper = field(default_factory=Doorkeeper)
    recognise_key: RecogniseKey | None = None
    whose: Callable[[str], Awaitable[str]] | None = None


class Guard:
    """ASGI middleware that applies the rules of the house."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules
        self._dresser = Dresser(rules.tidy, secure=rules.public_url.startswith("https://"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal: Response | None
        if key := bearer_key(headers):
            person, refusal = await let_in(scope, key, self._rules.recognise_key)
            refusal = refusal or (_beyond(scope, headers, person) if person is not None else None)
        else:
            person = None if is_asset(scope["path"]) else await self._recognise(headers)
            refusal = self._refusal(scope, headers) or await self._turned_away(scope, headers, person)
        if scope["type"] == "websocket":
            if refusal is not None:
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._enter(scope, receive, send, person)
            return
        dressed = self._dresser.dress(scope, send)
        if refusal is not None:
            await refusal(scope, receive, dressed)
            return
        limit = BodyLimit(self._most(scope["path"]), receive, dressed)
        if limit.too_large(headers):
            await limit.refuse()
            return
        await self._enter(self._dresser.prepared(scope), limit.receive, limit.send, person)

    async def _enter(self, scope: Scope, receive: Receive, send: Send, person: Visitor | None) -> None:
        client, headers = scope.get("client"), Headers(scope=scope)
        known, where = visitor.set(person), address.set(client[0] if client else "")
        program = agent.set(headers.get("user-agent", ""))
        try:
            if person is None:
                await self._app(scope, receive, send)
            else:
                await staying(self._rules.doorkeeper, person.stays_as, self._app)(scope, receive, send)
        finally:
            visitor.reset(known)
            address.reset(where)
            agent.reset(program)

    async def _recognise(self, headers: Headers) -> Visitor | None:
        credential = session_credential(headers, self._rules.cookie)
        return await self._rules.recognise(credential) if credential else None

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        path, method = scope["path"], scope.get("method", "GET")
        if path in CLOSED_PATHS or path.startswith(CLOSED_FOLDERS) or (method, path) in CLOSED_CALLS:
            return JSONResponse({"detail": "Not found"}, 404)
        guarded = scope["type"] == "websocket" or method not in SAFE_METHODS
        if guarded and self._foreign(headers):
            return JSONResponse({"detail": "This request came from another site and was refused."}, 403)
        return None

    def _foreign(self, headers: Headers) -> bool:
        """Say whether another site sent this; a request without Origin comes from a program, not from a page."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        try:
            here, given = urlsplit(self._rules.public_url.lower()), urlsplit(origin.lower())
        except ValueError:
            return True
        if here.netloc and given.netloc == here.netloc:
            return given.scheme != here.scheme  # behind TLS a page over plain http may be of anybody in the line
        return given.netloc not in {headers.get("host", "").lower()} - {""}

    async def _turned_away(self, scope: Scope, headers: Headers, person: Visitor | None) -> Response | None:
        path = scope["path"]
        if path in OPEN_PATHS or is_asset(path):
            return None
        if person is not None:
            return _beyond(scope, headers, person)
        if scope["type"] == "http" and path.startswith(LINKS):
            return None
        method = scope.get("method", "")
        if "text/html" in headers.get("accept", "") and (method == "GET" or (method == "POST" and is_page(path))):
            return await self._shown_in(scope, headers)
        return JSONResponse({"detail": "Please log in."}, 401)

    async def _shown_in(self, scope: Scope, headers: Headers) -> Response:
        """Lead a browser to the login, and from there to the page it asked for, or whose form it sent."""
        entrance, looking, query = await self._rules.entrance(), scope["method"] == "GET", scope["query_string"]
        if entrance == "/login" and not has_left(headers):
            page = scope["path"] + (f"?{query.decode('latin-1')}" if query and looking else "")
            credential = session_credential(headers, self._rules.cookie)
            whose = await self._rules.whose(credential) if credential and self._rules.whose else ""
            entrance = login_address(page, whose)
        if not looking:
            entrance += ("&" if "?" in entrance else "?") + urlencode({"error": NOT_DONE})
        return RedirectResponse(entrance, 302 if looking else 303)

    def _most(self, path: str) -> int:
        return self._rules.upload_bytes + SMALL_BODY if path in UPLOADS else SMALL_BODY


def is_asset(path: str) -> bool:
    """Say whether a path is a file of the page itself, which everybody may load."""
    return path.startswith(OPEN_FOLDERS)


def _beyond(scope: Scope, headers: Headers, person: Visitor) -> Response | None:
    """Refuse, in words, what a person's role does not allow."""
    right = needed(scope.get("method", "GET"), scope["path"])
    if may(person.role, right):
        return None
    words = denial(person.role, right)
    if scope["type"] == "http" and "text/html" in headers.get("accept", ""):
        return page(NOTE, 403, title="This is not open to you", words=words, link="/", link_words="Back to the chat")
    return JSONResponse({"detail": words}, 403)


def session_credential(headers: Headers, name: str = "access_token") -> str:
    """Find the session in a request, where Chainlit looks for it too: its cookie, else a bearer header."""
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    if f"{name}_0" in cookies:
        return ""  # Chainlit would put a long token together from pieces; ours is short, and both must see the same one
    cookie = cookies.get(name)
    if cookie is not None and cookie.value:
        return cookie.value
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""
