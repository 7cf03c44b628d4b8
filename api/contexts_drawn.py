"""How context documents are drawn; every word is escaped, and a document's own Markdown can do nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote

from api.safe_markdown import plain, to_html
from api.templates import address_of_asset, template
from core.memories import Context
from tools.sanitise import visible

DONE = {
    "added": "Kept. Operators are given it from now on when it matches.",
    "saved": "Saved as a new version.",
    "accepted": "Accepted. Operators are given it from now on when it matches.",
    "restored": "It stands again as it did; that is a new version.",
    "removed": "Removed, with all its versions.",
}
_LISTED = 4  # triggers in the list
_WHOSE = (
    ("Drafts that wait for you", "Operators wrote these. Nobody is given them until you accept them.", "drafts"),
    ("Yours", "Given to those who work for you.", "own"),
    ("Of the house", "Given to everybody here; administrators change them.", "house"),
    (
        "What ships with Staffwork",
        "With these it explains itself. One of yours with the same name replaces it.",
        "shipped",
    ),
)


def draw_list(contexts: Sequence[Context], *, said: str = "") -> str:
    """Draw the list, by whose they are."""
    replaced = {c.name for c in contexts if not c.shipped and not c.draft}
    sections = []
    for title, words, kind in _WHOSE:
        these = [c for c in contexts if _kind(c) == kind]
        items = "".join(_item(c, replaced=c.shipped and c.name in replaced) for c in these)
        if items or kind == "own":
            none = '<p class="soft">None yet. Write down what operators should know: names, rules, how you want things.</p>'
            head = f"<h2>{title}</h2><p class='soft'>{words}</p>"
            sections.append(f"<section>{head}{f'<ul>{items}</ul>' if items else none}</section>")
    return _page("contexts.html", said=said, sections="".join(sections))


def _kind(context: Context) -> str:
    return "drafts" if context.draft else "shipped" if context.shipped else "own" if context.owner else "house"


def _item(context: Context, *, replaced: bool) -> str:
    badges = ["replaced"] if replaced else [] if context.enabled else ["off"]
    marks = "".join(f' <span class="badge">{badge}</span>' for badge in badges)
    when = (*(f"“{t}”" for t in context.triggers), *(f"always for {o}" for o in context.operators))
    rest = f" and {len(when) - _LISTED} more" if len(when) > _LISTED else ""
    about = plain(", ".join(when[:_LISTED])) + rest if when else "never by itself; only when asked for"
    off = "" if context.enabled and not replaced else " paused"
    return (
        f'<li class="card{off}"><div class="head"><h3><a href="{_address(context.id)}">{plain(context.title)}</a></h3>{marks}</div>'
        f'<p class="soft">{about}</p></li>'
    )


def draw_form(given: Mapping[str, str], *, may_house: bool, problem: str = "") -> str:
    """Draw the form for a new document."""
    house = (
        '<label class="check"><input type="checkbox" name="house"' + (" checked" if given.get("house") == "on" else "")
        + "> <span>For everybody here (of the house)</span></label>"
    ) if may_house else ""  # fmt: skip
    name = given.get("name", "")
    hidden = f'<input type="hidden" name="name" value="{escape(name)}">' if name else ""
    words = (
        f"It replaces the document called <code>{plain(name)}</code>."
        if name
        else "Given when its triggers match a goal."
    )
    return _page("context_new.html", problem=problem, fields=_fields(given), house=house + hidden, words=words)


def draw_document(
    context: Context,
    versions: Sequence[Context],
    given: Mapping[str, str],
    *,
    may_change: bool,
    said: str = "",
    problem: str = "",
) -> str:
    """Draw one document with its history, to change or to read."""
    body = _editing(context, given) if may_change else _reading(context)
    history = "".join(_version(context, v, may_change=may_change) for v in versions) if not context.shipped else ""
    whose = {"own": "Yours.", "house": "Of the house.", "shipped": "Ships with Staffwork.", "drafts": "A draft."}
    about = f"{whose[_kind(context)]} Called <code>{plain(context.name)}</code>, version {context.version}."
    return _page(
        "context.html",
        said=said,
        problem=problem,
        title=plain(context.title),
        about=about,
        draft=_draft(context) if context.draft else "",
        body=body,
        history=f"<section><h2>Versions</h2><ol class='versions'>{history}</ol></section>" if history else "",
    )


def _draft(context: Context) -> str:
    form = _button("accept", "Accept it", context.version, primary=True)
    return (
        f'<section class="card draft"><h2>This is a draft</h2><p>{plain(context.draft)}</p><p>It may hold what a stranger wanted '
        "operators to believe. Read all of it below; nobody is given it until you accept it.</p>"
        f'<form method="post" class="actions">{form}</form></section>'
    )


def _editing(context: Context, given: Mapping[str, str]) -> str:
    on = " checked" if given.get("enabled") == "on" else ""
    switch = f'<label class="check"><input type="checkbox" name="enabled"{on}> <span>In use</span></label>'
    save = _button("save", "Save", context.version, primary=True)
    remove = _button("remove", "Remove it for good", context.version, danger=True)
    return (
        f'<form method="post" class="card">{_fields(given)}{switch}<div class="buttons">{save}</div></form>'
        f"<details><summary>Remove this document</summary><p class='soft'>Its versions go with it.</p>"
        f'<form method="post">{remove}</form></details>'
    )


def _reading(context: Context) -> str:
    triggers = ", ".join((*context.triggers, *(f"for {o}" for o in context.operators)))
    about = f"<p class='soft'>Given when a goal says: {plain(triggers)}</p>" if triggers else ""
    own = f'<p class="actions"><a class="button" href="/contexts/new?like={quote(context.id)}">Make my own version</a></p>'
    return f'{about}<article class="card text">{to_html(context.text)}</article>{own}'


def _version(context: Context, version: Context, *, may_change: bool) -> str:
    at = f"{version.changed_at:%Y-%m-%d %H:%M} UTC" if version.changed_at else ""
    links = ""
    if version.version > 1:
        compare = f"{_address(context.id)}/compare?old={version.version - 1}&amp;new={version.version}"
        links += f' <a href="{compare}">What changed</a>'
    if may_change and version.version != context.version:
        restore = _button("restore", "Restore", context.version, to=version.version)
        links += f'<form method="post" class="inline">{restore}</form>'
    return f"<li><span>Version {version.version}, {at}, {plain(version.changed_by)}</span>{links}</li>"


def draw_compared(context: Context, lines: Sequence[str], old: int, new: int, *, may_change: bool) -> str:
    """Draw what changed between two versions: additions and removals, as text."""
    marks = {"+": "ins", "-": "del"}
    rows = []
    for line in lines[2:]:
        tag = marks.get(line[:1], "span")
        shown = "…" if line.startswith("@@") else escape(visible(line)) or "&nbsp;"
        rows.append(f"<{tag}>{shown}</{tag}>")
    body = (
        f'<pre class="diff" tabindex="0">{"".join(rows)}</pre>'
        if rows
        else '<p class="empty">The words are the same.</p>'
    )
    restore = _button("restore", f"Restore version {old}", context.version, to=old) if may_change else ""
    form = f'<form method="post" action="{_address(context.id)}">{restore}</form>' if restore else ""
    return _page(
        "context_compare.html",
        title=plain(context.title),
        address=_address(context.id),
        old=str(old),
        new=str(new),
        body=body + form,
    )


def _fields(given: Mapping[str, str]) -> str:
    def value(name: str) -> str:
        return escape(given.get(name, ""))

    return (
        f'<label for="title">Title</label><input id="title" name="title" maxlength="200" required value="{value("title")}">'
        '<label for="triggers">Given when a goal says <span class="soft">(words or phrases, with commas between; tax* is any '
        f'word that begins so)</span></label><textarea id="triggers" name="triggers" rows="2">{value("triggers")}</textarea>'
        '<label for="operators">Always given to <span class="soft">(names of operators, optional)</span></label>'
        f'<input id="operators" name="operators" maxlength="900" value="{value("operators")}">'
        '<label for="text">What they should know <span class="soft">(Markdown)</span></label>'
        f'<textarea id="text" name="text" rows="14" maxlength="20000" required>\n{value("text")}</textarea>'
    )


def _button(
    do: str, words: str, version: int, *, primary: bool = False, danger: bool = False, to: int | None = None
) -> str:
    kind = ' class="primary"' if primary else ' class="danger"' if danger else ""
    target = f'<input type="hidden" name="to" value="{to}">' if to is not None else ""
    seen = f'<input type="hidden" name="version" value="{version}">'
    return f'{seen}{target}<button type="submit" name="do" value="{do}"{kind}>{escape(words)}</button>'


def _address(context_id: str) -> str:
    return f"/contexts/{quote(context_id, safe=':')}"


def _page(file: str, *, said: str = "", problem: str = "", **parts: str) -> str:
    notes = f'<p id="said" role="status">{plain(said)}</p>' if said else ""
    notes += f'<p class="problem" role="alert">{plain(problem)}</p>' if problem else ""
    assets = {"base_style": address_of_asset("schedules.css"), "style": address_of_asset("contexts.css")}
    return template(file).substitute(parts | assets | {"notes": notes})
