"""What `scripts/check_commits.py` says of the messages of commits."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "check_commits.py"
BODY = "\n\nIts pairs were read twice.\n"


def problems(message: str) -> list[str]:
    spec = importlib.util.spec_from_file_location("check_commits", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.problems(message))


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Read a sheet once" + BODY, []),
        ("x" * 72 + BODY, []),
        ("x" * 73 + BODY, ["its subject has 73 characters, and may have 72"]),
        ("Read a sheet once." + BODY, ["its subject ends with a period"]),
        ("Read a sheet\nonce, not twice", ["no empty line is between its subject and its body"]),
        ("Read a sheet once", ["it has no body, which says why"]),
        ("Read a sheet once\n\n \n", ["it has no body, which says why"]),
    ],
)
def test_what_is_said_of_a_message(message: str, said: list[str]) -> None:
    assert problems(message) == said
