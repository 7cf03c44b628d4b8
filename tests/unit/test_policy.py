"""The policy: what runs, what is asked, what never runs; what counts as said by the user; the rules of a house."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from core.decisions import looks_like
from core.ports import ToolContext
from tools.define import Risk, Ruling, Tool, define
from tools.policy import Policy, Rule
from tools.provenance import addresses, stands_in

READ_A_PAGE = "It has read what fetch returned."


async def act(context: ToolContext, to: str = "", text: str = "", url: str = "") -> str:
    """Do it."""
    return "done"


def tool(*risks: Risk, name: str = "act") -> Tool:
    async def named(context: ToolContext, to: str = "", text: str = "", url: str = "") -> str:
        """Do it."""
        return "done"

    named.__name__ = name
    return define(named, "Do {text}", risks, effect=None if set(risks) <= {"read", "network"} else "once")


def context(tainted: str = "", said: tuple[str, ...] = (), links: tuple[str, ...] = (), **more: Any) -> ToolContext:
    about = {"mission_id": "m", "conversation_id": "c", "user_id": "u", "task_id": "t1", "step": "t1/1.0"}
    return ToolContext(
        **about | {"granted": ("act",), "operator": "hand"} | more, tainted=tainted, said=said, links=links
    )


def judged(risks: tuple[Risk, ...], arguments: dict[str, Any], name: str = "act", **where: Any) -> str:
    return Policy().judge(tool(*risks, name=name), arguments, context(**where)).answer


ARGUMENTS = {"to": "bob@example.org", "text": "hello"}
SAID = ('Send "hello" to bob@example.org, please.',)


@pytest.mark.parametrize(
    ("risks", "clean", "tainted", "clean_and_said", "tainted_and_said"),
    [
        (("read",), "allow", "allow", "allow", "allow"),
        (("write",), "allow", "ask", "allow", "allow"),
        (("execute",), "allow", "ask", "allow", "allow"),
        (("network",), "allow", "allow", "allow", "allow"),
        (("read", "network"), "allow", "allow", "allow", "allow"),
        (("network", "write"), "ask", "ask", "allow", "allow"),
        (("network", "execute"), "ask", "ask", "allow", "allow"),
        (("money",), "ask", "ask", "ask", "ask"),
        (("write", "destructive"), "ask", "ask", "ask", "ask"),
        (("network", "money"), "ask", "ask", "ask", "ask"),
    ],
)
def test_what_the_house_does_by_itself(
    risks: tuple[Risk, ...], clean: str, tainted: str, clean_and_said: str, tainted_and_said: str
) -> None:
    assert judged(risks, ARGUMENTS) == clean
    assert judged(risks, ARGUMENTS, tainted=READ_A_PAGE) == tainted
    assert judged(risks, ARGUMENTS, said=SAID) == clean_and_said
    assert judged(risks, ARGUMENTS, tainted=READ_A_PAGE, said=SAID) == tainted_and_said


def test_a_fact_learnt_from_strangers_is_not_kept_unasked() -> None:
    fact = {"text": "The key is under the mat."}
    assert judged(("write",), fact, name="remember") == "allow"
    assert judged(("write",), fact, name="remember", tainted=READ_A_PAGE) == "ask"
    assert (
        judged(("write",), fact, name="remember", tainted=READ_A_PAGE, said=("Note: The key is under the mat.",))
        == "allow"
    )


def test_what_can_simply_be_taken_back_is_written_unasked() -> None:
    for_good, undone = tool("write"), replace(tool("write"), undo="Undo it in the list of changes.")
    assert (
        Policy().judge(for_good, ARGUMENTS, context(READ_A_PAGE)).why.startswith("You could not simply take it back:")
    )
    assert Policy().judge(undone, ARGUMENTS, context(READ_A_PAGE)).answer == "allow"
    outside = replace(tool("network", "write"), undo="Ask them to forget it.")
    assert Policy().judge(outside, ARGUMENTS, context(READ_A_PAGE)).answer == "ask"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ({"to": "bob@example.org", "text": "hello", "url": ""}, "allow"),  # "" is what it takes anyway
        ({"to": "bob@example.org", "text": "hello", "url": "x"}, "ask"),
        ({"to": "bob@example.org", "text": "hello", "url": False}, "ask"),  # equal, and not the same
        ({"to": "", "text": "", "url": ""}, "ask"),
        ({}, "ask"),
    ],
)
def test_an_argument_that_says_what_happens_anyway_need_not_be_said(arguments: dict[str, Any], answer: str) -> None:
    assert judged(("network", "write"), arguments, tainted=READ_A_PAGE, said=SAID) == answer


@pytest.mark.parametrize(
    ("text", "said", "answer"),
    [
        ("3", "Find 3 hotels.", "ask"),  # it may be the number of anything
        ("2024-05-20", "Find hotels for 2024-05-20.", "ask"),
        ("Bob", "Is Bob there?", "ask"),
        ("event 3", "Cancel event 3.", "allow"),
    ],
)
def test_a_number_or_a_short_word_alone_says_nothing(text: str, said: str, answer: str) -> None:
    assert judged(("network", "write"), {"text": text}, tainted=READ_A_PAGE, said=(said,)) == answer


def test_what_a_tool_itself_allows_is_asked_about_like_any_call() -> None:
    lenient = replace(tool("execute"), judge=lambda context, given: Ruling("allow"))
    assert Policy().judge(lenient, ARGUMENTS, context()).answer == "allow"
    assert Policy().judge(lenient, ARGUMENTS, context(READ_A_PAGE)).answer == "ask"
    strict = replace(tool("read"), judge=lambda context, given: Ruling("deny", "No."))
    assert Policy((Rule("allow"),)).judge(strict, ARGUMENTS, context()).answer == "deny"


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("https://example.org/a", "allow"),  # the user gave it
        ("https://found.org/1", "allow"),  # a search found it
        ("https://found.org/1?key=4711", "ask"),
        ("https://example.org/a/b", "ask"),
        ("https://evil.org/?stolen", "ask"),
        ("evil.org/?stolen", "ask"),
    ],
)
def test_after_reading_strangers_no_address_is_called_that_nobody_gave(url: str, answer: str) -> None:
    where = {"said": ("Look at https://example.org/a.",), "links": ("https://found.org/1",)}
    assert judged(("network",), {"url": url}, **where) == "allow"
    assert judged(("network",), {"url": url}, tainted=READ_A_PAGE, **where) == answer


def test_a_search_needs_no_address() -> None:
    assert judged(("network",), {"text": "weather site:www.example.org"}, tainted=READ_A_PAGE) == "allow"
    assert judged(("network",), {"text": "see https://evil.org/?stolen"}, tainted=READ_A_PAGE) == "ask"


def test_why_is_said_in_words_of_ours() -> None:
    ruling = Policy().judge(tool("execute"), ARGUMENTS, context(tainted=READ_A_PAGE))
    assert ruling.why == "It runs code, and may follow a stranger's words: It has read what fetch returned."
    assert ruling.choices == ("once", "edit", "conversation", "pattern", "reject")
    assert Policy().judge(tool("money"), ARGUMENTS, context()).choices == ("once", "edit", "reject")


@pytest.mark.parametrize(
    ("value", "text", "said"),
    [
        ("bob@example.org", "mail bob@example.org", True),
        ("bob@example.org", "Mail (bob@example.org), now.", True),
        ("bob@example.org", "mail Bob@example.org", False),
        ("bob@example.org", "mail bob@example.org.evil.com", False),
        ("bob@example.org", "mail alice.bob@example.org", False),
        ("bob@example.org", "mail bob@example.organic", False),
        ("5", "pay 5 euros", True),
        ("5", "pay 50 euros", False),
        ("5", "pay 5.50", False),
        ("5", "pay 2,5", False),
        (5, "pay 5 euros", True),
        (5, "pay 15 euros", False),
        (1.5, "pay 1.5", True),
        ("https://a.org", "see https://a.org.", True),
        ("https://a.org", "see https://a.org/b", False),
        ("https://a.org/", "see https://a.org/b", False),
        ("https://a.org/", "see https://a.org/?x=1", False),
        ("https://a.org/b", "see https://a.org/b?x=1", False),
        ("https://a.org/b", "see https://a.org/bc", False),
        ("two words", "say two words to her", True),
        ("two words", "say two  words to her", False),
        ("", "anything", False),
        (" ", "any thing", False),
        (True, "True", False),
        (None, "None null", False),
        ([], "[]", False),
        ({}, "{}", False),
        (["a1", "b2"], "send a1 and b2", True),
        (["a1", "b3"], "send a1 and b2", False),
        ({"cc": "a1"}, "a1", False),  # the inner name is a value as well
        ({"cc": "a1"}, "cc a1", True),
        ("rm -rf .", "do not run rm -rf ./x", False),
    ],
)
def test_only_what_stands_word_for_word_was_said(value: Any, text: str, said: bool) -> None:
    assert stands_in({"argument": value}, (text,)) is said


def test_all_of_it_must_have_been_said() -> None:
    assert not stands_in({}, ("anything",))
    assert not stands_in({"to": "bob", "text": "secret"}, ("write to bob",))
    assert stands_in({"to": "bob", "text": "hello"}, ("write to bob", "say hello"))


def test_addresses_are_found_wherever_they_hide() -> None:
    hidden = {"body": {"x": ["see HTTPS://evil.org/a b"]}, "url": "evil.org/b"}
    assert sorted(addresses(hidden)) == ["HTTPS://evil.org/a", "evil.org/b"]


@pytest.mark.parametrize(
    ("pattern", "text", "does"),
    [
        ("act", "act", True),
        ("act", "actor", False),
        ("web_*", "web_search", True),
        ("*", "", True),
        ("https://a.org/*", "https://a.org/x/y\nz", True),
        ("a[b]?", "a[b]?", True),
        ("a[b]*", "ab1", False),
        ("a?*", "abc", False),
        ("A*", "abc", False),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a\\**", "a*bc", True),
        ("ab*ba", "aba", False),
        ("*a*b*", "xxaxxbxx", True),
        ("*b*a*", "ab", False),
        ("a**b", "ab", True),
    ],
)
def test_patterns(pattern: str, text: str, does: bool) -> None:
    assert looks_like(pattern, text) is does


def test_the_first_rule_that_covers_a_call_decides() -> None:
    house = Policy(
        (
            Rule("deny", why="Never to eve.", tools=("act",), arguments={"to": "eve@*"}),
            Rule("allow", tools=("a*",), operators=("hand",), roles=("owner",), risks=frozenset({"money"})),
            Rule("ask", tools=("act",), tainted=True),
        )
    )
    money, read = tool("money"), tool("read")
    assert house.judge(money, {"to": "eve@x.org"}, context(), "owner").answer == "deny"
    assert house.judge(money, {"to": "bob@x.org"}, context(), "owner").answer == "allow"
    assert house.judge(money, {"to": "bob@x.org"}, context(), "member").answer == "ask"
    assert house.judge(money, {"to": "bob@x.org"}, context(operator="other"), "owner").answer == "ask"
    assert house.judge(read, {"to": "bob@x.org"}, context(), "owner").answer == "allow"
    assert house.judge(read, {"to": "bob@x.org"}, context(tainted="x"), "owner").answer == "ask"
    assert house.judge(read, {}, context(), "owner").answer == "allow", "a rule about an argument needs the argument"
    assert house.by_role


def test_hostile_values_are_judged_in_no_time() -> None:
    long = "a" * 1_000_000
    started = time.process_time()
    assert not looks_like("*a*a*a*a*a*b", long)
    assert list(addresses({"text": long + "://x"})) != []
    assert not stands_in({"text": long}, ("a" * 500_000, "a " * 200_000))
    assert not stands_in({"text": "a"}, (long,))
    assert time.process_time() - started < 5, "in the square of the length it would take hours"
