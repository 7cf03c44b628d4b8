"""Chainlit's page as we hand it out: nothing fetched from elsewhere, our icons and manifest, only at addresses it knows."""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from api.templates import text_of

_FOREIGN = re.compile(r"\s*<link\b[^>]*\bhref=\"https?://[^>]*>")
_SOCIAL = re.compile(r"\s*<meta property=\"og:[^>]*>")
_VIEWS = re.compile(r"/|/login(/callback)?|/(thread|element)/[^/]+|/env")
_EVERYTHING = "/{full_path:path}"
_MANIFEST = (
    '<link rel="manifest" href="/public/manifest.webmanifest">\n<script src="/public/theme_first.js"></script>\n'
)
_EMPTY = '<div id="root"></div>'  # filled by Chainlit's script, which takes its time on a slow line
_ITS_OWN = '<meta name="robots"'  # stands in every page of ours, and not in Chainlit's


def tidy(html: str) -> str:
    """Take out of Chainlit's page what would be fetched from elsewhere, let it be installed, and say that it opens."""
    html = _SOCIAL.sub("", _FOREIGN.sub("", html))
    if _ITS_OWN in html:
        return html
    icons, opening = (text_of(name) for name in ("icons.html", "opening.html"))
    html = html.replace("</head>", f"{_MANIFEST}{icons}</head>", 1)
    return html.replace(_EMPTY, f'<div id="root">{opening}</div>', 1)


def knows(routes: list[BaseRoute]) -> Callable[[Scope], bool]:
    """Make of Chainlit's routes the question whether an address leads nowhere: to its page, which has no such view."""

    def nowhere(scope: Scope) -> bool:
        path = scope["path"]
        if path.startswith("/ws/") or _VIEWS.fullmatch(path):
            return False
        found = next((r for r in routes if r.matches(scope)[0] is Match.FULL), None)
        return found is not None and getattr(found, "path", "") == _EVERYTHING

    return nowhere
