"""Who is asking: the person behind the request at hand, as the guard recognised them."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from core.errors import Refused


class LoginRefused(Refused):
    """The name or the password was not right; nobody is told which."""


@dataclass(frozen=True)
class Visitor:
    """A person who is logged in; `name` is what they type at login."""

    user_id: str
    name: str
    role: str
    token_version: int = 1


visitor: ContextVar[Visitor | None] = ContextVar("visitor", default=None)
"""Set by the guard for the time of one request; None where nobody is logged in."""

address: ContextVar[str] = ContextVar("address", default="")
"""The network address the request came from; failed logins are counted by it."""


def present() -> Visitor:
    """Return who is asking; raises PermissionError where nobody is logged in."""
    found = visitor.get()
    if found is None:
        raise PermissionError("Please log in.")
    return found
