"""Say which commits of a branch CONTRIBUTING.md would have written otherwise: `scripts/check_commits.py [origin/main]`.

Looks at the commits that the other branch lacks, so at none where they are the same; merges are passed over.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
LONGEST: Final = 72


def problems(message: str) -> Iterator[str]:
    """What is wrong with the message of a commit, as git keeps it."""
    subject, _, rest = message.partition("\n")
    if len(subject) > LONGEST:
        yield f"its subject has {len(subject)} characters, and may have {LONGEST}"
    if subject.endswith("."):
        yield "its subject ends with a period"
    if rest and not rest.startswith("\n"):
        yield "no empty line is between its subject and its body"
    if not rest.strip():
        yield "it has no body, which says why"


def commits(since: str) -> list[tuple[str, str]]:
    """The short hash and the message of each commit since `since`, the newest first. Runs git."""
    command = ["git", "log", "--no-merges", "-z", "--format=%h %B", f"{since}..HEAD", "--"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        sys.exit(f"git cannot say what the branch has beside {since}: {found.stderr.strip()}")
    pairs = (each.partition(" ") for each in found.stdout.split("\0") if each.strip())
    return [(short, message.strip("\n")) for short, _, message in pairs]


def main() -> None:
    wrong = [
        f"{short} {message.partition(chr(10))[0]}\n  {problem}"
        for short, message in commits(sys.argv[1] if len(sys.argv) > 1 else "origin/main")
        for problem in problems(message)
    ]
    if wrong:
        sys.exit("\n".join([*wrong, "Reword them: git rebase -i. CONTRIBUTING.md says what a commit says."]))


if __name__ == "__main__":
    main()
