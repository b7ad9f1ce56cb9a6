from __future__ import annotations

import ast
import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import training_pipeline
from training_pipeline.domain import errors
from training_pipeline.domain.errors import FieldProblem, PipelineError
from training_pipeline.schemas.problem import STATUSES

PACKAGE = Path(training_pipeline.__file__).parent
#: Neither raises ours: one imports nothing of ours, the other is what tests share.
LEFT_OUT = {"sft", "testing"}


def modules_with_errors() -> set[str]:
    """The modules that define a subclass, told from the text: importing all of the package would take long."""
    subclasses = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] in LEFT_OUT:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ClassDef):
                continue
            for base in node.bases:
                name = base.id if isinstance(base, ast.Name) else getattr(base, "attr", "")
                subclasses[name].append((node.name, ".".join(relative.with_suffix("").parts)))
    modules, names = set(), ["PipelineError"]
    while names:
        for name, module in subclasses[names.pop()]:
            names.append(name)
            modules.add(f"training_pipeline.{module}")
    return modules


def drawing(error: type[PipelineError], depth: int = 0) -> Iterator[str]:
    status = next((str(status) for kind, status in STATUSES if issubclass(error, kind)), "")
    home = "" if error.__module__ == errors.__name__ else error.__module__.removeprefix("training_pipeline.")
    yield f"{'  ' * depth + error.__name__:28}{error.code:26}{status:6}{home}".rstrip()
    elsewhere = [one for one in error.__subclasses__() if one.__module__.startswith("training_pipeline.")]
    for one in sorted(elsewhere, key=lambda one: (one.__module__ != errors.__name__, one.__module__)):
        yield from drawing(one, depth + 1)


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    for module in sorted(modules_with_errors()):
        importlib.import_module(module)
    drawn = inspect.cleandoc(errors.__doc__ or "").partition("::\n\n")[2]
    assert [line.removeprefix("    ") for line in drawn.splitlines()] == list(drawing(PipelineError))


def test_every_code_is_of_one_status() -> None:
    statuses = defaultdict(set)
    for error, status in STATUSES:
        statuses[error.code].add(status)
    assert all(len(found) == 1 for found in statuses.values())


def test_an_error_is_read_whole() -> None:
    problem = FieldProblem("/model_name", "missing", "is missing")
    error = PipelineError("The request is incomplete.", hint="Name the model.", problems=[problem])
    assert str(error) == "The request is incomplete.\n  /model_name: is missing\nName the model."
    assert str(PipelineError("It is away.")) == "It is away."


@pytest.mark.parametrize("error", [errors.Unavailable, errors.BackendUnreachable, errors.BackendDenied])
def test_what_may_pass_need_not_recur(error: type[PipelineError]) -> None:
    assert not error("x").recurs
    assert error("x").is_outage is issubclass(error, errors.BackendUnreachable)


def test_an_error_names_every_field_and_says_what_to_do() -> None:
    problems = [
        errors.FieldProblem("/model_name", "missing", "is missing"),
        errors.FieldProblem("/epochs", "type", "is no number"),
    ]
    error = errors.InvalidRequest("The request is wrong in 2 places.", hint="Mend them.", problems=problems)
    assert str(error).splitlines() == [
        "The request is wrong in 2 places.",
        "  /model_name: is missing",
        "  /epochs: is no number",
        "Mend them.",
    ]
    assert str(errors.PipelineError("It broke.")) == "It broke."
