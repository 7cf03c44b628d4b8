"""Inline scripts: the chat's own page has some, by their hashes; no other answer makes any script run, whatever stands in it."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from api.headers import Dresser

PAGE = "<!doctype html><script>alert(1)</script>"


@pytest.fixture
def browser() -> TestClient:
    async def answer(_: object) -> HTMLResponse:
        return HTMLResponse(PAGE)

    inner = Starlette(routes=[Route("/{rest:path}", answer)])
    dresser = Dresser(lambda html: html, secure=False)

    async def dressed(scope, receive, send):  # type: ignore[no-untyped-def]
        await inner(scope, receive, dresser.dress(scope, send) if scope["type"] == "http" else send)

    return TestClient(dressed)


@pytest.mark.parametrize("path", ["/", "/login", "/login/callback", "/thread/x"])
def test_the_chats_own_page_runs_its_inline_scripts(browser: TestClient, path: str) -> None:
    assert "script-src 'self' 'sha256-" in browser.get(path).headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/project/file/x", "/files/artifact/x", "/artifacts/x", "/people", "/s/x", "/api/x", "/public/x"]
)
def test_no_other_page_does(browser: TestClient, path: str) -> None:
    assert "script-src 'self';" in browser.get(path).headers["content-security-policy"]
