"""The fields of the form, read from the service's models: titles, help, ranges, defaults and choices. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Literal

from pydantic import BaseModel

from training_pipeline.domain.study import Pruner, StudyRequest
from training_pipeline.domain.training_config import JobRequest, TrainingConfig
from training_pipeline.domain.validation import as_number
from training_pipeline.web import formats

#: Shown first; the others stand behind "More settings".
FIRST: Final = ("epochs", "learning_rate", "batch_size", "method")


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `default` is "auto" where the service chooses; `range` is empty where any value goes."""

    name: str
    title: str
    help: str
    kind: Literal["number", "choice", "text", "switch"]
    default: str
    least: float | None = None
    most: float | None = None
    range: str = ""
    choices: tuple[str, ...] = ()
    #: A number without a fraction: 3.0 is taken for 3.
    whole: bool = False

    @property
    def automatic(self) -> bool:
        """Whether the service chooses a value where none is given."""
        return self.default == "auto"


@cache
def config_fields() -> tuple[Field, ...]:
    """The keys of `training_config`, those of `FIRST` first."""
    found = _fields(TrainingConfig)
    return tuple(sorted(found.values(), key=lambda field: (field.name not in FIRST, list(found).index(field.name))))


@cache
def request_fields() -> dict[str, Field]:
    """The fields of a request, by name."""
    return _fields(JobRequest)


@cache
def study_fields() -> dict[str, Field]:
    """The fields of a study beside its job and its space, by name; none is called as one of a job is.

    `pruner` is the pruner's kind, and `search_seed` the study's `seed`.
    """
    found = {name: field for name, field in _fields(StudyRequest).items() if name not in ("job", "space", "pruner")}
    if not found["objective"].choices:
        del found["objective"]  # nothing to choose
    pruner = _fields(Pruner)
    kind = replace(pruner.pop("kind"), name="pruner", title="Pruner")
    seed = replace(found.pop("seed"), name="search_seed", title="Search seed")
    return {**found, seed.name: seed, kind.name: kind, **pruner}


def typed(field: Field, text: str) -> Any:
    """The value a text stands for. What is not a number stays text, so that the service reports what it expected."""
    if field.kind == "switch":
        return text != "no"
    if field.kind != "number" or text == "auto":
        return text
    value = as_number(text)
    return int(value) if field.whole and isinstance(value, float) and value.is_integer() else value


def _fields(model: type[BaseModel]) -> dict[str, Field]:
    properties = model.model_json_schema()["properties"]
    return {name: _field(name, properties[name]) for name in model.model_fields if name != "training_config"}


def _field(name: str, schema: dict[str, Any]) -> Field:
    branches = [branch for branch in schema.get("anyOf", [schema]) if branch.get("type") != "null"]
    number = next((branch for branch in branches if branch.get("type") in {"integer", "number"}), None)
    choices = tuple(choice for branch in branches for choice in branch.get("enum", ()))
    default = schema.get("default")
    kind: Literal["number", "choice", "text", "switch"] = "text"
    if number is not None:
        kind = "number"
    elif choices:
        kind = "choice"
    elif any(branch.get("type") == "boolean" for branch in branches):
        kind = "switch"
    least, over = (number or {}).get("minimum"), (number or {}).get("exclusiveMinimum")
    most = (number or {}).get("maximum")
    end = f"{most:,}" if isinstance(most, int) else f"{most:,g}" if most is not None else ""
    words = f"{f'over {over:g}' if least is None else f'{least:g}'} to {end}" if end else ""
    return Field(
        name=name,
        title=formats.words(name),
        help=schema.get("description", ""),
        kind=kind,
        default="" if default is None else formats.value(default),
        least=over if least is None else least,
        most=most,
        range=words,
        choices=tuple(choice for choice in choices if choice != "auto"),
        whole=number is not None and number["type"] == "integer",
    )
