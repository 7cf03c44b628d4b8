"""What we depend on is pinned and explained, and no file names a place that only one machine knows."""

from __future__ import annotations

import re

from house import ROOT, document, requirements, tracked_files

LOCKS = ("requirements.lock", "requirements.image.lock", "bench/agentdojo/requirements.lock")
_HOSTS = (
    "pypi." + "org",
    "python" + "hosted",
    "npmjs." + "org",
    "npmjs." + "com",
    "deb." + "debian",
    "registry." + "npm",
)
_HOMES = re.compile(r"(?<![\w.~-])/(?:work|root|home/\w+|Users/\w+)/|bash_" + "jobs")
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,-]+\])?)==(\S+)", re.MULTILINE)


def pins(text: str) -> dict[str, str]:
    """Map each pinned package to its version."""
    return {name.split("[")[0].replace(".", "-").replace("_", "-"): version for name, version in _PIN.findall(text)}


def unpinned(text: str) -> list[str]:
    """Find lines of a lock file that are neither a pin, nor a hash, nor empty: addresses, indexes, options."""
    allowed = re.compile(r"^([a-z0-9][\w.\[\],-]*==\S+( ;.*)?( \\)?|    --hash=sha256:[0-9a-f]{64}( \\)?|)$")
    return [line for line in text.splitlines() if not allowed.match(line)]


def places(text: str) -> list[str]:
    """Find machine paths and package registries."""
    return [host for host in _HOSTS if host in text] + [match.group() for match in _HOMES.finditer(text)]


def test_the_locks_hold_pins_and_hashes_only():
    assert {name: unpinned(document(name)) for name in LOCKS} == {name: [] for name in LOCKS}


def test_every_pin_has_a_hash():
    for name in LOCKS:
        blocks = re.split(r"^(?=[a-z0-9])", document(name), flags=re.MULTILINE)[1:]
        assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_every_requirement_is_locked():
    locked = pins(document("requirements.lock"))
    assert [name for name in requirements() + requirements("dev") if name not in locked] == []


def test_the_image_gets_the_same_versions_and_none_of_the_developers_tools():
    everything, image = pins(document("requirements.lock")), pins(document("requirements.image.lock"))
    assert {name: version for name, version in image.items() if everything.get(name) != version} == {}
    assert [name for name in requirements() if name not in image] == []
    assert [name for name in ("pytest", "mypy", "ruff", "playwright") if name in image] == []


def test_every_dependency_has_its_reason():
    rows = [line.split("|") for line in document("dependencies").splitlines() if line.startswith("| `")]
    reasons = {cells[1].strip().strip("`"): cells[2].strip() for cells in rows}
    names = requirements() + requirements("dev")
    assert [name for name in names if len(reasons.get(name, "")) < 10] == []
    assert sorted(set(reasons) - set(names)) == [], "no longer a dependency"


def test_no_file_names_a_machine_or_a_registry():
    found = {}
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture, a font
            continue
        if problems := places(text):
            found[path.relative_to(ROOT).as_posix()] = problems
    assert found == {}


def test_an_address_in_a_lock_is_found():
    assert unpinned("aiofiles @ https://example.org/aiofiles.whl\n")
    assert unpinned("--index-url https://example.org/simple\n")
    assert unpinned("aiofiles>=25\n")
    assert unpinned("aiofiles==25.1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:" + "a" * 64 + "\n") == []


def test_a_machine_path_is_found():
    assert places("see " + "/ro" + "ot/.venv/bin") == ["/ro" + "ot/"]
    assert places("https://files." + "python" + "hosted.org/x") == ["python" + "hosted"]
    assert places("docs" + "/wo" + "rk/plan.md and https://example.org/home" + "/ada") == []
