"""The pages of artifacts: all of them with a search, and one with its preview, its versions and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.artifact_previews import differences, preview
from api.artifacts import keeping
from api.safe_markdown import plain
from api.shared_page import file_size
from api.templates import address_of_asset, template
from api.visitors import present
from core.errors import BadInput
from memory.artifact_rows import KINDS, ArtifactVersion
from tools.chart_terms import ENDING

router = APIRouter()
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SHOWN = 100


@router.get("/artifacts")
async def artifacts_page(
    request: Request,
    query: Annotated[str, Query(max_length=500)] = "",
    kind: str = "",
    conversation: str = "",
    tag: Annotated[str, Query(max_length=60)] = "",
) -> HTMLResponse:
    """Show the person's artifacts, and what is found among them."""
    user_id, keeper = present().user_id, keeping(request)
    found = await keeper.find(user_id, query=query, kind=kind, conversation_id=conversation, tag=tag, limit=SHOWN + 1)
    everything = await keeper.find(user_id, limit=500)
    talks = {v.conversation_id: v.conversation or "Untitled" for v in everything}
    looked_for = bool(query or kind or conversation or tag)
    words = {
        "query": escape(query),
        "kinds": _options({"": "All kinds"} | {name: name.capitalize() for name in KINDS}, kind),
        "conversations": _options({"": "All conversations"} | talks, conversation),
        "items": "".join(map(_item, found[:SHOWN])),
        "count": _counted(found, tag),
        "zip": _zip(found, conversation, everything=not (query or kind or tag)),
        "none": "hidden" if found else "",
        "none_title": "Nothing was found" if looked_for else "There are no artifacts yet",
        "none_words": "Try fewer or other words."
        if looked_for
        else "Ask for a chart, a document or a table in the chat; what operators make appears here.",
    }
    return _page("artifacts.html", words)


@router.get("/artifacts/{artifact_id}")
async def artifact_page(request: Request, artifact_id: str, against: str = "") -> HTMLResponse:
    """Show one version, or with `against` how it differs from another one."""
    keeper, user_id = keeping(request), present().user_id
    version = await keeper.store.get(artifact_id, user_id)
    versions = await keeper.store.versions(artifact_id, user_id)
    if against:
        old = next((v for v in versions if v.id == against), None)
        shown = await _compared(request, version, against)
        title = f"What changed from v{old.version if old else '?'} to v{version.version}"
    else:
        shown, title = await preview(keeper, version), "Preview"
    newest = versions[0]
    words = {
        "id": escape(version.id),
        "name": plain(version.name),
        "plain_name": plain(version.name),
        "version": str(version.version),
        "about": _about(version),
        "tags": _tags(version.tags),
        "all_tags": plain(", ".join(version.tags)),
        "no_tags": "" if version.tags else "hidden",
        "no_newer": "hidden" if newest.id == version.id else "",
        "no_restore": "hidden" if newest.id == version.id else "",
        "newest": escape(newest.id),
        "newest_version": str(newest.version),
        "conversation": escape(version.conversation_id),
        "title": plain(version.conversation) or "The conversation",
        "preview_title": title,
        "preview": shown,
        "versions": "".join(_version(v, version, versions) for v in versions),
        "count": "It goes" if len(versions) == 1 else f"All {len(versions)} versions go",
        "library": '<script src="/artifacts/plotly.js" defer></script>' if version.name.endswith(ENDING) else "",
    }
    return _page("artifact.html", words)


async def _compared(request: Request, version: ArtifactVersion, against: str) -> str:
    try:
        return differences(await keeping(request).difference(version.id, against, present().user_id))
    except BadInput as problem:
        return f'<p class="soft note">{plain(str(problem))}</p>'


def _page(name: str, words: dict[str, str]) -> HTMLResponse:
    files = {"base_style": "schedules.css", "style": "artifacts.css", "script": "artifacts.js"}
    html = template(name).substitute(words, **{key: address_of_asset(file) for key, file in files.items()})
    return HTMLResponse(html, headers={"content-security-policy": POLICY, "cache-control": "no-store"})


def _item(version: ArtifactVersion) -> str:
    words = {
        "id": escape(version.id),
        "name": plain(version.name),
        "version": str(version.version),
        "about": _about(version),
        "tags": _tags(version.tags),
        "no_tags": "" if version.tags else "hidden",
        "conversation": escape(version.conversation_id),
        "title": plain(version.conversation) or "The conversation",
    }
    return template("artifact_item.html").substitute(words)


def _version(version: ArtifactVersion, here: ArtifactVersion, versions: Sequence[ArtifactVersion]) -> str:
    place = versions.index(version)
    before = versions[place + 1] if place + 1 < len(versions) else None
    link = f'<a href="/artifacts/{escape(version.id)}?against={escape(before.id)}">What changed</a>' if before else ""
    words = {
        "id": escape(version.id),
        "version": str(version.version),
        "here": "here" if version.id == here.id else "",
        "current": 'aria-current="page"' if version.id == here.id else "",
        "about": _about(version),
        "compare": link,
    }
    return template("artifact_version.html").substitute(words)


def _about(version: ArtifactVersion) -> str:
    """Say when, by whom and how large a version was made."""
    moment = f'<time datetime="{version.created_at.isoformat()}">{version.created_at:%Y-%m-%d %H:%M} UTC</time>'
    who = "brought back by you" if version.by_person else "by " + plain(version.operator or "an operator")
    model = f" with {plain(version.model.rstrip(chr(58)))}" if version.model else ""
    return f"{file_size(version.size)}, {who}{model}, {moment}"


def _tags(tags: Sequence[str]) -> str:
    return " ".join(
        f'<a class="tag" href="/artifacts?{escape(urlencode({"tag": tag}))}">{plain(tag)}</a>' for tag in tags
    )


def _options(choices: dict[str, str], chosen: str) -> str:
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{plain(words)[:80]}</option>'
        for value, words in choices.items()
    )


def _counted(found: Sequence[ArtifactVersion], tag: str) -> str:
    if not found:
        return ""
    words = (
        f"The newest {SHOWN}; search for others."
        if len(found) > SHOWN
        else f"{len(found)} artifact{'s' * (len(found) != 1)}"
    )
    return words + (f" tagged {plain(tag)}." if tag else ".")


def _zip(found: Sequence[ArtifactVersion], conversation: str, *, everything: bool) -> str:
    """Offer what is shown as one download."""
    if not found:
        return ""
    named = [("artifact", v.id) for v in found[:SHOWN]]
    query = urlencode([("conversation", conversation)] if everything else named)
    return f'<a href="/api/artifacts.zip?{escape(query)}">Download {"all" if everything else "these"} as a zip</a>'
