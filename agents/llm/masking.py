"""What a model says never repeats a secret of this house, not even one that comes in pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agents.llm.calls import CallSite
from core.decisions import Reply
from core.logs import Masker


class MaskedText:
    """Passes a stream of text on; what may be the beginning of a secret waits until it is clear that it is none."""

    def __init__(self, tell: Callable[[str, int], None], mask: Masker) -> None:
        self._tell, self._mask = tell, mask
        self._held = ""
        self._told = 0

    def add(self, piece: str, offset: int) -> None:
        """Take a piece; offset 0 starts the text over."""
        if offset == 0:
            self._held, self._told = "", 0
            if not piece:
                self._tell("", 0)
        self._pass_on(self._mask.known(self._held + piece))

    def flush(self) -> None:
        """Pass on what is held: nothing more comes."""
        self._pass_on(self._held, all_of_it=True)

    def _pass_on(self, text: str, *, all_of_it: bool = False) -> None:
        kept = 0 if all_of_it else self._mask.withheld(text)
        ready, self._held = text[: len(text) - kept], text[len(text) - kept :]
        if ready:
            self._tell(ready, self._told)
            self._told += len(ready)


def masked_site(site: CallSite, mask: Masker) -> tuple[CallSite, MaskedText]:
    """Return a site whose text is masked on its way, and what must be flushed when the reply is there."""
    text = MaskedText(site.on_text, mask)
    return replace(site, on_text=text.add), text


def masked_reply(reply: Reply, mask: Masker) -> Reply:
    """Mask text and arguments of a reply: a secret that goes into a call would leave the house with it."""
    calls = tuple(c.model_copy(update={"arguments": _masked(c.arguments, mask)}) for c in reply.tool_calls)
    return reply.model_copy(update={"text": mask.known(reply.text), "tool_calls": calls})


def _masked(value: Any, mask: Masker) -> Any:
    match value:
        case str():
            return mask.known(value)
        case list() | tuple():
            return [_masked(item, mask) for item in value]
        case dict():
            return {_masked(name, mask): _masked(item, mask) for name, item in value.items()}
    return value
