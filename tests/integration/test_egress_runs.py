"""Code with a way out: only where hosts are open, only when a person allowed it, and only to those hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from egress_fixtures import CONTEXT, PUBLIC, Internet
from runner_fixtures import runner
from sandbox_fixtures import opened, work
from tools_fixtures import Desk, ListChanges

from core.decisions import ToolCall
from core.ports import ToolOutcome, Wish
from tools.changes import Changes
from tools.execute import ExecuteTools
from tools.policy import ONE_BY_ONE, Policy, Rule
from tools.sandbox.terms import Hands
from tools.toolbox import GatedToolbox

pytestmark = pytest.mark.sandbox
FETCH = (
    "import sys, urllib.request, urllib.error\n"
    "try: print(urllib.request.urlopen(sys.stdin.read().strip() or {url!r}, timeout=20).read().decode())\n"
    "except urllib.error.URLError as e: print('refused', getattr(e, 'code', ''), e.read().decode() if hasattr(e, 'read') else e)"
)


class Person:
    """Allows what is asked, or nothing, and remembers what it was asked."""

    def __init__(self, allows: bool) -> None:
        self.allows, self.asked = allows, list[Wish]()

    async def permits(self, wish: Wish) -> bool:
        self.asked.append(wish)
        return self.allows

    async def role_of(self, user_id: str) -> str:
        return "owner"


@pytest.fixture(scope="module", params=["here", "runner"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Hands]]:
    root = tmp_path_factory.mktemp(request.param)
    work(root)
    if request.param == "here":
        yield root, asyncio.run(opened(root, sandbox_seconds=30))
        return
    with runner(root, sandbox_seconds=30) as sandbox:
        yield root, sandbox


@pytest.fixture
async def internet() -> AsyncIterator[Internet]:
    async with Internet().up() as up:
        yield up


def gate(place: tuple[Path, Hands], internet: Internet, person: Person, policy: Policy | None = None) -> GatedToolbox:
    root, sandbox = place
    desk = Desk(root / "data", sandbox=sandbox)
    changes = Changes.at(root / "data" / "workspaces", desk.blobs, ListChanges())
    tools = ExecuteTools(sandbox, changes, desk.blobs, None, internet.egress(root)).tools()
    return GatedToolbox(tools, seconds=60, output_bytes=16_000, at_once=8, mask=str, policy=policy, authority=person)


async def use(box: GatedToolbox, name: str, **arguments: object) -> ToolOutcome:
    context = CONTEXT.model_copy(update={"granted": ("run_python", "run_shell")})
    return await box.call(ToolCall(id="1", name=name, arguments=arguments), context)


async def test_the_argument_exists_only_where_hosts_are_open(place: tuple[Path, Hands], internet: Internet) -> None:
    box = gate(place, internet, Person(True))
    assert all("network" in spec.parameters["properties"] for spec in box.offer(["run_python", "run_shell"]))
    desk = Desk(place[0] / "data", sandbox=place[1])
    assert not any(
        "network" in spec.parameters["properties"] for spec in desk.toolbox.offer(["run_python", "run_shell"])
    )
    refused = await desk.use("run_python", code="print(1)", network=True)
    assert refused.status == "failed"
    assert "no such argument" in refused.output


async def test_a_person_is_asked_each_time_and_without_them_nothing_runs(
    place: tuple[Path, Hands], internet: Internet
) -> None:
    person = Person(False)
    box = gate(place, internet, person)
    asked = await use(box, "run_shell", command="touch ran", network=True)
    assert (asked.status, asked.wish and asked.wish.choices) == ("approval", ONE_BY_ONE)
    assert "internet" in person.asked[0].why
    assert not (place[0] / "data" / "workspaces" / "c1" / "ran").exists()
    assert (await use(box, "run_shell", command="echo fine")).output == "fine"  # nobody is asked about that
    assert len(person.asked) == 1


async def test_a_rule_of_the_house_can_forbid_it(place: tuple[Path, Hands], internet: Internet) -> None:
    never = Policy((Rule("deny", risks=frozenset({"network"})),))
    box = gate(place, internet, Person(True), never)
    assert (await use(box, "run_python", code="print(1)", network=True)).status == "refused"
    assert (await use(box, "run_python", code="print(1)")).output == "1"


async def test_programs_find_the_proxy_and_reach_what_is_open(place: tuple[Path, Hands], internet: Internet) -> None:
    box = gate(place, internet, Person(True))
    outcome = await use(box, "run_python", code=FETCH.format(url="http://open.example.org/x"), network=True)
    assert outcome.output.startswith("hello\n"), outcome.output
    assert "Network: GET open.example.org (" in outcome.output
    assert outcome.tainted
    assert internet.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "url",
    ["http://evil.example.com/", "http://169.254.169.254/", "http://inner.example.org/", "https://evil.example.com/"],
)
async def test_what_is_not_open_is_refused_and_told(place: tuple[Path, Hands], internet: Internet, url: str) -> None:
    outcome = await use(gate(place, internet, Person(True)), "run_python", code=FETCH.format(url=url), network=True)
    assert "refused" in outcome.output
    assert "Network: " in outcome.output
    assert internet.connected == []


async def test_there_is_no_other_way_out(place: tuple[Path, Hands], internet: Internet) -> None:
    code = (
        "import socket\n"
        "def tried(family, kind, address):\n"
        "    with socket.socket(family, kind) as s:\n"
        "        s.settimeout(3)\n"
        "        try: s.connect(address); s.sendall(b'x'); return 'ESCAPED' if s.recv(9) else 'nothing'\n"
        "        except OSError as e: return type(e).__name__\n"
        f"for a in [('{PUBLIC}', 443), ('127.0.0.1', {internet.port}), ('10.0.0.1', 80), ('169.254.169.254', 80)]:\n"
        "    print(tried(socket.AF_INET, socket.SOCK_STREAM, a), tried(socket.AF_INET, socket.SOCK_DGRAM, a))\n"
        "try: print(socket.getaddrinfo('open.example.org', 443), 'ESCAPED')\n"
        "except OSError as e: print('no names')\n"
        "import os; print(sorted(os.listdir('/run')))"
    )
    outcome = await use(gate(place, internet, Person(True)), "run_python", code=code, network=True)
    assert outcome.status == "ok"
    assert "ESCAPED" not in outcome.output
    assert "no names" in outcome.output
    assert "['proxy']" in outcome.output
    assert internet.connected == []


async def test_the_way_out_ends_with_the_run_and_leaves_nothing(place: tuple[Path, Hands], internet: Internet) -> None:
    box = gate(place, internet, Person(True))
    daemon = "(setsid sh -c 'while :; do date +%N > beat; done' >/dev/null 2>&1 &); while [ ! -s beat ]; do :; done"
    assert (await use(box, "run_shell", command=daemon, network=True)).status == "ok"
    if (folder := place[1].sockets) is not None:
        assert [path.name for path in folder.iterdir() if path.name.startswith("proxy-")] == []


async def test_a_session_has_no_network(place: tuple[Path, Hands], internet: Internet) -> None:
    outcome = await use(gate(place, internet, Person(True)), "run_python", code="1", session="task", network=True)
    assert outcome.status == "failed"
    assert "no network" in outcome.output
