"""Plans on disk: to compile one takes up to a second of processor time, to read it a few thousandths.

Every command is a new process. What is kept is the SQL of the steps and the types of their columns, under a hash of the
code that makes them, the libraries that this uses, and what the plan is for: with other rules there is another file.
Nothing is kept until somebody says where, and a file that cannot be used is as none.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, ParamSpec

import ibis
import ibis.expr.schema as sch
from pydantic import BaseModel

from training_pipeline.infra.files import replace_file
from training_pipeline.infra.json_file import BrokenFile, read_json
from training_pipeline.sheets import plans_directory
from training_pipeline.sheets.plan import Dialect, Plan, Step

#: Where the code lies that plans are made of, below the package: the rules, the dialects, and what asks.
MADE_OF: Final = ("domain", "sheets", "datasets")
#: What compiles them.
LIBRARIES: Final = ("ibis-framework", "sqlglot")
#: Files that are kept at most: one for each combination of tags, policy and use that was asked for.
MOST: Final = 32
_PACKAGE: Final = Path(__file__).resolve().parents[1]

P = ParamSpec("P")


def kept(make: Callable[P, Plan]) -> Callable[P, Plan]:
    """Decorates what makes a plan of a dialect, models and schemas: it is called where none is on disk."""
    signature = inspect.signature(make)

    @wraps(make)
    def plan(*args: P.args, **kwargs: P.kwargs) -> Plan:
        directory = plans_directory.kept_in()
        if directory is None:
            return make(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        try:
            code = _code()
        except (OSError, PackageNotFoundError):  # they are not in files
            return make(*args, **kwargs)
        made_for = _digest([make.__module__, make.__name__, _said(bound.arguments)])
        file = directory / f"{code[:16]}-{made_for[:48]}.json"
        found = _read(file)
        if found is None:
            found = make(*args, **kwargs)
            _write(file, found)
        return found

    return plan


@cache
def _code() -> str:
    """The hash of all that decides what a plan says. Reads the code; raises `OSError` where that cannot be read, and
    `PackageNotFoundError` for a library that does not say its version.
    """
    files = sorted(file for folder in MADE_OF for file in (_PACKAGE / folder).rglob("*.py"))
    if not files:
        raise FileNotFoundError(_PACKAGE)
    read = [(file.relative_to(_PACKAGE).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    return _digest([read, *map(version, LIBRARIES), sys.version_info[:2]])


def _read(file: Path) -> Plan | None:
    """The plan in this file; None where there is none, or another one than was written."""
    try:
        stored = read_json(file)
        if stored is None or _digest(stored["steps"]) != stored["sha256"]:
            return None
        return Plan(tuple(_step(**step) for step in stored["steps"]))
    except (OSError, BrokenFile, KeyError, TypeError):
        return None


def _write(file: Path, plan: Plan) -> None:
    """Keep the plan, unless it could not be read again as it is, or there is no room. Never raises."""
    steps = [
        {
            "name": step.name,
            "query": step.query,
            "columns": _said(step.schema),
            "kept": step.kept,
            "constant": step.constant,
        }
        for step in plan.steps
    ]
    if Plan(tuple(_step(**step) for step in steps)) != plan:  # a type that is not told whole by its words
        return
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, exist_ok=True)
        if len(there := list(file.parent.glob("*.json"))) >= MOST:
            for old in there:  # mostly of earlier versions; what is still needed is made once more
                old.unlink(missing_ok=True)
        replace_file(file, json.dumps({"steps": steps, "sha256": _digest(steps)}).encode())


def _step(name: str, query: str, columns: list[list[str]], kept: bool, constant: bool) -> Step:
    return Step(name, query, ibis.schema({column: ibis.dtype(kind) for column, kind in columns}), kept, constant)


def _said(value: Any) -> Any:
    """What a plan is for, as JSON that is the same in every process; raises `TypeError` for what has none."""
    if isinstance(value, Dialect):
        return value.name
    if isinstance(value, sch.Schema):
        return [[name, str(kind)] for name, kind in value.items()]
    if isinstance(value, BaseModel):
        return _said({name: getattr(value, name) for name in type(value).model_fields})
    if isinstance(value, dict):
        return {name: _said(of) for name, of in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(_said, value))
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} does not say what a plan is for")


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
