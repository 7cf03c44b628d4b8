"""Errors by who can act: the operator, the user, the administrator. Everything else is a bug."""

from __future__ import annotations


class StaffworkError(Exception):
    """Something went wrong that a person or an operator can act on; `str(error)` is written for them.

    `tainted` says that the text repeats words from outside.
    """

    tainted = False


class ToolFailure(StaffworkError):
    """A tool could not do what was asked; the text goes back to the operator, who may try another way."""


class Refused(StaffworkError):
    """The user (or an operator for them) asked for something that is not allowed, and can ask for something else."""


class BadInput(StaffworkError):
    """What was given cannot be used; the text names the thing and the fix."""


class NotFound(StaffworkError):
    """There is no such thing, or it is not yours; we never say which."""


class NoSuchFile(NotFound):
    """There is no file of that name; the text lists the names there are, and strangers gave them."""

    tainted = True


class Conflict(StaffworkError):
    """Somebody else changed it first."""


class BudgetSpent(StaffworkError):
    """A limit was reached; the user can raise it or accept the partial result."""

    def __init__(self, scope: str, limit: str, allowed: str) -> None:
        super().__init__(f"{scope} reached its limit of {allowed} {limit}.")
        self.scope, self.limit, self.allowed = scope, limit, allowed


class PlanRefused(StaffworkError):
    """A plan broke the rules; `problems` says each in a sentence the Chief can repair."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The plan cannot be used: " + " ".join(problems))
        self.problems = problems


class ModelUnavailable(StaffworkError):
    """The model did not give a complete reply; `kind` says why, in one word that code can branch on.

    kinds: auth, credit, rate_limit, server, timeout, connection, cut_stream, bad_reply, too_long, refused, not_found.
    """

    def __init__(self, kind: str, words: str, *, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.kind = kind
        self.retry_after = retry_after


class Misconfigured(StaffworkError):
    """The administrator must change a setting; the text names it and the accepted values."""


class StoreUnavailable(StaffworkError):
    """The database cannot be used just now (locked, disk full); nothing was changed, and it can be tried again."""
