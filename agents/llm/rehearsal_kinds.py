"""What kind of work a piece of a goal asks for, told by its words and the files at hand; Chief and operators tell it alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from agents.llm.rehearsal_asking import question_in, without_question
from agents.llm.rehearsal_reading import File
from agents.llm.rehearsal_words import content_words


class Kind(StrEnum):
    """Each kind is done with certain tools."""

    TABLE = "table"
    CHART = "chart"
    PICTURE = "picture"
    UNDO = "undo"
    QUOTE = "quote"
    CALCULATE = "calculate"
    REMEMBER = "remember"
    RECALL = "recall"
    WRITE = "write"
    CLOCK = "clock"
    FILES = "files"
    ASK = "ask"
    OTHER = "other"


_REMEMBER = re.compile(
    r"^(?:please\s+)?(?:remember|note|keep in mind)\b(?!.*\?\s*$)(?:\s+that\b)?[\s:,]*(.+)$", re.I | re.S
)
_RECALL = re.compile(
    r"\b(?:do you remember|what (?:do|did) (?:you|we|i) (?:remember|know|say|said|tell|told|agree|decide)|"
    r"(?:did|have) (?:i|we|you) (?:say|said|tell|told|mention)|recall|earlier (?:we|i|you))\b",
    re.I,
)
_SAVE = re.compile(r"\b(?:write|save|put|store|export|draft)\b", re.I)
_FILE_NAME = re.compile(r"(?<![\w./-])([\w-]+(?:\.[\w-]+)*\.(?:md|txt|csv|json|html|py|sql|yaml|yml|log))\b", re.I)
_DOCUMENT_NAME = re.compile(r"\b(?:as|to|into|called|named)\s+([\w-]+\.(?:pdf|docx|xlsx|pptx))\b", re.I)
_AS_FORMAT = re.compile(
    r"\b(?:as|into|in|to)\s+(?:an?\s+)?(?:(pdf)|(word|docx)|(excel|xlsx|spreadsheet|workbook)|(power ?point|pptx|slides|"
    r"presentation))\b(?:\s+(?:file|document|workbook|deck))?(?!\.\w)",
    re.I,
)
_ENDINGS = (".pdf", ".docx", ".xlsx", ".pptx")
_CHART = re.compile(
    r"\b(?:plot|chart|graph|draw|visuali[sz]e|diagram|histogram|pie)s?\b(?:\s+(?:of|me|us|a|an|the|as)\b)*", re.I
)
_UNDO = re.compile(r"^(?:please\s+)?(?:undo|revert|take back)\b(?!.*\bmission\b)", re.I)
_TO_FILE = re.compile(r"\b(?:(?:to|into|in|as|a)\s+(?:a\s+)?(?:new\s+)?(?:text\s+|markdown\s+)?file|to disk)\b", re.I)
_NUMBER = r"\({0,9}\d(?:[\d.]|,(?=\d{3}))*\){0,9}"
_SIGN = r"(?:\*\*|[-+*/^×÷]|(?:%|percent)\s+of|plus|minus|times|divided by)"
_SUM = re.compile(rf"(?<![\w.]){_NUMBER}(?:\s*{_SIGN}\s*{_NUMBER})+(?![\w])", re.I)
_SIGNS = {"plus": "+", "minus": "-", "times": "*", "divided by": "/", "×": "*", "÷": "/", "^": "**"}
_CALCULATE = re.compile(r"\b(?:calculate|compute|what is|what's|how much is|evaluate)\b", re.I)
_NO_MATTER = frozenset(
    {"everything", "result", "report", "note", "finding", "answer", "overview", "short", "new", "markdown"}
)
_CLOCK = re.compile(
    r"\b(?:what time is it|what day is it|(?:what(?:'s| is) )?(?:the )?(?:current|today'?s) (?:date|time|day)|"
    r"what(?:'s| is) the (?:date|time))\b(?! (?:of|in|on)\b)",
    re.I,
)
_LISTING = re.compile(r"\b(?:which|what|list|show)\b.{0,20}\bfiles?\b(?! (?:say|mention))", re.I)
_NUMBERISH = re.compile(
    r"\b(?:total|sum|average|mean|median|count|number of|how many|how much|max\w*|min\w*|highest|lowest|biggest|largest|"
    r"smallest|most|least|top|best|worst|change|growth|trend|increase|decrease|difference|revenue|sales|price|cost|profit|"
    r"amount|rows?|columns?|table|per|by (?:region|month|year|product|category|country|customer)|statistics|percent\w*)\b",
    re.I,
)
_PROSEISH = re.compile(
    r"\b(?:mention\w*|quot\w*|sa(?:y|ys|id)|passages?|sentences?|memo|letter|document|page|paragraph|text|states?|risks?|"
    r"warn\w*|why|who|contract|argu\w*|conclusion\w*|recommend\w*)\b",
    re.I,
)


def kind_of(text: str, files: Sequence[File]) -> Kind:
    """Tell what a piece of a goal asks for; `files` are those it is about."""
    if question_in(text):
        text = without_question(text)
        if not re.search(r"\w", text):
            return Kind.ASK
    told_by_words = (
        (Kind.UNDO, _UNDO.match(text)),
        (Kind.REMEMBER, _REMEMBER.match(text)),
        (Kind.WRITE, file_to_write(text, files)),
        (Kind.CALCULATE, sum_in(text)),
        (Kind.RECALL, _RECALL.search(text)),
        (Kind.FILES, files and _LISTING.search(text)),
        (Kind.CLOCK, _CLOCK.search(text)),
    )
    return next((kind for kind, told in told_by_words if told), _about_files(text, files))


def _about_files(text: str, files: Sequence[File]) -> Kind:
    if not files:
        return Kind.OTHER
    tables = [f for f in files if f.is_table]
    if tables and _CHART.search(text):
        return Kind.CHART
    if len(tables) == len(files):
        return Kind.TABLE
    if all(f.is_picture for f in files):
        return Kind.PICTURE
    if tables and is_numberish(text) and not _PROSEISH.search(text):
        return Kind.TABLE
    return Kind.QUOTE


def is_numberish(text: str) -> bool:
    """Say whether a piece of a goal sounds like a question to a table."""
    return bool(_NUMBERISH.search(text))


def is_proseish(text: str) -> bool:
    """Say whether a piece of a goal sounds like a question to a document."""
    return bool(_PROSEISH.search(text))


def files_for(text: str, lead: str, files: Sequence[File]) -> list[File]:
    """Choose the files a piece is about: those it names, else those its kind of question goes to, else all."""
    for words in (text, lead):
        if named := [f for f in files if _names(words, f.name)]:
            return named
    tables, prose = [f for f in files if f.is_table], [f for f in files if not f.is_table]
    if tables and is_numberish(text) and not is_proseish(text):
        return tables
    if prose and is_proseish(text):
        return prose
    return list(files)


def _names(text: str, file: str) -> bool:
    low, name = text.lower(), file.lower()
    stem = name.rsplit(".", 1)[0]
    words = [w for w in re.split(r"[\W_\d]+", stem) if len(w) > 3]
    return name in low or (
        len(stem) > 2 and bool(re.search(rf"\b(?:{'|'.join(map(re.escape, [stem, *words]))})\b", low))
    )


def file_to_write(text: str, files: Sequence[File] = ()) -> str:
    """Name the file that is to be written ("" if none is)."""
    if not _SAVE.search(text):
        return ""
    given = {f.name.lower() for f in files}
    named = [n for n in _FILE_NAME.findall(text) if n.lower() not in given]
    named = named or [n for n in _DOCUMENT_NAME.findall(text) if n.lower() not in given]
    if named:
        return str(named[-1])
    if form := _AS_FORMAT.search(text):
        return "summary" + next(end for end, found in zip(_ENDINGS, form.groups(), strict=True) if found)
    return "summary.md" if _TO_FILE.search(text) else ""


def matter_to_write(text: str, files: Sequence[File]) -> str:
    """Take out what is to be written into a file, where the text itself says so ("" for "everything" and the like)."""
    name = file_to_write(text, files)
    if not name:
        return ""
    rest = re.sub(
        rf"\b(?:in)?(?:to|as|in)?\s*(?:a\s+)?(?:new\s+)?(?:file\s+)?(?:called\s+|named\s+)?{re.escape(name)}",
        " ",
        text,
        flags=re.I,
    )
    rest = " ".join(_TO_FILE.sub(" ", _SAVE.sub(" ", _AS_FORMAT.sub(" ", rest))).split())
    return rest if content_words(rest) - _NO_MATTER else ""


def without_chart(text: str) -> str:
    """Leave out of a piece of a goal that it is to be drawn, and from which file."""
    rest = re.sub(
        r"\b(?:from|of|in|with)\s+(?:this|the|that|my)\s+(?:csv|file|table|data|sheet|spreadsheet)\b",
        " ",
        text,
        flags=re.I,
    )
    rest = re.sub(r"\b(?:bar|line|pie|scatter|stacked|histogram)s?\b", " ", _CHART.sub(" ", rest), flags=re.I)
    return " ".join(rest.split())


def fact_in(text: str) -> str:
    """Take out the fact that is to be remembered."""
    found = _REMEMBER.match(text)
    return found[1].strip() if found else ""


def sum_in(text: str) -> str:
    """Take out an arithmetic expression ("" if there is none that was meant as one)."""
    for found in _SUM.finditer(text):
        # Dates and ranges look like subtractions: only a question makes them one.
        looks_like_range = re.fullmatch(r"\d+(?:\s*[-/]\s*\d+)+", found[0])
        if not looks_like_range or (_CALCULATE.search(text) and not re.fullmatch(r"\d{4}-\d\d?-\d\d?", found[0])):
            return _as_expression(found[0])
    return ""


def _as_expression(written: str) -> str:
    text = re.sub(r"(?<=\d),(?=\d{3})", "", written.lower())
    text = re.sub(r"([\d.]+)\s*(?:%|percent)\s+of\s+", r"\1/100*", text)
    for word, sign in _SIGNS.items():
        text = text.replace(word, sign)
    return " ".join(text.split())
