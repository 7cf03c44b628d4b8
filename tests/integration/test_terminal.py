"""The terminal, as a person at it would use it: the real command in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sample_files import make_memo, make_sales
from wire_replies import WireReply
from wire_servers import WireServer

GOAL = "Compare the two files: total revenue per region, the biggest change, and three risks mentioned in the memo"
TOTALS = {"North": 2700, "South": 1600, "East": 820, "West": 1290}
RISKS = ("the main supplier may raise prices", "two key people are leaving", "the new tax rule could delay")


LINES = (
    "Risk one: the main supplier may raise prices in March.",
    "Risk two: two key people are leaving the southern office.",
    "Risk three: the new tax rule could delay deliveries.",
)


class Terminal:
    """Runs `staffwork` over one data folder."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        given = {f"STAFFWORK_{name.upper()}": str(value) for name, value in settings.items()}
        self.environment = {**os.environ, "STAFFWORK_DATA_DIR": str(folder / "data"), **given}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "chat.terminal", *words],
            cwd=Path(__file__).parents[2],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def events(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        code, out, err = self.run(*words, "--json")
        assert out, err
        return code, [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    sales, memo = make_sales(tmp_path / "sales.csv"), make_memo(tmp_path / "memo.pdf")
    return ["--file", str(sales), "--file", str(memo)]


def most_at_once(events: list[dict[str, Any]]) -> int:
    """Count how many operators were at work at the same time, at the most."""
    now = most = 0
    for event in events:
        now += {"task_started": 1, "task_ended": -1}.get(event["kind"], 0)
        most = max(most, now)
    return most


def check_report(code: int, events: list[dict[str, Any]]) -> None:
    """Hold a finished comparison against the files: totals, quotes with pages, operators side by side, the last line."""
    end = events[-1]
    assert (code, end["kind"], end["status"]) == (0, "mission_ended", "completed"), end
    assert most_at_once(events) >= 2
    for region, total in TOTALS.items():
        assert region in end["answer"]
        assert str(total) in end["answer"]
    quoted = [s for s in end["sources"] if s["file"] == "memo.pdf"]
    assert all(s["page"] == 2 for s in quoted)
    assert all(any(risk in s["quote"] for s in quoted) for risk in RISKS)
    calls = [e for e in events if e["kind"] == "model_replied"]
    assert end["usage"]["model_calls"] == len(calls)
    assert end["usage"]["tokens_in"] == sum(e["usage"]["tokens_in"] for e in calls)
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert all(e["mission_id"] == end["mission_id"] and e["at"] for e in events)


def test_the_rehearsal_model_compares_two_files(tmp_path: Path, files: list[str]) -> None:
    check_report(*Terminal(tmp_path).events("ask", GOAL, *files))


def play(body: dict[str, Any]) -> WireReply:
    """Play a model that works on the acceptance goal, told by the tools it is offered and what came back so far."""
    tools = {t.get("name") or t["function"]["name"] for t in body.get("tools", [])}
    said = json.dumps(body["messages"])
    if "make_plan" in tools:
        tasks = [
            {"operator": "analyst", "goal": "Total revenue per region"},
            {"operator": "analyst", "goal": "The biggest change of revenue"},
            {"operator": "researcher", "goal": "Three risks in memo.pdf"},
        ]
        return WireReply(calls=[("c1", "make_plan", {"note": "Three parts.", "tasks": tasks})], tokens_in=900)
    if "finish" not in tools:
        rows = "\n".join(f"- {region}: {total}" for region, total in TOTALS.items())
        return WireReply(text=f"Totals\n{rows}\n\nRisks: {' '.join(LINES)} [memo.pdf, page 2]", tokens_in=700)
    answered = "c2" in said
    if "Three risks" in said:
        quotes = [f'"{line}" [memo.pdf, page 2]' for line in LINES]
        search = WireReply(calls=[("c2", "search_files", {"query": "risk"})], first_token=0.2)
        return WireReply(text="\n".join(quotes)) if answered else search
    if answered:
        return WireReply(text="Done.")
    sql = "SELECT region, sum(revenue) AS total FROM sales GROUP BY 1"
    return WireReply(calls=[("c2", "query_table", {"sql": sql, "files": ["sales.csv"]})], first_token=0.2)


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_provider_on_its_own_wire_does_the_same(tmp_path: Path, files: list[str], wire: str) -> None:
    with WireServer(play, wire) as server:
        model = {"openai": "openai:gpt-5-mini", "anthropic": "anthropic:claude-opus-4-8"}[wire]
        keys = {f"{wire}_api_key": "sk-test-0123456789abcdef", f"{wire}_base_url": server.base_url}
        code, events = Terminal(tmp_path, model=model, **keys).events("ask", GOAL, *files)
    assert server.violations == []
    check_report(code, events)
    returned = {e["step"]: e for e in events if e["kind"] == "tool_returned"}
    assert "2700" in returned["t1/1.0"]["output"], "the totals must come from the tool"
    assert events[-1]["usage"]["cost"] > 0


def test_a_question_is_asked_and_answered_in_a_later_process(tmp_path: Path) -> None:
    def script(body: dict[str, Any]) -> WireReply:
        if "The user answered: 2025" in json.dumps(body["messages"]):
            return WireReply(text="Then it is 2025.")
        return WireReply(calls=[("c1", "ask_user", {"question": "Which year?"})])

    with WireServer(script, "openai") as server:
        desk = Terminal(tmp_path, model="compatible:m", compatible_base_url=server.base_url)
        code, events = desk.events("ask", "Report the year")
        assert (code, events[-1]["status"], events[-1]["answer"]) == (3, "waiting_answer", "Which year?")
        code, events = desk.events("answer", events[-1]["mission_id"][:13], "2025")
    assert (code, events[-1]["answer"]) == (0, "Then it is 2025.")


def test_a_key_that_is_refused_ends_in_plain_words(tmp_path: Path) -> None:
    with WireServer(
        [WireReply(fault="status", status=401, message="bad key sk-test-0123456789abcdef")], "openai"
    ) as server:
        keys = {"openai_api_key": "sk-test-0123456789abcdef", "openai_base_url": server.base_url}
        desk = Terminal(tmp_path, model="openai:gpt-5-mini", **keys)
        code, [report] = desk.events("doctor")
        (model,) = [c for c in report["checks"] if c["name"] == "model"]
        assert (code, report["ok"], "status 401" in model["problem"], bool(model["fix"])) == (1, False, True, True)
        code, out, err = desk.run("ask", "Hello")
    assert code == 4
    assert "key" in err
    assert "sk-test-0123456789abcdef" not in out + err
    assert "Traceback" not in err


def test_a_limit_has_an_exit_code_of_its_own(tmp_path: Path, files: list[str]) -> None:
    code, events = Terminal(tmp_path, mission_model_calls=1).events("ask", GOAL, *files)
    assert code == 5
    assert events[-1]["status"] == "failed"
    assert "1 model calls" in events[-1]["problem"]


def test_ctrl_c_cancels_the_mission(tmp_path: Path) -> None:
    with WireServer(lambda body: WireReply(fault="hang"), "openai") as server:
        desk = Terminal(tmp_path, model="compatible:m", compatible_base_url=server.base_url)
        process = desk.start("ask", "Wait for it", "--json")
        while not server.asked:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["status"] == "cancelled"
    code, rows = desk.events("missions", "list")
    assert (code, [r["status"] for r in rows]) == (0, ["cancelled"])


def test_missions_are_listed_and_shown(tmp_path: Path) -> None:
    desk = Terminal(tmp_path)
    assert "No missions yet" in desk.run("missions", "list")[1]
    desk.run("ask", "Hello")
    _, [row] = desk.events("missions", "list")
    code, [shown] = desk.events("missions", "show", row["id"][:18])
    assert code == 0
    assert shown["goal"] == "Hello"
    assert shown["end"]["status"] == "completed"
    assert shown["events"][0]["kind"] == "mission_accepted"
    assert desk.run("missions", "show", "nothing-like-it")[0] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ask", "Read it", "--file", "no-such-file.csv"), "no-such-file.csv: there is no such file."),
        (("ask", "   "), "The message is empty."),
        (("answer", "nothing", "text"), "There is no mission nothing."),
    ],
)
def test_wrong_use_is_said_in_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    code, _, err = Terminal(tmp_path).run(*words)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_a_bad_setting_stops_every_command_with_one_line(tmp_path: Path) -> None:
    code, out, err = Terminal(tmp_path, port="many").run("config")
    assert (code, out) == (2, "")
    assert err.startswith("STAFFWORK_PORT: ")
    assert len(err.splitlines()) == 1


def test_config_masks_secrets_and_the_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    desk = Terminal(tmp_path, openai_api_key="sk-test-0123456789abcdef")
    code, out, _ = desk.run("config")
    assert code == 0
    assert "STAFFWORK_OPENAI_API_KEY=(set)" in out
    assert "sk-test" not in out
    code, [report] = desk.events("doctor")
    assert code == 0
    assert report["ok"]
    assert {c["name"] for c in report["checks"]} >= {"python", "database", "index", "disk", "model"}
    (tmp_path / "data" / "staffwork.db").write_bytes(b"this is no database" * 100)
    for leftover in ("staffwork.db-wal", "staffwork.db-shm"):
        (tmp_path / "data" / leftover).unlink(missing_ok=True)
    code, [report] = desk.events("doctor")
    assert code == 1
    assert any("damaged" in c["problem"] and c["fix"] for c in report["checks"])
