"""Who is asking: the person behind the request at hand, as the guard recognised them, and what they may do."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from core.errors import Refused
from core.steering import Right, denial, may
from memory.audit import came_from

KEY = "key "
"""How `stays_as` of somebody with an API key begins."""


class LoginRefused(Refused):
    """The name or the password was not right; nobody is told which."""


@dataclass(frozen=True)
class Visitor:
    """A person who is logged in; `name` is what they type at login, `session_id` where they are ("" for a program).

    A program that came with one of their API keys (`key_id`) may do only what is among `scopes`.
    """

    user_id: str
    name: str
    role: str
    session_id: str = ""
    scopes: frozenset[str] | None = None
    key_id: str = ""

    @property
    def stays_as(self) -> str:
        """Name what their staying depends on: their session, or the API key they came with."""
        return self.session_id or f"{KEY}{self.key_id}"


visitor: ContextVar[Visitor | None] = ContextVar("visitor", default=None)
"""Set by the guard for the time of one request; None where nobody is logged in."""

address = came_from
"""The network address the request came from; failed logins are counted by it, and the audit log names it."""

agent: ContextVar[str] = ContextVar("agent", default="")
"""The program the request came from, as it calls itself; shown to people in the list of their sessions."""


def need_scope(scope: str) -> None:
    """See that whoever asks may do this; raises Refused if they came with an API key that is not good for it.

    The guard does so by path; this is for what a path does not tell.
    """
    found = visitor.get()
    if found is not None and found.scopes is not None and scope not in found.scopes:
        raise Refused(f"This API key is not good for this: it needs the scope {scope}.")


def present() -> Visitor:
    """Return who is asking; raises PermissionError where nobody is logged in."""
    found = visitor.get()
    if found is None:
        raise PermissionError("Please log in.")
    return found


def allowed(right: Right) -> Visitor:
    """Return who is asking, if their role has a right; raises Refused with words for them otherwise."""
    person = present()
    if not may(person.role, right):
        raise Refused(denial(person.role, right))
    return person
