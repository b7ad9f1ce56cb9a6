"""What the documentation says must be there, and what is there must be in the documentation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from training_pipeline.app.sheet_source import sheet_source
from training_pipeline.cli import app as command_line
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "clients" / "typescript" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)


def commands() -> list[str]:
    found = []
    for name in command_line.COMMANDS:
        loaded = command_line.load(name)
        inner = getattr(loaded, "commands", None)
        found += [f"{name} {verb}" for verb in inner] if inner and name not in inner else [name]
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_is_documented_and_has_help(command: str) -> None:
    assert f"training-pipeline {command}" in TEXT
    done = CliRunner().invoke(command_line.app, [*command.split(), "--help"])
    assert done.exit_code == 0, done.stderr
    assert len(done.stdout) > 100


def test_every_option_of_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    sections = dict(
        re.findall(r"^### `training-pipeline ([a-z]+(?: [a-z-]+)?)\b[^`]*`\n(.*?)(?=^### |\Z)", page, re.M | re.S)
    )
    assert list(sections) == commands()
    for command, section in sections.items():
        name, _, verb = command.partition(" ")
        loaded = command_line.load(name)
        inner = getattr(loaded, "commands", {})
        for parameter in inner.get(verb or name, loaded).params:
            shown = [parameter.name.upper()] if parameter.param_type_name == "argument" else parameter.opts
            for option in {*shown, *parameter.secondary_opts} - {"--help"}:
                assert re.search(rf"[`\s]{option}[`,]", section), f"{command} {option}"


def test_every_command_that_is_documented_exists() -> None:
    known = set(commands())
    words = "sheets|jobs|models|index|studies|suites|scores|databricks|tokens"
    mentioned = set(re.findall(rf"training-pipeline ((?:{words}) [a-z-]+|[a-z]+)", TEXT))
    assert mentioned - known == set()


def test_every_module_that_is_named_is_there_with_what_it_is_named_for() -> None:
    rooms = ("training_pipeline", "training_pipeline_tests", "scripts", "bench")
    modules = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    for name, what in set(re.findall(r"`(\w[\w/]*\.py)`(?:, `(\w+)`)?", TEXT)):
        texts = [path.read_text(encoding="utf-8") for path in modules if path.as_posix().endswith(f"/{name}")]
        assert any(re.search(rf"\b{what}\b", text) for text in texts), f"{name} {what}"


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "write_reference.py"), "--check"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_every_reason_is_explained() -> None:
    page = (ROOT / "docs" / "governance.md").read_text()
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_numbers_of_the_demo_are_those_in_the_readme(tmp_path: Path) -> None:
    with sheet_source(Settings(state_dir=tmp_path)).open("sheet-123") as opened:
        summary = export_summary(opened, GatePolicy())
    readme = (ROOT / "README.md").read_text()
    head = f"Approved: {summary.labeled}  |  Training allowed: {summary.training_allowed}"
    assert f"{head}  |  Training prohibited: {summary.training_prohibited}" in readme
    assert f"{summary.total} pairs = {summary.eligible} included + {sum(summary.excluded.values())} excluded" in readme
    for row in summary.reasons:
        assert re.search(rf"{row.reason} +{re.escape(row.usage_reason or '-')} +{row.count}\b", readme), row
