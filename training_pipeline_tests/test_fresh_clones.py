"""`scripts/fresh_clones.py` in a repository of a few files, with other commands in the place of the README's."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"

#: Is in a clone, says what pytest would, and fails the second time.
STAND_IN = """
import pathlib, sys
count = pathlib.Path(sys.argv[1])
times = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(times))
assert pathlib.Path("README.md").exists() and not pathlib.Path(".venv").exists()
print("2 failed\\nFAILED a/test_b.py::test_c[x] - no\\nERROR a/test_d.py" if times == 2 else "all passed")
sys.exit(times == 2)
"""


@pytest.fixture(autouse=True)
def _repository(tmp_path: Path) -> None:
    """The repository that the script in it clones."""
    repository = tmp_path / "repository"
    (repository / "scripts").mkdir(parents=True)
    for name in ("fresh_clones.py", "busy.py"):
        shutil.copy(SCRIPTS / name, repository / "scripts")
    (repository / "README.md").write_text("Run it.\n")
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    for command in (("init", "--quiet"), ("add", "."), (*author, "commit", "--quiet", "--message", "All of it")):
        subprocess.run(["git", "-C", str(repository), *command], check=True)


def clones(tmp_path: Path, times: int) -> tuple[int, list[str]]:
    """The exit status and the lines of so many clones, whose folder is empty afterwards."""
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    (tmp_path / "clones").mkdir(exist_ok=True)
    command = shlex.join([sys.executable, str(tmp_path / "stand_in.py"), str(tmp_path / "count")])
    options = ["--record", str(tmp_path / "runs.jsonl"), "--folder", str(tmp_path / "clones"), "--load", "1"]
    asked = [
        sys.executable,
        str(tmp_path / "repository" / "scripts" / "fresh_clones.py"),
        "--times",
        str(times),
        *options,
        "--command",
        "true",
        "--command",
        command,
    ]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=240)
    assert not list((tmp_path / "clones").iterdir())
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_clones_are_run_told_and_gone_on_with(tmp_path: Path) -> None:
    code, lines = clones(tmp_path, 1)
    assert (code, lines[-1].split(" clones ")[0], "passed" in lines[0]) == (0, "1 of 1", True)
    code, lines = clones(tmp_path, 3)
    assert (code, lines[-1].split(" clones ")[0], len(lines)) == (1, "2 of 3", 4)
    assert lines[1].endswith("exit status 1)  a/test_b.py::test_c[x] a/test_d.py")
    assert (tmp_path / "count").read_text() == "3"  # the first was not run again
    told = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert [one["failed"] for one in told] == [[], ["a/test_b.py::test_c[x]", "a/test_d.py"], []]
    assert "2 failed" in (tmp_path / "runs.2.log").read_text()


def test_a_line_that_was_cut_off_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text('{"commit": "12')
    assert clones(tmp_path, 1)[0] == 0
    assert clones(tmp_path, 1)[1][-1].startswith("1 of 1")
    assert (tmp_path / "count").read_text() == "1"
