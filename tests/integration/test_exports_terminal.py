"""Export, import and feedback at the terminal: the real commands in processes of their own."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path

from test_terminal import Terminal

from core.missions import Mission, now
from core.settings import Settings
from graphs.reception import Reception


async def sums(settings: Settings) -> None:
    async with Reception.beside(settings) as desk:
        owner = await desk.people.ensure_local_owner()
        for name in ("aa1", "aa2"):
            given = Mission(id=f"m{name}", conversation_id=name, user_id=owner.id, goal="Sums", created_at=now())
            await desk.submit(given)


def test_out_and_in_again(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    code, out, err = terminal.run("export")
    assert (code, out, "no conversation yet" in err) == (2, "", True)
    asyncio.run(sums(Settings(data_dir=terminal.folder / "data")))
    assert terminal.run("export", "aa")[:2] == (2, "")
    assert "no conversation zz" in terminal.run("export", "zz")[2]
    files = {form: tmp_path / f"out.{form}" for form in ("md", "html", "json", "zip")}
    for form, place in files.items():
        code, out, err = terminal.run("export", "aa1", "--format", form, "--out", str(place))
        assert (code, out) == (0, f"Written: {place}\n"), err
    assert json.loads(files["json"].read_text())["missions"][0]["id"] == "maa1"
    assert zipfile.ZipFile(files["zip"]).namelist() == ["conversation.json"]
    assert files["md"].read_text().startswith("# Sums")
    for form in ("json", "zip"):
        code, out, err = terminal.run("import", str(files[form]), "--json")
        assert code == 0, err
        again = json.loads(out)["conversation_id"]
        assert terminal.run("export", again, "--format", "json", "--out", str(tmp_path / "again"))[0] == 0
        mission = json.loads((tmp_path / "again").read_text())["missions"][0]
        assert (mission["events"][0]["goal"], mission["status"], mission["origin"]) == ("Sums", "cancelled", "import")
    code, _, err = terminal.run("import", str(files["md"]))
    assert (code, "no export of Staffwork" in err) == (2, True)
    code, out, _ = terminal.run("feedback")
    assert (code, out) == (0, "Nobody has said yet what they think of an answer.\n")
