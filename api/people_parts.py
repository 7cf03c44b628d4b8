"""The parts of the pages about people, as HTML; every word that somebody typed is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from api.once import hidden_id
from api.rooms import moment, options, shown
from api.visitors import Visitor
from core.steering import RIGHTS, Right, may
from memory.invitations import Invitation
from memory.members import Member
from memory.sessions import Session

ROLES = {
    "owner": "Owner: everything, owners included",
    "admin": "Admin: people, the audit log, and what concerns everybody",
    "member": "Member: missions, schedules and links of their own",
    "viewer": "Viewer: reads what is shared with them",
}
_AGENTS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "a Mac"),
            ("Linux", "Linux"))  # fmt: skip


def member(person: Member, by: Visitor, *, alone: bool = False) -> str:
    """Draw one person, with the form that changes their role."""
    you = '<span class="badge you">you</span>' if person.id == by.user_id else ""
    out = "" if person.active else '<span class="badge out">deactivated</span>'
    more = "" if alone else f'<a class="go" href="/people/{escape(person.id)}">Sessions, password, more</a>'
    tag = "section" if alone else "li"
    return (
        f'<{tag} class="card"><div class="head"><h2>{shown(person.name)}</h2>'
        f'<span class="badge">{escape(person.role)}</span>{you}{out}</div>'
        f'<p class="facts">Last seen {moment(person.seen_at)}. Here since {person.created_at:%Y-%m-%d}.</p>'
        f'<div class="inline">{_role_form(person, by)}{more}</div></{tag}>'
    )


def _role_form(person: Member, by: Visitor) -> str:
    if person.role == "owner" and not may(by.role, Right.OWNERS):
        return '<span class="facts">Only an owner can change an owner.</span>'
    return (
        f'<form class="inline" method="post" action="/people/{escape(person.id)}">'
        f'<input type="hidden" name="kind" value="role"><label>Role<select name="role">'
        f"{options(_givable(by), person.role)}</select></label><button>Change</button></form>"
    )


def _givable(by: Visitor) -> dict[str, str]:
    return {role: role.capitalize() for role in ROLES if role != "owner" or may(by.role, Right.OWNERS)}


def invited(found: Sequence[Invitation]) -> str:
    """Draw the invitations that still work."""
    if not found:
        return ""
    rows = "".join(
        f'<li class="card line"><div>{shown(one.name or one.email or "Whoever has the link")} '
        f'<span class="badge">{escape(one.role)}</span>'
        f'<p class="facts">{shown(one.email) + ". " if one.email and one.name else ""}'
        f"Works until {moment(one.expires_at)}.</p></div>"
        f'<form method="post" action="/people"><input type="hidden" name="kind" value="revoke">'
        f'<input type="hidden" name="invitation" value="{escape(one.id)}"><button class="quiet">Revoke</button></form></li>'
        for one in found
    )
    return f'<h2 class="part">Open invitations</h2><ul>{rows}</ul>'


def invite_form(by: Visitor) -> str:
    """Draw the form that invites somebody."""
    return (
        '<h2 class="part">Invite somebody</h2>'
        '<p class="soft">You get a link to send to them yourself; nothing is sent from here. It works once.</p>'
        '<form class="card" method="post" action="/people"><input type="hidden" name="kind" value="invite">'
        f'{hidden_id()}<div class="row">'
        f'<div><label for="role">Role</label><select id="role" name="role">{options(_givable(by), "member")}</select></div>'
        '<div><label for="days">Works for (days)</label>'
        '<input id="days" name="days" type="number" min="1" max="90" value="7"></div>'
        '<div><label for="name">Name <span class="soft">(for your list)</span></label>'
        '<input id="name" name="name" maxlength="100" autocomplete="off"></div>'
        '<div><label for="email">E-mail <span class="soft">(a note)</span></label>'
        '<input id="email" name="email" type="email" maxlength="200" autocomplete="off"></div>'
        '</div><div class="buttons"><button class="primary">Make the invitation</button></div></form>'
    )


def rights() -> str:
    """Say what each role may do."""
    rows = "".join(f"<li>{escape(words)}</li>" for words in ROLES.values())
    return f'<h2 class="part">Roles</h2><ul class="rights card">{rows}</ul>'


def fresh(words: str, link: str, until: datetime | None) -> str:
    """Draw a link that is shown this once."""
    end = f" It works once, until {moment(until)}." if until is not None else ""
    return (
        f'<section class="card fresh"><p><strong>{escape(words)}</strong></p>'
        f'<input readonly aria-label="The link" value="{escape(link)}" id="link">'
        f'<p class="facts">It is shown here this once.{end} Whoever has it can use it.</p></section>'
    )


def sessions(found: Sequence[Session], *, own: str = "") -> str:
    """Draw where somebody is signed in; with `own` (the session that asks) each can be ended."""
    rows = "".join(
        f'<li class="card line"><div><strong>{escape(browser(one.agent))}</strong>'
        f"{' <span class=badge>this one</span>' if one.id == own else ''}"
        f'<p class="facts">From {shown(one.address or "?")}, last used {moment(one.seen_at)}, '
        f"since {moment(one.created_at)}.</p></div>{_end_form(one) if own and one.id != own else ''}</li>"
        for one in found
    )
    none = '<p class="soft">Nowhere.</p>' if not found else ""
    return f'<h2 class="part">Signed in</h2>{none}<ul>{rows}</ul>'


def _end_form(one: Session) -> str:
    return (
        '<form method="post" action="/me"><input type="hidden" name="kind" value="end">'
        f'<input type="hidden" name="session" value="{escape(one.id)}"><button class="quiet">End this one</button></form>'
    )


def browser(agent: str) -> str:
    """Name a browser as people do, from what it says of itself."""
    name = next((words for mark, words in _AGENTS if mark in agent), "")
    system = next((words for mark, words in _SYSTEMS if mark in agent), "")
    if name and system:
        return f"{name} on {system}"
    return name or agent[:60] or "An unknown program"


def actions(person: Member, by: Visitor, *, signed_in: bool, factor: bool = False) -> str:
    """Draw what can be done about a person."""
    if person.role == "owner" and not may(by.role, Right.OWNERS):
        return ""
    forms = [_button(person, "reset", "Make a link for a new password")] if person.active else []
    if signed_in:
        forms.append(_button(person, "sessions", "Sign out everywhere"))
    if factor:
        forms.append(_button(person, "second_factor", "Remove the second factor"))
    if person.id == by.user_id:
        return f'<div class="actions">{"".join(forms)}</div>'
    forms.append(
        _button(person, "deactivate", "Deactivate") if person.active else _button(person, "activate", "Activate")
    )
    return (
        f'<div class="actions">{"".join(forms)}</div><h2 class="part">Delete</h2>'
        f'<form class="card danger-zone" method="post" action="/people/{escape(person.id)}">'
        "<p>Everything of theirs is removed: conversations, files, memories, links, schedules, keys. This cannot be undone. "
        "To keep their work and close the door, deactivate them instead.</p>"
        f'<input type="hidden" name="kind" value="delete"><label for="sure">Type <em>{shown(person.name)}</em> to confirm</label>'
        '<input id="sure" name="name" required autocomplete="off" maxlength="200">'
        '<div class="buttons"><button class="danger">Delete for good</button></div></form>'
    )


def _button(person: Member, kind: str, words: str) -> str:
    return (
        f'<form method="post" action="/people/{escape(person.id)}"><input type="hidden" name="kind" value="{kind}">'
        f"{hidden_id() if kind == 'reset' else ''}<button>{words}</button></form>"
    )


def own_rights(role: str) -> str:
    """Say what somebody's own role allows."""
    return ROLES[role].partition(": ")[2] if role in RIGHTS else "nothing"
