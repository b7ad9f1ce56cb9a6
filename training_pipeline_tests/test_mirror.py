"""The tests mirror the package: `sheets/head.py` is tested in `sheets/test_head.py`.

Where a module has no test file of its name, `COVERED_BY` names the one that covers it. An entry has to be true: the
test imports the module, or what it imports or drives reaches the module through imports inside the module's room or the
test's. How much of a module is covered is what `make coverage` measures.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
ROOT: Final = TESTS.parent
PACKAGE: Final = ROOT / "training_pipeline"
#: What is shared by tests is tested by them; the other test below asks that it is in use.
SHARED: Final = "testing/"
NAME: Final = r"[\w.]+(:\w+)?"

#: Test files that are about more than one module, or about none: they need no module of their name.
OF_THE_WHOLE: Final = {
    "api/test_docs.py",
    "api/test_fuzz.py",
    "api/test_life.py",
    "api/test_records.py",
    "api/test_roles.py",
    "api/test_schemathesis.py",
    "cli/test_watched.py",
    "clients/test_typescript.py",
    "compatibility/test_v0_1_0.py",
    "crashes/test_interrupted.py",
    "crashes/test_killed.py",
    "sheets/test_samples.py",
    "test_dagster_names.py",
    "test_dagster_system.py",
    "test_dagster_tour.py",
    "test_databricks_system.py",
    "test_databricks_walk.py",
    "test_docs.py",
    "test_mirror.py",
    "test_wheel.py",
    "training_jobs/test_concurrency.py",
    "web/test_pages.py",
}

#: Test files that work from outside, in a browser or another process, with the module where that comes in.
DRIVES: Final = {
    "infra/test_migrations.py": "training_jobs/migrations/env.py",
    "sft/test_program.py": "sft/__main__.py",
    "web/test_pages.py": "web/mount.py",
}

#: Test file: the modules that have no test file of their own and are covered by it.
COVERED_BY: Final[Mapping[str, tuple[str, ...]]] = {}


def paths(directory: Path, pattern: str) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob(pattern))


def modules() -> list[str]:
    """The modules of the package by path, without packages' own files, migrations and what tests share."""
    found = [path for path in paths(PACKAGE, "*.py") if not path.endswith("__init__.py")]
    return [path for path in found if "/migrations/versions/" not in path and not path.startswith(SHARED)]


def mirrored(module: str) -> str:
    """Where the tests of a module stand: `sft/__main__.py` in `sft/test_main.py`."""
    path = Path(module)
    return str(path.with_name(f"test_{path.stem.strip('_')}.py"))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def imports(file: Path) -> frozenset[str]:
    """The modules of the package that a file imports, wherever in it, or names in a text, as `python -m` takes one."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = f"{dotted(file.parents[node.level - 1])}." if node.level else ""
            origin = f"{start}{node.module or ''}".rstrip(".")
            names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(NAME, node.value):
            text = node.value.partition(":")[0]
            names |= {text, f"{dotted(file.parent)}.{text}"}  # the command line names its parts by their place
    ours = {name.removeprefix("training_pipeline.") for name in names if name.startswith("training_pipeline.")}
    return frozenset(path for name in ours if (PACKAGE / (path := name.replace(".", "/") + ".py")).is_file())


def reached(starts: Iterable[str], *rooms: str) -> set[str]:
    """The modules that `starts` import, themselves included; a way leads through modules of `rooms` only."""
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            if module in starts or module.startswith(rooms):
                waiting += imports(PACKAGE / module)
    return seen


def covers(test: str, module: str) -> bool:
    """Whether the test file, its fixtures or what they share reach the module through its room or theirs."""
    files = [TESTS / test, *(parent / "conftest.py" for parent in (TESTS / test).parents)]
    direct = {name for file in files if file.is_file() and TESTS in file.parents for name in imports(file)}
    direct |= {DRIVES[test]} if test in DRIVES else set()
    shared = reached([name for name in direct if name.startswith(SHARED)], SHARED)
    return module in reached(direct | shared, f"{module.split('/')[0]}/", f"{test.split('/')[0]}/")


def test_every_module_has_a_test_file_of_its_name_or_is_covered_by_a_named_one() -> None:
    listed = {module for covered in COVERED_BY.values() for module in covered}
    missing = [m for m in modules() if not (TESTS / mirrored(m)).is_file() and m not in listed]
    assert not missing, "Write training_pipeline_tests/test_….py, or name the test in COVERED_BY:\n" + "\n".join(
        f"  {module} -> {mirrored(module)}" for module in missing
    )


def test_every_test_file_mirrors_a_module() -> None:
    strays = set(paths(TESTS, "test_*.py")) - set(map(mirrored, modules())) - OF_THE_WHOLE
    assert not strays, f"Name these for the module they test, move them beside it, or list them: {sorted(strays)}"


@pytest.mark.parametrize("test", sorted(COVERED_BY))
def test_every_entry_is_true(test: str) -> None:
    assert (TESTS / test).is_file(), f"{test} is in COVERED_BY, and there is no such file: name the one it became."
    for module in COVERED_BY[test]:
        assert (PACKAGE / module).is_file(), f"{module} of {test} is gone: name what it became, or remove it."
        assert not (TESTS / mirrored(module)).is_file(), f"{module} has {mirrored(module)}: remove the entry at {test}."
        assert covers(test, module), f"{test} does not reach {module}: name the test that does, or write one."


def test_every_list_is_as_short_as_it_can_be() -> None:
    listed = [module for covered in COVERED_BY.values() for module in covered]
    assert sorted(listed) == sorted(set(listed)), "A module stands in COVERED_BY more than once."
    gone = {test for test in (*OF_THE_WHOLE, *DRIVES) if not (TESTS / test).is_file()}
    gone |= {module for module in DRIVES.values() if not (PACKAGE / module).is_file()}
    assert not gone, f"These are listed and gone: {sorted(gone)}"
    mirroring = OF_THE_WHOLE & set(map(mirrored, modules()))
    assert not mirroring, f"These mirror a module and need not be listed: {sorted(mirroring)}"


def test_what_tests_share_is_in_use() -> None:
    outside = [*TESTS.rglob("*.py"), *(ROOT / "scripts").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    outside += [PACKAGE / module for module in modules()]
    used = reached({name for file in outside for name in imports(file) if name.startswith(SHARED)}, SHARED)
    shared = {f"{SHARED}{path}" for path in paths(PACKAGE / SHARED, "*.py") if not path.endswith("__init__.py")}
    # A stand-in that runs as a program is named by its path.
    programs = {f"{SHARED}{path}" for path in ("stand_in_trainer.py", "either_trainer.py")}
    assert not shared - used - programs, f"Nothing uses these: {sorted(shared - used)}"


def test_conftests_have_fixtures_only() -> None:
    for file in TESTS.rglob("conftest.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("pytest_"):
                assert any("fixture" in ast.unparse(one) for one in node.decorator_list), f"{file}: {node.name}"
            assert not isinstance(node, ast.ClassDef), f"{file}: {getattr(node, 'name', '')} belongs into testing/"
