"""The page under a link: drawn on the server, without scripts, and without anything fetched from elsewhere."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from html import escape
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse

from api.first_start import page
from api.returning import login_address
from api.safe_markdown import plain, to_html
from api.templates import address_of_asset, template
from memory.snapshots import SharedFile, SharedMessage, SharedSource, SharedStep, Snapshot

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HIDDEN = {
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "cache-control": "no-store",
}
"""What every answer below a link carries: it is in no index, in no cache, and no other site hears of it."""
FORMS = HIDDEN | {"referrer-policy": "same-origin"}
"""The same for pages with a form: with no-referrer a browser would not say that the form is ours."""


def shared_page(title: str, snapshot: Snapshot, *, base: str, about: str, actions: str = "") -> HTMLResponse:
    """Draw what stands under a link; `base` is the link's own address ("" where files cannot be had yet)."""
    words = {
        "title": plain(title),
        "about": plain(about),
        "actions": actions,
        "body": _body(snapshot, base),
        "style": address_of_asset("shared.css"),
    }
    html = template("shared.html").substitute(words)
    return HTMLResponse(html, headers=HIDDEN | {"content-security-policy": POLICY})


def about(shared_at: datetime, until: datetime | None) -> str:
    """Say when something was shared, and how long the link works."""
    end = f"This link works until {_day(until)}." if until else "This link does not expire."
    return f"Shared on {_day(shared_at)}, as it was then. {end}"


def copy_button(base: str, *, known: bool) -> str:
    """Offer to go on with it, to those who have an account here."""
    if known:
        return f'<a class="button" href="{base}/copy">Continue as my own copy</a>'
    return f'<a class="button quiet" href="{escape(login_address(base))}">Sign in</a>'


def no_such_link() -> HTMLResponse:
    """Say that there is nothing, whatever the reason."""
    words = "It may have expired, been revoked, or never existed. Ask whoever gave it to you for a new one."
    found = page("note.html", 404, title="This link does not work", words=words, link="/", link_words="Go to Staffwork")
    found.headers.update(HIDDEN)
    return found


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def drawn(snapshot: Snapshot) -> str:
    """Draw the messages of a conversation without a page around them, and without links to its files."""
    return "\n".join(_message(m, snapshot, "") for m in snapshot.messages)


@lru_cache(maxsize=8)
def _body(snapshot: Snapshot, base: str) -> str:
    parts = [_message(m, snapshot, base) for m in snapshot.messages]
    if snapshot.left_out:
        counted = "One message was" if snapshot.left_out == 1 else f"{snapshot.left_out} messages were"
        parts.append(f'<p class="note">{counted} still being worked on when this was shared.</p>')
    return "\n".join(parts)


def _message(message: SharedMessage, snapshot: Snapshot, base: str) -> str:
    files = _files([(n, snapshot.files[n]) for n in message.files], base)
    if message.author == "user":
        return f'<section class="said"><h2>Question</h2><div class="words">{plain(message.text)}</div>{files}</section>'
    parts = [
        _steps(message.steps),
        f'<div class="answer">{to_html(message.text)}</div>',
        _sources(message.sources, base),
        files,
        f'<p class="took">{plain(message.took)}</p>' if message.took else "",
    ]
    return f'<section class="answered"><h2>Staffwork</h2>{"".join(parts)}</section>'


def _steps(steps: tuple[SharedStep, ...]) -> str:
    if not steps:
        return ""
    lines = "".join(
        f'<li class="depth-{step.depth}{" failed" if step.failed else ""}"><span>{plain(step.label)}</span>'
        f"{_took(step.seconds)}{_summary(step.summary)}</li>"
        for step in steps
    )
    many = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
    return f'<details><summary>How it was done: {many}</summary><ol class="steps">{lines}</ol></details>'


def _took(seconds: float | None) -> str:
    if seconds is None or seconds < 0.05:
        return ""
    words = f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return f' <span class="took">{words}</span>'


def _summary(text: str) -> str:
    return f'<div class="summary">{to_html(text)}</div>' if text.strip() else ""


def _sources(sources: tuple[SharedSource, ...], base: str) -> str:
    if not sources:
        return ""
    rows = "".join(
        f"<li>{_cited(s, base)}{', ' + plain(s.place) if s.place else ''}"
        f"{f'<q>{plain(s.quote)}</q>' if s.quote else ''}"
        f"{f' <strong>{plain(s.problem)}</strong>' if s.problem else ''}</li>"
        for s in sources
    )
    return f'<h3>Sources</h3><ol class="sources">{rows}</ol>'


def _cited(source: SharedSource, base: str) -> str:
    """Name a source; one whose file goes with the conversation leads to the place in it."""
    name = f"<cite>{plain(source.file)}</cite>"
    if source.position is None or not base:
        return name
    sought = {"page": source.page, "line": source.line, "quote": source.quote}
    query = urlencode({key: value for key, value in sought.items() if value})
    return f'<a href="{escape(f"{base}/f/{source.position + 1}/view?{query}#here")}">{name}</a>'


def _files(files: list[tuple[int, SharedFile]], base: str) -> str:
    if not files:
        return ""
    rows = "".join(f"<li>{_file(n, file, base)}</li>" for n, file in files)
    return f'<h3>Files</h3><ul class="files">{rows}</ul>'


def _file(position: int, file: SharedFile, base: str) -> str:
    name = f"<bdi>{plain(file.name) or 'file'}</bdi>"
    link = f'<a href="{base}/f/{position + 1}" download>{name}</a>' if base else name
    return f'{link} <span class="took">{file_size(file.size)}</span>'


def file_size(size: int) -> str:
    """Write bytes as people read them."""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:,.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"
