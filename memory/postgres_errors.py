"""What errors of PostgreSQL mean: try again, or say it in plain words."""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as TooBusy

from core.errors import StoreUnavailable

_GONE = {"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"}
_IN_THE_WAY = {"40001", "40P01"}
_WORDS = {
    "53100": "The disk of the database server is full. Nothing was changed; free some space and try again.",
    "53200": "The database server is out of memory. Nothing was changed; please try again in a moment.",
    "53300": "The database server takes no more connections. Raise its max_connections, or run fewer processes.",
    "55P03": "Another program holds the database. Nothing was changed; please try again in a moment.",
    "57014": "The database took too long. Nothing was changed; please try again in a moment.",
    "25006": "The database is read-only. Nothing was changed; STAFFWORK_DATABASE_URL must lead to a primary server.",
}
_MANY = "Too many changed the same thing at once. Nothing was changed; please try again in a moment."
_AWAY = "The database server cannot be reached just now. Please try again in a moment."
_BUSY = "The database has more to do than it can. Nothing was changed; please try again in a moment."
UNSURE = "The database server went away in the middle; it is not known whether this was kept. Please look before you repeat it."


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error ("" if the server said nothing)."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return (cause.sqlstate or "") if isinstance(cause, psycopg.Error) else ""


def server_gone(error: BaseException) -> bool:
    """Say whether the connection is lost, or could not be made."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    state = state_of(error)
    if state:
        return state in _GONE or state.startswith("08")
    return isinstance(cause, psycopg.OperationalError | OSError)


def in_the_way(error: BaseException) -> bool:
    """Say whether a transaction was given up for another's sake, and only has to be run again."""
    return state_of(error) in _IN_THE_WAY


def in_plain_words(error: BaseException) -> BaseException:
    """Say what a failure of the store means; what has no plain meaning comes back unchanged."""
    if isinstance(error, TooBusy):
        return StoreUnavailable(_BUSY)
    if server_gone(error):
        return StoreUnavailable(_AWAY)
    if in_the_way(error):
        return StoreUnavailable(_MANY)
    words = _WORDS.get(state_of(error))
    return error if words is None else StoreUnavailable(words)
