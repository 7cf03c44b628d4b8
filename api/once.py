"""Forms that make something once: each carries the id of what it is to make, so that sent again it makes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from core.errors import BadInput
from core.missions import new_id

FIELD = "once"


def hidden_id() -> str:
    """Draw the field with a new id, as HTML; each drawing of a form is another one."""
    return f'<input type="hidden" name="{FIELD}" value="{new_id()}">'


def sent_id(given: Mapping[str, str]) -> str:
    """Read the id that came with a form ("" if it has none: programs send forms, too); raises BadInput for what is no id."""
    found = given.get(FIELD, "")
    try:
        if found and str(UUID(found)) != found:
            raise ValueError
    except ValueError:
        raise BadInput("This form cannot be read. Please load the page again.") from None
    return found
