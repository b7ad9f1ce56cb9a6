"""`sheets versions` and `diff`: of this installation, and over HTTP."""

from __future__ import annotations

import json

from training_pipeline.settings import Settings
from training_pipeline.testing.sheets.imports import import_rows
from training_pipeline.testing.system.command_line import Command


def test_a_service_says_the_same_as_its_files(command: Command, url: str, settings: Settings) -> None:
    for count in (2, 5):
        rows = [{"question": f"Which desk takes case {number}?", "answer": f"desk {number}"} for number in range(count)]
        import_rows(settings.state_dir, rows, into=settings.sheets, id="desks", status="labeled")
    here = command("sheets", "versions", "desks", "--json")
    (version,) = json.loads(here[1])["versions"]
    asked = (
        ("versions", "desks"),
        ("versions", "desks", "--json"),
        ("versions", "nobody"),
        ("diff", version["name"], "desks", "--limit", "2"),
        ("diff", version["name"], "desks", "--json", "--change", "added", "--change", "uses"),
        ("diff", version["name"], "desks@000000000000"),
        ("diff", "desks", "nobody"),
    )
    for arguments in asked:
        code, out, err = command("sheets", *arguments)
        remote = command("sheets", *arguments, "--url", url)
        said = "\n".join(line for line in remote[2].splitlines() if not line.strip().startswith("Request id: "))
        assert (remote[0], remote[1], said.strip()) == (code, out, err.strip()), arguments
        assert code == (1 if {"nobody", "desks@000000000000"} & set(arguments) else 0), err
    cursor = command("sheets", *asked[3])[1].split("--cursor ")[1].strip()
    last = command("sheets", *asked[3], "--cursor", cursor, "--url", url)[1]
    assert "desks-000005: added" in last
    assert "Next page" not in last
