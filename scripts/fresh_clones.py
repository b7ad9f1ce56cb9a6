"""Clone this repository into empty folders, and run the README's commands in each: `scripts/fresh_clones.py`.

Printed is for each run how many seconds it took, whether it passed, and the names of the tests that failed. A line of
JSON for each is kept in `--record`; started again with the same file, commit and commands, it goes on where it stopped.
Runs of another commit, or with other commands, are left in the file and not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from busy import load

ROOT: Final = Path(__file__).parent.parent
COMMANDS: Final = ("make demo", "make test")
#: As pytest's short summary names them, also those that came to an error.
FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
#: Of what a command that failed has printed, the end is kept beside the record.
KEPT: Final = 200_000


@dataclass(frozen=True)
class Run:
    """What became of one clone."""

    commit: str
    commands: list[str]
    load: int
    number: int
    seconds: float
    passed: bool
    failed: list[str]
    #: The command that failed, and how; empty where all passed.
    why: str


def read(record: Path) -> list[Run]:
    """The runs so far. A line that was cut off, as by a full disk, counts as none."""
    found = []
    for line in record.read_text(encoding="utf-8").splitlines() if record.exists() else ():
        try:
            found.append(Run(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def write(record: Path, one: Run) -> None:
    """Add a run, on a line of its own even where the one before was cut off."""
    before = record.read_bytes() if record.exists() else b""
    with record.open("a", encoding="utf-8") as file:
        file.write(("\n" if before and not before.endswith(b"\n") else "") + json.dumps(asdict(one)) + "\n")


def commit_of(branch: str) -> str:
    """The commit that a branch of this repository names."""
    named = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--verify", f"{branch}^{{commit}}"],
        check=True,
        capture_output=True,
        text=True,
    )
    return named.stdout.strip()


def execute(command: str, folder: Path, seconds: float) -> tuple[int | None, str]:
    """The exit status of a command and what it printed; null where it took longer. All it started is ended with it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, shell=True, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            status: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        return status, output.read().decode(errors="replace")


def run(commit: str, number: int, asked: argparse.Namespace) -> Run:
    """Clone, run the commands one after the other until one fails, and remove the clone."""
    folder = Path(tempfile.mkdtemp(prefix="tp-clone-", dir=asked.folder))
    folder.chmod(0o711)  # where it runs as root, PostgreSQL runs as another user
    clone, failed, why = folder / "clone", list[str](), ""
    began = time.monotonic()
    try:
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
        subprocess.run(["git", "-C", str(clone), "checkout", "--quiet", "--detach", commit], check=True)
        for command in asked.command:
            status, printed = execute(command, clone, asked.timeout)
            failed += FAILED.findall(printed)
            if status != 0:
                why = f"{command}: " + ("took too long" if status is None else f"exit status {status}")
                asked.record.with_suffix(f".{number}.log").write_text(printed[-KEPT:], encoding="utf-8")
                break
    finally:
        seconds = time.monotonic() - began
        shutil.rmtree(folder, ignore_errors=True)
    return Run(
        commit, list(asked.command), asked.load, number, round(seconds, 1), not why, list(dict.fromkeys(failed)), why
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is left to run, and print all of it; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="clones in all")
    parser.add_argument("--branch", default="HEAD")
    parser.add_argument("--load", type=int, default=0, help="processes that keep the machine busy")
    parser.add_argument("--record", type=Path, default=ROOT / "build" / "fresh_clones.jsonl")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the clones are made")
    parser.add_argument("--timeout", type=float, default=7200.0, help="seconds for one command")
    parser.add_argument("--command", action="append", help=f"instead of {' and '.join(COMMANDS)}; may be repeated")
    asked = parser.parse_args(arguments)
    asked.command = asked.command or list(COMMANDS)
    asked.record = asked.record.absolute()
    asked.record.parent.mkdir(parents=True, exist_ok=True)
    commit = commit_of(asked.branch)
    ours = (commit, asked.command, asked.load)
    runs = [one for one in read(asked.record) if (one.commit, one.commands, one.load) == ours]
    for one in runs:
        tell(one)
    with load(asked.load if len(runs) < asked.times else 0):
        while len(runs) < asked.times:
            one = run(commit, len(runs) + 1, asked)
            runs.append(one)
            write(asked.record, one)
            tell(one)
    passed = sum(one.passed for one in runs)
    print(f"{passed} of {len(runs)} clones of {commit[:12]} passed, with {asked.load} processes beside them.")
    return int(passed < len(runs))


def tell(one: Run) -> None:
    """Print a run on a line."""
    said = "passed" if one.passed else f"failed ({one.why})"
    print(f"{one.number:3} {one.seconds:8.1f} s  {said}  {' '.join(one.failed)}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
