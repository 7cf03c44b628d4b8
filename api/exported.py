"""A conversation as people read it away from here: Markdown, or one HTML page that needs nothing from anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from api.safe_markdown import plain, visible
from api.shared_page import drawn, file_size
from api.templates import PUBLIC, template
from memory.snapshots import SharedMessage, SharedStep, Snapshot

_MARKS = re.compile(r"([\\`*_\[\]<>#])")


def markdown_of(title: str, snapshot: Snapshot, at: datetime) -> str:
    """Write a conversation as Markdown: what was said, what it rests on, what it took, and which files there are."""
    parts = [f"# {_literal(title)}", f"*Exported from Staffwork on {at:%Y-%m-%d %H:%M} UTC.*"]
    for message in snapshot.messages:
        parts += _message(message, snapshot)
    if snapshot.left_out:
        parts.append(f"*Still being worked on, and not in here: {snapshot.left_out}.*")
    if snapshot.files:
        parts.append("## Files of this conversation")
        parts.append("\n".join(f"- {_literal(f.name)} ({file_size(f.size)})" for f in snapshot.files))
    return "\n\n".join(part for part in parts if part) + "\n"


def html_of(title: str, snapshot: Snapshot, at: datetime) -> str:
    """Draw a conversation as one page without scripts that fetches nothing: its style is in it."""
    left = snapshot.left_out
    words = {
        "title": plain(title),
        "about": f"Exported from Staffwork on {at.day} {at:%B %Y}.",
        "left": f'<p class="note">Still being worked on, and not in here: {left}.</p>' if left else "",
        "style": (PUBLIC / "shared.css").read_text("utf-8"),
        "body": drawn(snapshot),
    }
    return template("exported.html").substitute(words)


def readable(masked: Callable[[str], str], whole: Snapshot, *, steps: bool) -> Snapshot:
    """Make of a picture what people read: secrets of this house masked, and the work only if it is wanted."""
    if not steps:
        messages = tuple(m.model_copy(update={"steps": ()}) for m in whole.messages)
        whole = whole.model_copy(update={"messages": messages})
    return whole.rewritten(lambda text, _: masked(text))


def file_name(title: str, ending: str) -> str:
    """Name the file: the title, as far as every system can keep it."""
    words = "".join(c for c in title if c.isalnum() or c in " -_").strip()[:60].strip()
    return f"{words or 'conversation'}.{ending}"


def _message(message: SharedMessage, snapshot: Snapshot) -> Iterator[str]:
    files = [snapshot.files[n] for n in message.files]
    if message.author == "user":
        yield f"## Question · {message.at:%Y-%m-%d %H:%M}"
        yield "\n".join(f"> {_literal(line)}".rstrip() for line in message.text.splitlines())
    else:
        yield f"## Staffwork · {message.at:%Y-%m-%d %H:%M}"
        yield visible(message.text)
    if message.sources:
        yield "**Sources**"
        yield "\n".join(
            f"{n}. {_literal(s.file)}{', ' + s.place if s.place else ''}{f' — “{_literal(s.quote)}”' if s.quote else ''}"
            for n, s in enumerate(message.sources, 1)
        )
    if files:
        yield "**Files**"
        yield "\n".join(f"- {_literal(f.name)} ({file_size(f.size)})" for f in files)
    if message.steps:
        yield "**How it was done**"
        yield "\n".join(_step(step) for step in message.steps)
    if message.took:
        yield f"*{_literal(message.took)}*"


def _step(step: SharedStep) -> str:
    took = f" ({step.seconds:.1f} s)" if step.seconds and step.seconds >= 0.05 else ""
    failed = " — failed" if step.failed else ""
    return f"{'  ' * step.depth}- {_literal(step.label)}{took}{failed}"


def _literal(text: str) -> str:
    return _MARKS.sub(r"\\\1", visible(" ".join(text.split())))
