"""Prompts are Markdown files with strict variables, and what others wrote enters them framed as data."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from core.errors import Misconfigured
from core.missions import Attachment, Report, Source

FOLDER = Path(__file__).parent / "prompts"
_VARIABLE = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
_TAGS = (
    "contexts|context|goal|history|done_when|brief|files|passages|passage|reports|report|answers|matches|problems|"
    "tasks|task|shortfall|result|language"
)
_FRAME = re.compile(rf"<(?=/?(?:{_TAGS})\b)", re.IGNORECASE)


@cache
def prompt_version(role: str, step: str) -> str:
    """Name the version of the prompt file a role speaks with at a step: the beginning of its SHA-256; "" if it has none."""
    name = "report" if step.partition(".")[0] == "report" else role
    path = FOLDER / f"{name}.md"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""


class Prompts:
    """All prompt files of a folder, read once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._texts = {path.stem: path.read_text("utf-8").strip() for path in sorted(folder.glob("*.md"))}

    def names(self) -> list[str]:
        return list(self._texts)

    def variables(self, name: str) -> set[str]:
        """List the variables a prompt wants; raises Misconfigured for an unknown prompt."""
        return set(_VARIABLE.findall(self._text(name)))

    def render(self, name: str, **variables: str) -> str:
        """Fill in a prompt; raises Misconfigured if a variable is missing or not used."""
        wanted, given = self.variables(name), set(variables)
        if wanted != given:
            odd = sorted(wanted ^ given)[0]
            why = "is not given" if odd in wanted else "is not used"
            raise Misconfigured(f"prompts/{name}.md: the variable {odd} {why}.")
        return _VARIABLE.sub(lambda found: variables[found[1]], self._text(name))

    def _text(self, name: str) -> str:
        if name not in self._texts:
            raise Misconfigured(f"prompts/{name}.md: there is no such prompt.")
        return self._texts[name]


def section(tag: str, body: str, **marks: str) -> str:
    """Frame text between tags, so that it cannot be mistaken for an instruction; nothing at all for an empty body.

    Tags of ours inside the text are defused: what is framed cannot close its own frame.
    """
    if not body.strip():
        return ""
    return f"{_opened(tag, marks)}\n{_FRAME.sub('‹', body.strip())}\n</{tag}>"


def group(tag: str, sections: Iterable[str]) -> str:
    """Frame sections that are framed already."""
    inner = "\n".join(s for s in sections if s)
    return f"<{tag}>\n{inner}\n</{tag}>" if inner else ""


def joined(*parts: str) -> str:
    """Put the parts that say something below one another."""
    return "\n\n".join(part for part in parts if part)


def cut(text: str, characters: int) -> str:
    """Shorten a text to about so many characters, and say so in it."""
    text = text.strip()
    if len(text) <= characters:
        return text
    return f"{text[:characters].rstrip()} [... {len(text) - characters} more characters]"


def files_section(attachments: Iterable[Attachment]) -> str:
    """List files by name, size and type."""
    return section("files", "\n".join(_file_line(a) for a in attachments))


def contexts_section(contexts: Iterable[Source]) -> str:
    """Frame what the house has written down about the matter at hand, each document under its title."""
    return group("contexts", (section("context", c.quote, title=c.file) for c in contexts))


def language_section(language: str) -> str:
    """Say in which language to write, where the user chose one; it wins over the language they write in."""
    return section(
        "language", f"Write to the user in {language}, whatever language the goal is in." if language else ""
    )


def report_section(report: Report, characters: int) -> str:
    """Frame one report as data: summary, result cut to so many characters, its places, its files."""
    parts = (
        "" if _only_begins(report.result, report.summary) else cut(report.summary, characters),
        f"Problem: {report.problem}" if report.problem and report.problem != report.summary else "",
        cut(report.result, characters),
        _places(report),
        "Files made: " + ", ".join(a.name for a in report.artifacts) if report.artifacts else "",
        _listed("Did: ", (f"{what} [receipt {step}]" for what, step in report.claims if step)),
        _listed("Not verified: ", (what for what, step in report.claims if not step)),
        _listed("Flagged for review: ", report.flags),
    )
    status = report.status.value + (", partial" if report.partial else "")
    return section("report", joined(*parts), task=report.task_id, operator=report.operator, status=status)


def _only_begins(result: str, summary: str) -> bool:
    """Say whether a summary is no more than the beginning of the result."""
    return bool(summary.strip()) and result.strip().startswith(summary.split(" [... ", maxsplit=1)[0].strip())


def place(file: str, page: int | None, line: int | None) -> str:
    """Write where something stands: `memo.pdf, page 2`."""
    return f"{file}, page {page}" if page else f"{file}, line {line}" if line else file


def _listed(head: str, things: Iterable[str]) -> str:
    words = "; ".join(" ".join(cut(thing, 200).split()) for thing in things)
    return head + cut(words, 1000) if words else ""


def _places(report: Report) -> str:
    places = dict.fromkeys(place(s.file, s.page, s.line) for s in report.sources)
    return "Sources: " + "; ".join(list(places)[:12]) if places else ""


def _opened(tag: str, marks: dict[str, str]) -> str:
    said = "".join(f' {name}="{_FRAME.sub("‹", value).replace(chr(34), chr(39))}"' for name, value in marks.items())
    return f"<{tag}{said}>"


def _file_line(file: Attachment) -> str:
    return f"- {file.name} ({_size(file.size)}, {file.mime})" + (f": {file.note}" if file.note else "")


def _size(size: int) -> str:
    return f"{size} bytes" if size < 1000 else f"{size / 1000:.0f} KB" if size < 1_000_000 else f"{size / 1e6:.1f} MB"
