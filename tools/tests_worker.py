"""The program that runs a project's tests inside the sandbox. Standard library only, and pytest where it is there.

Without pytest it runs unittest's tests, and plain test functions that need nothing given; it says how many it could not run.
Prints one line for each failure, `file:line: test: what happened`, and a last line with the counts.
"""

import importlib
import importlib.util
import inspect
import json
import os
import sys
import traceback
import types
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_SHOWN = 40
COUNTS = {"passed": 0, "failed": 0, "skipped": 0}
NEEDS = list[str]()
SHOWN = list[str]()


def main() -> None:
    request = json.load(sys.stdin)
    home = Path("/work", request["folder"])
    if home.resolve() != home or not home.is_dir():
        print("There is no such folder.")
        sys.exit(125)
    os.chdir(home)
    sys.path[:0] = [str(home), *([str(home / "src")] if (home / "src").is_dir() else [])]
    how = "pytest"
    if not _pytest():
        how = "unittest"
        run_plain()
    for line in SHOWN[:MOST_SHOWN]:
        print(line)
    if len(SHOWN) > MOST_SHOWN:
        print(f"... and {len(SHOWN) - MOST_SHOWN} more")
    if NEEDS:
        print(f"Not run, because they need pytest, which is not here: {len(NEEDS)} ({', '.join(NEEDS[:8])})")
    print(f"Tests ({how}): " + ", ".join(f"{count} {word}" for word, count in COUNTS.items()))
    sys.exit(1 if COUNTS["failed"] else 0)


def _pytest() -> bool:
    """Run all with pytest; False if there is none."""
    try:
        pytest = importlib.import_module("pytest")
    except ImportError:
        return False

    class Told:
        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.when == "call" or report.outcome != "passed":
                note(report.outcome, report.nodeid.partition("::")[2], *_crash(report))

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                note("failed", "cannot be read", report.nodeid, 0, str(report.longrepr).strip().split("\n")[-1])

    devnull = open(os.devnull, "w")  # noqa: SIM115 - until the end
    sys.stdout, stdout = devnull, sys.stdout
    options = ("-q", "-p", "no:cacheprovider", "--tb=short", "--no-header", "--continue-on-collection-errors")
    pytest.main([*options, "."], plugins=[Told()])
    sys.stdout = stdout
    return True


def _crash(report: Any) -> tuple[str, int, str]:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        places = [entry.reprfileloc for entry in report.longrepr.reprtraceback.reprentries if entry.reprfileloc]
        own = [place for place in places if Path("/work", place.path).is_relative_to("/work")]
        return (*((own[-1].path, own[-1].lineno) if own else (crash.path, crash.lineno)), crash.message)
    path, line, _ = report.location
    return path, (line or 0) + 1, str(report.longrepr or "").strip().split("\n")[-1]


def note(outcome: str, test: str, path: str, line: int, words: str) -> None:
    COUNTS[outcome] += 1
    if outcome == "failed":
        SHOWN.append(f"{os.path.relpath(path)}:{line}: {test}: {' '.join(words.split())[:300]}")


def _unittest_files() -> Iterator[Path]:
    for path in sorted(Path(".").rglob("*.py")):
        if path.name.startswith("test_") or path.name.endswith("_test.py"):
            yield path


class _Result(unittest.TestResult):
    """Notes each test as it ends."""

    def addSuccess(self, test: unittest.TestCase) -> None:
        COUNTS["passed"] += 1

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        COUNTS["skipped"] += 1

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        failed(test.id().split(".", 1)[-1], err[1])

    addError = addFailure

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            failed(str(subtest), err[1])


def failed(test: str, problem: BaseException) -> None:
    """Note a failure at its last place in the project itself."""
    frames = [f for f in traceback.extract_tb(problem.__traceback__) if f.filename.startswith("/work")]
    path, line = (frames[-1].filename, frames[-1].lineno or 0) if frames else (".", 0)
    note("failed", test, path, line, f"{type(problem).__name__}: {problem}")


def run_plain() -> None:
    for number, path in enumerate(_unittest_files()):
        try:
            spec = importlib.util.spec_from_file_location(f"project_tests_{number}", path.resolve())
            assert spec is not None and spec.loader is not None  # noqa: PT018 - never for a .py
            module = importlib.util.module_from_spec(spec)
            sys.path.insert(0, str(path.resolve().parent))
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
        except ImportError as problem:
            if problem.name == "pytest":
                NEEDS.append(str(path))
            else:
                failed(f"{path} cannot be imported", problem)
        except BaseException as problem:
            failed(f"{path} cannot be imported", problem)
        else:
            unittest.TestLoader().loadTestsFromModule(module).run(_Result())
            _functions(module)


def _functions(module: types.ModuleType) -> None:
    for name, function in list(vars(module).items()):
        if not name.startswith("test") or not inspect.isfunction(function):
            continue
        if inspect.signature(function).parameters or inspect.iscoroutinefunction(function):
            NEEDS.append(name)
            continue
        try:
            function()
            COUNTS["passed"] += 1
        except unittest.SkipTest:
            COUNTS["skipped"] += 1
        except BaseException as problem:
            failed(name, problem)


if __name__ == "__main__":
    main()
