"""`scripts/floors.py`, and the floors that `make audit` looks at."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent

#: The first release without a hole that is known, and its name. `make audit` asks for those of today.
MENDED = {
    "flask": ("3.1.3", "CVE-2026-27205"),
    "pyarrow": ("23.0.1", "CVE-2026-25087"),
    "pytest": ("9.0.3", "CVE-2025-71176"),
    "python-multipart": ("0.0.26", "CVE-2026-40347"),
    "setuptools": ("78.1.1", "CVE-2025-47273"),
    "sqlparse": ("0.5.4", "GHSA-27jp-wm6q-gp25"),
}


def printed() -> tuple[dict[str, Version], list[str]]:
    """The floors, and what has none."""
    script = [sys.executable, str(ROOT / "scripts" / "floors.py")]
    done = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60)
    pairs = (line.split("==") for line in done.stdout.splitlines())
    return {name: Version(version) for name, version in pairs}, done.stderr.splitlines()


def test_the_floor_of_every_dependency_is_printed_and_what_has_none_is_told() -> None:
    found, without = printed()
    assert found["dagster"] == Version("1.13.27")
    assert found["torch"] == Version("2.13.0")
    assert without == [f"{name} has no floor" for name in ("sqlglot", "types-psutil", "types-pyyaml")]


def test_no_floor_is_above_the_lock() -> None:
    locked: dict[str, Version] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^ ;\n]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE):
        locked[name] = max(Version(version), locked.get(canonicalize_name(name), Version("0")))
    found, _ = printed()
    assert {name for name, version in found.items() if name in locked and version > locked[name]} == set()
    assert found.keys() <= locked.keys() | {"setuptools"}


def test_no_floor_has_a_hole_that_is_known_here() -> None:
    found, _ = printed()
    for name, (mended, hole) in MENDED.items():
        assert found[name] >= Version(mended), f"{name} {found[name]} has {hole}"


def test_the_audit_reads_lock_and_floors_and_lets_nothing_pass() -> None:
    _, _, recipe = (ROOT / "Makefile").read_text().partition("\naudit:")
    recipe = recipe.partition("\n\n")[0]
    assert recipe.count("pip-audit --strict ") == 2
    assert "--requirement constraints.txt" in recipe
    assert "scripts/floors.py > build/floors.txt" in recipe
    assert "--requirement build/floors.txt" in recipe
    assert not re.search(r"^\t-|--ignore|\|\| true", recipe, re.MULTILINE)
