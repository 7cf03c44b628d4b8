"""What every answer carries: security headers, a content policy that names each inline script, and tidy pages."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from api.masthead import furnished

FIXED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_ASSETS = "/assets/"  # their names carry a hash of the content
_SHELL = ("/login", "/thread/", "/element/", "/env")  # where the chat's own page is, whose inline scripts are known
_SHORT = ("/public/", "/avatars/")
_SINGLE = ("/favicon", "/logo")


def content_policy(html: str = "") -> str:
    """Allow only what comes from here; the inline scripts of `html` are allowed by their hashes."""
    hashes = (base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in _INLINE.findall(html))
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in hashes)])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; "
        "frame-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


class Dresser:
    """Puts the headers on answers and tidies pages; `secure` says that people come by https."""

    def __init__(self, tidy: Callable[[str], str], *, secure: bool) -> None:
        self._tidy, self._secure = tidy, secure

    def prepared(self, scope: Scope) -> Scope:
        """Ask for pages uncompressed, so that they can be tidied."""
        headers = scope["headers"]
        if not any(name == b"accept" and b"text/html" in value for name, value in headers):
            return scope
        return {**scope, "headers": [(n, v) for n, v in headers if n != b"accept-encoding"]}

    def dress(self, scope: Scope, send: Send) -> Send:
        """Wrap `send` so that the answer leaves dressed."""
        page: list[bytes] = []
        opening: Message = {}

        async def dressed(message: Message) -> None:
            nonlocal opening
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if self._is_page(headers):
                    opening = message  # held back until the page is complete
                    return
                self._put_on(headers, _keeping(scope["path"], message["status"]), content_policy())
            elif opening and message["type"] == "http.response.body":
                page.append(message.get("body", b""))
                if message.get("more_body"):
                    return
                headers = MutableHeaders(scope=opening)
                own = headers.get("content-security-policy", content_policy())
                html = await furnished(self._tidy(b"".join(page).decode()), scope, scripts="script-src 'self'" in own)
                headers["content-length"] = str(len(html.encode()))
                known = html if _is_shell(scope["path"]) else ""  # no other page of ours has scripts in it
                self._put_on(headers, _keeping(scope["path"], opening["status"]), content_policy(known))
                await send(opening)
                message, opening = {"type": "http.response.body", "body": html.encode()}, {}
            await send(message)

        return dressed

    @staticmethod
    def _is_page(headers: MutableHeaders) -> bool:
        """Say whether a page is to be made ready; a file to keep, and a stranger's page in a sandbox, are left as they are."""
        if headers.get("content-disposition", "").startswith("attachment"):
            return False
        if "content-encoding" in headers or headers.get("content-security-policy", "").startswith("sandbox"):
            return False
        return headers.get("content-type", "").startswith("text/html")

    def _put_on(self, headers: MutableHeaders, keeping: str, policy: str) -> None:
        for name, value in FIXED.items():
            headers.setdefault(name, value)
        headers.setdefault("content-security-policy", policy)
        headers.setdefault("cache-control", keeping)
        if "private" in headers["cache-control"]:
            headers.add_vary_header(
                "cookie"
            )  # kept for this session, and not for whoever signs in next in this browser
        if self._secure:
            headers.setdefault("strict-transport-security", "max-age=31536000")
            cookies = [_secured(value) for value in headers.getlist("set-cookie")]
            del headers["set-cookie"]
            for cookie in cookies:
                headers.append("set-cookie", cookie)


def _is_shell(path: str) -> bool:
    return path == "/" or path.startswith(_SHELL)


def _keeping(path: str, status: int) -> str:
    """Say how long an answer may be kept; that something is not there, or not open, is not kept at all."""
    if status not in (200, 206, 304):
        return "no-store"
    if path.startswith(_ASSETS):
        return "public, max-age=31536000, immutable"
    return "public, max-age=3600" if path.startswith(_SHORT) or path in _SINGLE else "no-store"


def _secured(cookie: str) -> str:
    return cookie if re.search(r";\s*secure\b", cookie, re.IGNORECASE) else f"{cookie}; Secure"
