"""What people wrote is shown as they wrote it, brackets included, by every command."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path
from typing import Final

import pytest
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.tree import Tree

from training_pipeline import cli
from training_pipeline.cli.render.terminal import terminal
from training_pipeline.settings import Settings
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.command_line import Command

#: To Rich's markup this closes what nobody opened: an error.
NAME: Final = "Tickets [/old] [red]"


def _table() -> Table:
    table = Table(NAME, title=NAME)
    table.add_row(NAME)
    return table


@pytest.mark.parametrize("what", [NAME, _table(), Panel(NAME), Tree(NAME), Group(NAME, _table())])
def test_no_text_is_markup(what: RenderableType) -> None:
    written = io.StringIO()
    terminal(file=written, width=100).print(what)
    assert NAME in written.getvalue()


def test_every_command_prints_on_it() -> None:
    folder = Path(cli.__file__).parent
    made = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"Console", "from_markup"}
    }
    assert made == {"render/terminal.py"}


def test_names_with_brackets_in_every_list(
    installed: Settings, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    pairs = [{**row, "pair_id": f"[/{row['pair_id']}]", "usage_reason": NAME} for row in rows(40)]
    pairs[-1]["status"] = "rejected"
    stated = {"name": NAME, "owner": NAME, "tags": [NAME]}
    references = {each: {"id": each, "name": NAME} for each in ("source_sheet", "prompt_template")}
    write_sheet(installed.sheets, "small", pairs, **stated, **references)
    write_sheet(installed.sheets, "other", rows(2, **{"[/x]": "y"}))
    (installed.sheets / "broken.yaml").write_text("name: [x]\n")
    code, out, err = command("run", "small")
    assert (code, NAME in out) == (0, True), err
    (job,) = json.loads(command("jobs", "list", "--json")[1])["jobs"]
    file = tmp_path / "in [new].jsonl"
    file.write_text('{"question": "1+1?", "answer": "2", "[/x]": "y"}\n' * 20)
    uses = ("--allow", "training", "--prohibit", "none", "--classification", "public", "--sheet-status", "approved")
    imported = ("--id", "sums", "--status", "labeled", *uses, "--source-name", NAME, "--template-name", NAME)
    without = []
    for arguments in (
        ("sheets", "import", str(file), *imported),
        ("sheets", "check", str(file)),
        ("sheets", "list"),
        ("sheets", "show", "small"),
        ("sheets", "check", "other"),
        ("jobs", "show", job["id"]),
        ("jobs", "lineage", job["id"]),
        ("uses", "--pair", "[/p-0001]"),
    ):
        code, out, err = command(*arguments)
        if code not in {0, 1} or "[/" not in out:
            without.append((arguments, out, err))
    assert without == []
