"""The rules of a house as a file: read, and every mistake named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import Misconfigured
from tools.policy import Policy
from tools.policy_file import load_policy

FILE = """
# the house
[[rule]]
answer = "deny"
tool = ["act", "other_*"]
arguments = { to = "eve@*" }
why = "Never to eve."

[[rule]]
answer = "allow"
risk = "money"
role = "owner"
operator = "hand"
tainted = false
"""


def test_a_policy_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    assert load_policy(path) == Policy()
    path.write_text(FILE)
    first, second = load_policy(path).rules
    assert (first.answer, first.tools, dict(first.arguments), first.line) == (
        "deny",
        ("act", "other_*"),
        {"to": "eve@*"},
        3,
    )
    assert (second.roles, second.risks, second.tainted, second.line) == (("owner",), frozenset({"money"}), False, 9)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('answer = "deny"', 'answer = "perhaps"', 4, "answer: say allow, ask or deny."),
        ('answer = "deny"\n', "", 3, "answer is missing."),
        ('why = "Never to eve."', "why = 3", 7, "why: give a text"),
        ('risk = "money"', 'risk = "danger"', 11, "'danger' is no risk."),
        ('role = "owner"', 'role = "king"', 12, "'king' is no role."),
        ("tainted = false", 'tainted = "no"', 14, "tainted: say true or false."),
        ("tainted = false", "colour = 1", 14, "colour: there is no such field."),
        ('tool = ["act", "other_*"]', "tool = []", 5, "the list is empty"),
        ('arguments = { to = "eve@*" }', 'arguments = "eve"', 6, "arguments: give argument"),
        ("# the house", "default = 1", 2, "there is only [[rule]]"),
        ("[[rule]]", "[rule]", 3, "[[rule]]"),
        ("[[rule]]", "[[rule", 3, "not TOML"),
    ],
)
def test_every_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    path = tmp_path / "policy.toml"
    text = (
        FILE.replace(old, new, 1)
        if old != "[[rule]]" or new != "[rule]"
        else FILE.split("[[rule]]", 2)[0] + "[rule]\nanswer='ask'\n"
    )
    path.write_text(text)
    with pytest.raises(Misconfigured) as problem:
        load_policy(path)
    assert f"line {line}" in str(problem.value)
    assert words in str(problem.value)
    assert "policy.toml" in str(problem.value)
