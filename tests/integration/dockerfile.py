"""Reads a Dockerfile: its instructions in order, each with the stage it belongs to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in capitals, the rest as one line, and the stage ("" for one without a name)."""

    word: str
    rest: str
    stage: str

    @property
    def flags(self) -> dict[str, str]:
        """Map --flag=value pairs that come before the arguments."""
        leading = re.match(r"(?:--\S+\s+)*", self.rest)
        return dict(re.findall(r"--([\w-]+)=(\S+)", leading.group() if leading else ""))

    @property
    def arguments(self) -> list[str]:
        """Split the rest, flags left out; the exec form is read as JSON."""
        rest = re.sub(r"^(?:--\S+\s+)*", "", self.rest).removeprefix("CMD ")
        return [str(part) for part in json.loads(rest)] if rest.startswith("[") else rest.split()

    @property
    def is_exec_form(self) -> bool:
        return re.sub(r"^(?:--\S+\s+)*(CMD )?", "", self.rest).startswith("[")


def read_dockerfile(text: str) -> list[Instruction]:
    """List the instructions; comments are dropped and continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    found, stage = [], ""
    for line in filter(None, (line.strip() for line in joined.splitlines())):
        word, _, rest = line.partition(" ")
        if word.upper() == "FROM":
            named = re.search(r"\sAS\s+(\S+)$", rest, re.IGNORECASE)
            stage = named.group(1) if named else ""
        found.append(Instruction(word.upper(), rest.strip(), stage))
    return found
