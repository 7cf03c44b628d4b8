"""Source files read as code: outlines, imports and mistakes in each language, and hostile files that break nothing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from tools_fixtures import Desk

FILES = {
    "shop/__init__.py": "",
    "shop/cart.py": (
        "from __future__ import annotations\nimport json, os\nfrom . import prices\nfrom .prices import price\nimport requests\n\n"
        "class Cart(dict, metaclass=type):\n    '''Holds.'''\n\n    def total(self, rate: float = 1.0, *, tax=None) -> float:\n"
        "        return sum(price(n) for n in self) * rate\n        print('never')\n\n"
        "async def fill(*names: str, into=[]):\n    os.sep\n    prices\n    return requests\n"
    ),
    "shop/prices.py": "from shop import cart\n\ndef price(name):\n    if name == None: return cart\n    return 1\n",
    "broken.py": "def f(:\n    pass\n",
    "web/app.ts": (
        "import { View } from './view';\nimport React from 'react';\nexport class App<T> extends View {\n  "
        "constructor(private a: string) { super(); }\n"
        "  run(x: number): void { }\n}\nexport const go = async (n: number) => { return n; };\nexport function stop(): void {}\n"
        "interface Shape { area(): number }\ntype Id = string;\n"
    ),
    "web/view.tsx": "const app = require('./app');\nexport default function View() { return <div>{app}</div>; }\n"
    "export class View {}\n",
    "web/bad.js": "function x( { return 1;\n",
    "go.mod": "module example.org/shop\n",
    "cmd/main.go": (
        'package main\nimport (\n\t"fmt"\n\t"example.org/shop/store"\n)\ntype Till struct { n int }\n'
        "func (t *Till) Add(x int) error { return nil }\nfunc main() { fmt.Println(store.Open()) }\n"
    ),
    "store/store.go": "package store\n\nfunc Open() int { return 1 }\n",
    "src/org/shop/Main.java": (
        "package org.shop;\nimport org.shop.items.Item;\nimport java.util.List;\npublic class Main extends Base {\n"
        "  public static void main(String[] args) { }\n  record Pair(int a, int b) {}\n}\n"
    ),
    "src/org/shop/items/Item.java": "package org.shop.items;\npublic interface Item { int price(); }\n",
    "rust/src/main.rs": (
        "mod store;\nuse crate::store::Till;\nuse serde::Serialize;\npub struct A { x: i32 }\n"
        "impl A { pub fn new(x: i32) -> Self { A { x } } }\n"
        "fn main() {}\n"
    ),
    "rust/src/store.rs": "pub trait Till { fn add(&mut self, x: i32); }\npub enum Kind { One }\n",
}


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    """A desk at which a project was given as a zip and unpacked."""
    desk, packed = Desk(tmp_path), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    await desk.give("project.zip", packed.getvalue())
    await desk.ask("unpack_file", file="project.zip")
    return desk


async def test_an_uploaded_project_is_outlined_file_by_file(desk: Desk) -> None:
    told = await desk.ask("outline_code", place="project")
    assert told.count(":\n") == 12 - 1  # the empty file and the last one aside, each has something below it
    for block in (
        "project/shop/cart.py:\n  7-12 class Cart(dict, metaclass=type)\n"
        "    10-12 def total(self, rate: float=1.0, *, tax=None) -> float\n  14-17 async def fill(*names: str, into=[])",
        "project/web/app.ts:\n  3-6 class App<T> extends View\n"
        "    4-4 constructor(private a: string)\n    5-5 run(x: number): void\n"
        "  7-7 go = async (n: number)\n  8-8 function stop(): void\n  9-9 interface Shape\n  10-10 type Id = string;",
        "project/cmd/main.go:\n  6-6 Till struct { n int }\n  7-7 func (t *Till) Add(x int) error\n  8-8 func main()",
        "project/src/org/shop/Main.java:\n  4-7 public class Main extends Base\n    5-5 public static void main(String[] args)\n"
        "    6-6 record Pair(int a, int b)",
        "project/rust/src/main.rs:\n  1-1 mod store;\n  4-4 pub struct A\n"
        "  5-5 impl A\n    5-5 pub fn new(x: i32) -> Self\n  6-6 fn main()",
        "project/rust/src/store.rs:\n  1-1 pub trait Till\n    1-1 fn add(&mut self, x: i32);\n  2-2 pub enum Kind",
        "project/broken.py: (with mistakes, see check_code)",
    ):
        assert block in told, told
    one = await desk.ask("outline_code", place="project/shop/prices.py")
    assert one == "project/shop/prices.py:\n  3-5 def price(name)"


async def test_who_imports_whom_in_every_language(desk: Desk) -> None:
    told = await desk.ask("code_dependencies")
    p = "project"
    for line in (
        f"  {p}/shop/cart.py -> {p}/shop/prices.py",
        f"  {p}/shop/prices.py -> {p}/shop/cart.py",
        f"  {p}/web/app.ts -> {p}/web/view.tsx",
        f"  {p}/web/view.tsx -> {p}/web/app.ts",
        f"  {p}/cmd/main.go -> {p}/store/store.go",
        f"  {p}/src/org/shop/Main.java -> {p}/src/org/shop/items/Item.java",
        f"  {p}/rust/src/main.rs -> {p}/rust/src/store.rs",
        f"Circles: 2\n  {p}/shop/cart.py, {p}/shop/prices.py\n  {p}/web/app.ts, {p}/web/view.tsx",
    ):
        assert line in told, told
    outside = next(line for line in told.split("\n") if line.startswith("From outside"))
    assert all(name in outside for name in ("json", "requests", "react", "serde", "java.util", "fmt"))
    one = await desk.ask("code_dependencies", file="project/shop/prices.py")
    assert one == (
        "project/shop/prices.py imports: project/shop/cart.py (line 1)\nIt is imported by: project/shop/cart.py:3\n"
        "From outside: none\nIt is in a circle with: project/shop/cart.py"
    )


async def test_mistakes_are_named_with_their_lines(desk: Desk) -> None:
    told = await desk.ask("check_code")
    assert told.startswith("13 files read: 2 errors, 4 hints. Types were not checked")
    for line in (
        "project/broken.py:1: error: invalid syntax",
        "project/web/bad.js:1: error:",
        "project/shop/cart.py:2: hint: json is imported and not used",
        "project/shop/cart.py:12: hint: this is never reached",
        "project/shop/cart.py:14: hint: fill has a default that all its calls share and can change",
        "project/shop/prices.py:4: hint: compare with None by is, not ==",
    ):
        assert line in told, told


async def test_where_there_is_no_code_it_is_said(desk: Desk) -> None:
    outcome = await desk.use("outline_code", place="nowhere")
    assert (outcome.status, "There is some in: project" in outcome.output) == ("failed", True)
    empty = await Desk(desk.root / "empty").use("check_code")
    assert "There is some in: none" in empty.output
    other = await desk.use("code_dependencies", file="nothing.py")
    assert "There is no source file 'nothing.py'" in other.output


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deep.py", "(" * 50_000),
        ("deep.py", "x = " + "-" * 90_000 + "1"),
        ("deep.py", "".join("  " * n + "if x:\n" for n in range(300))),
        ("deep.js", "[" * 300_000),
        ("deep.ts", "class A { " * 20_000),
        ("deep.rs", "mod a { " * 20_000),
        ("deep.go", "func f() { " * 20_000),
        ("deep.java", "class A { " * 20_000),
        ("bytes.py", b"\x00\x01\x02" * 1000),
        ("bytes.js", b"\xff\xfe\x00"),
        ("nul.py", "x = '\0'"),
        ("long.py", "x = " + "1 + " * 100_000 + "1"),
        ("many.py", "def f(): pass\n" * 60_000),
        ("strange.py", "def \u202ef(): pass\nclass \ud7ff: pass\n"),
    ],
)
async def test_hostile_files_are_read_or_given_up(tmp_path: Path, name: str, content: str | bytes) -> None:
    desk = Desk(tmp_path, seconds=110)
    await desk.give(name, content)
    for tool in ("outline_code", "code_dependencies", "check_code"):
        outcome = await desk.use(tool)
        assert outcome.status in ("ok", "failed"), outcome.output
        assert "broke down" not in outcome.output


async def test_long_answers_are_cut_and_say_so(tmp_path: Path) -> None:
    desk = Desk(tmp_path, output_bytes=100_000)
    await desk.give("many.py", "def f(): pass\n" * 1_000)
    assert "[701 more lines. Name a folder or a file" in await desk.ask("outline_code")
    await desk.give("large.py", "x = 1\n" * 200_000)
    assert "Not read: large.py has more than 1,000,000 bytes." in await desk.ask("check_code")
