"""What a person finds in an empty conversation: goals to begin with, and sample files while no model is connected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chat.incoming import GivenFile, Incoming
from core.settings import Settings
from core.steering import Right, may

STARTERS = (
    (
        "Compare two options",
        "Compare renting and buying an electric delivery van over five years: "
        "rent 690 a month; buy for 38,000, resale value 14,000, insurance 1,200 a year. Which is cheaper, and by how much?",
    ),
    (
        "Plan a project",
        "Plan the move of a twelve-person office to a new floor in six weeks: list the tasks in order, "
        "then name the three biggest risks and how to meet them.",
    ),
    (
        "Work out a budget",
        "Work out a budget for a two-day workshop for 25 people: room 1,800, catering 38 per person and day, "
        "two trainers at 950 a day each. Give the total and the price per person.",
    ),
    (
        "Draft a message",
        "Draft a short, friendly message to customers that the service will be down on Saturday from 6 to 8 in the morning, "
        "then a second version of it for internal use.",
    ),
)
"""Label and goal; none of them needs a file."""

SAMPLES = Path(__file__).parent / "samples"
_SALES, _MEMO = ("sales.csv", "text/csv"), ("memo.md", "text/markdown")
SAMPLE_STARTERS = (
    ("Sample: sum up a table", "Total revenue per region in sales.csv, and the total revenue per month.", (_SALES,)),
    ("Sample: quote a memo", "List the risks and the deadlines in memo.md, with the exact words.", (_MEMO,)),
    (
        "Sample: two files, two operators",
        "Total revenue per region in sales.csv; then list what memo.md says about the south, with quotes.",
        (_SALES, _MEMO),
    ),
)
"""Label, goal and the sample files that go with it; what the rehearsal model can do without a mind."""


HOUSE_STARTER = (
    "How is the house doing?",
    "How is this Staffwork doing? Say what works, what does not, and what I should look at first.",
)
"""For those who look after the house: its state is told to nobody else (tools/status.py)."""


def starters(settings: Settings, role: str = "member") -> list[tuple[str, str]]:
    """Choose the goals to begin with: those with sample files as long as no model is connected; none for who may only read."""
    if not may(role, Right.WORK):
        return []
    if settings.model.startswith("rehearsal"):
        return [(label, goal) for label, goal, _ in SAMPLE_STARTERS]
    return [*STARTERS[:-1], HOUSE_STARTER] if may(role, Right.HOUSE) else list(STARTERS)


def with_samples(incoming: Incoming) -> Incoming:
    """Put the sample files with a goal that asks for them; they come in as if the person had uploaded them."""
    wanted = next((files for _, goal, files in SAMPLE_STARTERS if goal == incoming.text.strip()), ())
    if not wanted or incoming.files:
        return incoming
    return replace(incoming, files=[GivenFile(name, mime, SAMPLES / name) for name, mime in wanted])
