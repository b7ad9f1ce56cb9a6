"""Print the oldest version of each dependency that pyproject.toml allows, as requirements: `scripts/floors.py`.

`make audit` looks for known holes in them too: whoever installs without constraints.txt may get them. What has no floor
is told on standard error: its oldest version is none that anybody chose.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent


def stated(pyproject: dict[str, object]) -> Iterator[Requirement]:
    """Every dependency in pyproject.toml: of the package, of its extras, and of its build."""
    project, build = pyproject["project"], pyproject["build-system"]
    assert isinstance(project, dict)
    assert isinstance(build, dict)
    extras = project["optional-dependencies"].values()
    for text in (*project["dependencies"], *(one for extra in extras for one in extra), *build["requires"]):
        yield Requirement(text)


def floor(requirement: Requirement) -> Version | None:
    """The oldest version that it allows; null where it allows any that is old."""
    versions = [Version(one.version) for one in requirement.specifier if one.operator in {">=", "==", "~="}]
    return max(versions, default=None)


def floors(requirements: Iterable[Requirement]) -> dict[str, Version | None]:
    """The oldest version of each, by name; of one that is stated several times the oldest of those."""
    found: dict[str, Version | None] = {}
    for requirement in requirements:
        name, lowest = canonicalize_name(requirement.name), floor(requirement)
        known = found.get(name, lowest)
        found[name] = None if lowest is None or known is None else min(known, lowest)
    return dict(sorted(found.items()))


def main() -> None:
    """Print them."""
    found = floors(stated(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))))
    for name, version in found.items():
        if version is None:
            print(f"{name} has no floor", file=sys.stderr)
        else:
            print(f"{name}=={version}")


if __name__ == "__main__":
    main()
