"""How the rehearsal model plays an operator: the next tool call, told by the kind of work and by what came back so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agents.llm.calls import ModelRequest
from agents.llm.rehearsal_asking import question_in, without_question
from agents.llm.rehearsal_charts import next_for_chart
from agents.llm.rehearsal_kinds import Kind, fact_in, kind_of, sum_in
from agents.llm.rehearsal_quotes import (
    Quote,
    next_part,
    opening_quotes,
    quotes_in,
    quotes_in_text,
    recalled_in,
    search_words,
    shown,
    wanted_number,
)
from agents.llm.rehearsal_situation import Situation, completed, failed, read_situation, without_receipt
from agents.llm.rehearsal_tables import next_for_table
from agents.llm.rehearsal_words import Move
from agents.llm.rehearsal_writing import NO_MODEL, body_of, undo, write
from agents.role_tools import ASK_USER, FINISH

_MOST_PARTS = 6


def decide(request: ModelRequest) -> Move:
    """Make the next call, or finish with what the tools returned."""
    at = read_situation(request)
    if len(at.done) > _MOST_PARTS + 4:
        return failed(f"Could not be done in {len(at.done)} tool calls.")
    if (question := question_in(at.goal)) and ASK_USER in at.tools:
        if at.last(ASK_USER) is None:
            return Move(calls=[(ASK_USER, question)])
        at = replace(at, goal=without_question(at.goal) or at.goal)
    return _named(_PLAYS[kind_of(at.goal, at.about)](at), at.goal)


def _named(move: Move, goal: str) -> Move:
    """Let a failure say what was wanted: its reader does not see the goal."""
    for tool, arguments in move.calls:
        if tool == FINISH and arguments["status"] == "failed":
            arguments["summary"] = f"{goal.rstrip('.')}: {arguments['summary']}"
    return move


def _simple(tool: str, wanted: Callable[[Situation], list[str]], title: str) -> Callable[[Situation], Move]:
    """Play a kind of work that takes one call: make it, then hand on what it returned."""

    def play(at: Situation) -> Move:
        if tool not in at.tools:
            return failed(f"This needs the tool {tool}, which this operator does not have.")
        call = at.last(tool)
        if call is None:
            return at.call(tool, *wanted(at))
        if call.failed:
            return failed(call.output)
        told, did = without_receipt(call.output)
        output = told.strip() or "Nothing came back."
        deeds = did and [{"what": output.splitlines()[0], "receipt": did}]
        return completed(output.splitlines()[0], f"### {title}\n\n{output}", deeds)

    return play


def _quote(at: Situation) -> Move:
    """Search the words of the goal, and read where the search shows nothing; without such words quote how a file begins."""
    if unreadable := [f for f in at.about if f.is_unreadable]:
        return failed("; ".join(f"{f.name} cannot be read: {f.note}" for f in unreadable))
    names = [f.name for f in at.about]
    words = search_words(at.goal, names)
    if not {"search_files", "read_file"} <= set(at.tools) or not names:
        return _other(at)
    return _search(at, names, words) if words else _opening(at, names[0])


def _search(at: Situation, names: list[str], words: list[str]) -> Move:
    found = at.last("search_files")
    if found is None:
        return at.call("search_files", " ".join(words))
    if found.failed:
        return failed(found.output)
    if quotes := quotes_in(found.output, names, at.goal):
        return _quoted(at, quotes, f"{_passages(quotes)} on {', '.join(words)}")
    return _read_on(at, names[0], words)


def _passages(quotes: list[Quote]) -> str:
    return "1 passage" if len(quotes) == 1 else f"{len(quotes)} passages"


def _opening(at: Situation, name: str) -> Move:
    read = at.last("read_file")
    if read is None:
        return at.call("read_file", name)
    return failed(read.output) if read.failed else _quoted(at, opening_quotes(read.output, name), "How it begins")


def _read_on(at: Situation, name: str, words: list[str]) -> Move:
    """Read a file part by part: the search shows the best places of all files, and this one may not be among them."""
    read = [c for c in at.done if c.tool == "read_file"]
    if read and read[-1].failed:
        return failed(read[-1].output)
    if quotes := [q for c in read for q in quotes_in_text(c.output, name, at.goal)]:
        return _quoted(at, quotes, f"{_passages(quotes)} on {', '.join(words)}")
    more = next_part(read[-1].output) if read else {}
    if not read or (more and len(read) < _MOST_PARTS):
        return Move(calls=[("read_file", {"file": name} | more)])
    where = f"the first {len(read)} parts of {name}" if more else name
    return failed(f"None of these words stand in {where}: {', '.join(words)}.")


def _quoted(at: Situation, quotes: list[Quote], what: str) -> Move:
    wanted = wanted_number(at.goal)
    short = f" ({wanted} were asked for)" if wanted and len(quotes) < wanted else ""
    places = "; ".join(dict.fromkeys(q.place for q in quotes))
    return completed(f"{what}{short}: {places}.", f"### {at.goal}\n\n{shown(quotes)}")


def _recall(at: Situation) -> Move:
    """Look up what was said and kept, and quote what shares words with the goal."""
    if "recall" not in at.tools:
        return failed("This operator cannot look into what was said or kept.")
    call = at.last("recall")
    if call is None:
        return at.call("recall", " ".join(search_words(at.goal, [])) or at.goal, "everything")
    if call.failed:
        return failed(call.output)
    if quotes := recalled_in(call.output, at.goal):
        return completed(f"Found again: {quotes[0].text[:200]}", f"### {at.goal}\n\n{shown(quotes)}")
    return failed("Nothing that was said or kept shares words with this.")


def _other(at: Situation) -> Move:
    """Look whether reports or memory say anything; without a model nothing else can be done honestly."""
    if bodies := [b for b in (body_of(s) for s in at.reports) if b]:
        return completed(f"Handed on as reported; {NO_MODEL}.", f"### {at.goal}\n\n" + "\n\n".join(bodies))
    recalled = at.last("recall")
    may_help = recalled is None or bool(recalled_in(recalled.output, at.goal, least=2))
    if "recall" in at.tools and search_words(at.goal, []) and may_help:
        return _recall(at)
    return failed(f"nothing was found that says so, and {NO_MODEL}.")


def _picture(at: Situation) -> Move:
    """Open a picture, and say what can be told without seeing it: its size and its type."""
    name = at.about[0].name
    if "view_picture" not in at.tools:
        return failed(f"The rehearsal model cannot see pictures, so nothing can be said of {name}.")
    call = at.last("view_picture")
    if call is None:
        return at.call("view_picture", name)
    told = call.output.splitlines()[0] if call.output else ""
    return failed(
        told if call.failed else f"{told} What is in it cannot be said: the rehearsal model cannot see pictures."
    )


def _asked(at: Situation) -> Move:
    """Hand on what the user answered."""
    answer = at.last(ASK_USER)
    if answer is None:
        return failed("This operator cannot ask.")
    said = answer.output.removeprefix("The user answered: ")
    question = str(answer.arguments.get("question", ""))
    return completed(f"{question} {said}", f"### {question}\n\n{said}")


_PLAYS: dict[Kind, Callable[[Situation], Move]] = {
    Kind.TABLE: lambda at: next_for_table(at) if {"profile_table", "query_table"} <= set(at.tools) else _quote(at),
    Kind.QUOTE: _quote,
    Kind.CALCULATE: _simple("calculate", lambda at: [sum_in(at.goal)], "Calculated"),
    Kind.REMEMBER: _simple("remember", lambda at: [fact_in(at.goal)], "Remembered"),
    Kind.RECALL: _recall,
    Kind.WRITE: write,
    Kind.UNDO: undo,
    Kind.CHART: next_for_chart,
    Kind.PICTURE: _picture,
    Kind.CLOCK: _simple("now", lambda at: [], "Date and time"),
    Kind.FILES: _simple("list_files", lambda at: [], "Files"),
    Kind.ASK: _asked,
    Kind.OTHER: _other,
}
