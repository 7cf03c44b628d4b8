"""How the rehearsal model plays an operator: the next tool call, told by the kind of work and by what came back so far."""

from __future__ import annotations

from collections.abc import Callable

from agents.llm.calls import ModelRequest
from agents.llm.rehearsal_kinds import Kind, fact_in, file_to_write, kind_of, sum_in
from agents.llm.rehearsal_quotes import Quote, opening_quotes, quotes_in, search_words, shown, wanted_number
from agents.llm.rehearsal_reading import Section
from agents.llm.rehearsal_situation import Situation, completed, failed, read_situation
from agents.llm.rehearsal_tables import next_for_table
from agents.llm.rehearsal_words import Move

_NO_MODEL = "no language model is connected to think about it"


def decide(request: ModelRequest) -> Move:
    """Make the next call, or finish with what the tools returned."""
    at = read_situation(request)
    if len(at.done) >= 2 * len(at.files) + 6:
        return failed(f"Could not be done in {len(at.done)} tool calls.")
    return _PLAYS[kind_of(at.goal, at.about)](at)


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
        first_line = call.output.strip().splitlines()[0] if call.output.strip() else "Nothing came back."
        return completed(f"{title}: {first_line}", f"### {title}\n\n{call.output.strip()}")

    return play


def _quote(at: Situation) -> Move:
    """Search the words of the goal; if they do not stand there, quote how the file begins, and say which of both it is."""
    if "search_files" not in at.tools:
        return _other(at)
    names = [f.name for f in at.about]
    words = search_words(at.goal, names)
    if unreadable := [f for f in at.about if f.note]:
        return failed("; ".join(f"{f.name} cannot be read: {f.note}" for f in unreadable))
    if words and (found := at.last("search_files")) is None:
        return at.call("search_files", " ".join(words))
    if words and found is not None and (quotes := quotes_in(found.output, names, at.goal)):
        return _quoted(
            at, quotes, f"{len(quotes)} {'passage' if len(quotes) == 1 else 'passages'} on {', '.join(words)}"
        )
    if words and found is not None and found.failed:
        return failed(found.output)
    return _opening(at, names, words)


def _opening(at: Situation, names: list[str], words: list[str]) -> Move:
    if words:
        return failed(f"None of these words stand in {', '.join(names)}: {', '.join(words)}.")
    if "read_file" not in at.tools or not names:
        return _other(at)
    if (read := at.last("read_file")) is None:
        return at.call("read_file", names[0])
    if read.failed:
        return failed(read.output)
    return _quoted(at, opening_quotes(read.output, names[0]), "The beginning, word for word")


def _quoted(at: Situation, quotes: list[Quote], what: str) -> Move:
    wanted = wanted_number(at.goal)
    short = f" ({wanted} were asked for)" if wanted and len(quotes) < wanted else ""
    places = "; ".join(dict.fromkeys(q.place for q in quotes))
    return completed(f"{what}{short}: {places}.", f"### {at.goal}\n\n{shown(quotes)}")


def _write(at: Situation) -> Move:
    """Write a file from the reports alone."""
    name = file_to_write(at.goal, at.files)
    bodies = [b for b in (_body(s) for s in at.reports) if b]
    if not bodies:
        return failed(f"There is nothing to write into {name}: no report was given, and {_NO_MODEL}.")
    if (written := at.last("write_file")) is not None:
        if written.failed:
            return failed(written.output)
        return completed(f"Saved {name} with what the other operators reported.", f"### {at.goal}\n\n{written.output}")
    if "write_file" not in at.tools:
        return failed("This operator cannot write files.")
    return at.call("write_file", name, "\n\n".join(bodies) + "\n")


def _body(report: Section) -> str:
    """Take the result out of a report, without its summary and its list of places."""
    if not report.marks.get("status", "").startswith("completed"):
        return f"### Not done\n\n{report.text}"
    start = report.text.find("### ")
    body = report.text[start:] if start >= 0 else report.text
    return body.split("\n\nSources: ")[0].strip()


def _other(at: Situation) -> Move:
    """Look whether memory or the conversation says anything; without a model nothing else can be done honestly."""
    words = search_words(at.goal, [])
    if "recall" in at.tools and words and at.last("recall") is None:
        return at.call("recall", " ".join(words))
    recalled = at.last("recall")
    if recalled is not None and not recalled.failed and "page" in recalled.output:
        return completed("Passages that share words with this task.", f"### {at.goal}\n\n{recalled.output}")
    if bodies := [b for b in (_body(s) for s in at.reports) if b]:
        return completed(f"Handed on as reported; {_NO_MODEL}.", f"### {at.goal}\n\n" + "\n\n".join(bodies))
    return failed(f"Not done: it needs judgement or writing, and {_NO_MODEL}.")


_PLAYS: dict[Kind, Callable[[Situation], Move]] = {
    Kind.TABLE: lambda at: next_for_table(at) if "query_table" in at.tools else _quote(at),
    Kind.QUOTE: _quote,
    Kind.CALCULATE: _simple("calculate", lambda at: [sum_in(at.goal)], "Calculated"),
    Kind.REMEMBER: _simple("remember", lambda at: [fact_in(at.goal)], "Remembered"),
    Kind.RECALL: _simple(
        "recall", lambda at: [" ".join(search_words(at.goal, [])) or at.goal, "everything"], "Found again"
    ),
    Kind.WRITE: _write,
    Kind.CLOCK: _simple("now", lambda at: [], "Date and time"),
    Kind.FILES: _simple("list_files", lambda at: [], "Files"),
    Kind.OTHER: _other,
}
