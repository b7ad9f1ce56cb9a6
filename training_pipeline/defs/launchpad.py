"""The forms of the Launchpad, made from the models that validate requests: names, defaults, bounds and help are theirs.

Dagster checks names, types and choices while a person types. Bounds stand in the help, and are checked, all at once, by
the service that the REST API uses. Every field has a default that can be seen, for the Launchpad fills in no null.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, Final

import dagster as dg
from pydantic import BaseModel

from training_pipeline.domain.access import Caller, local_caller
from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.domain.launched_by import launcher
from training_pipeline.domain.validation import as_number
from training_pipeline.settings import Settings

#: In the form of a change: as it was.
UNCHANGED: Final = "unchanged"

_SCALARS: Final[Mapping[str, Any]] = {"integer": int, "number": float, "boolean": bool, "string": str}

REQUESTED_BY: Final = dg.Field(
    str,
    default_value="",
    description="Your name, stored with the job. Where you logged in, that name is stored instead.",
)
JOB_ID: Final = dg.Field(str, description="The training job, such as tj-20261123-072145-9f3a2c.")
MODEL_NAME: Final = dg.Field(str, description="The registered model.")
#: A form takes 2 for a number, and no type of Dagster's is "a number or a text".
VERSION: Final = dg.Field(dg.Any, description="Its version, such as 2.")


def other_version(model: type[BaseModel], name: str) -> dg.Field:
    """The field of a version that may be left empty, with the help of the model's field."""
    return dg.Field(dg.Any, default_value="", description=str(model.model_fields[name].description))


def caller_of(run: dg.DagsterRun, stated: str, settings: Settings) -> Caller:
    """Who launched the run: who had logged in; else, as nobody is asked, whom the form states, with every right."""
    return launcher(run.tags) or local_caller(stated or settings.local_user)


def version_of(field: str, value: Any) -> str:
    """The version that a field names, typed as a number or a text. Raises `InvalidRequest` for anything else."""
    if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
        return str(value).strip()
    raise InvalidRequest(
        f"{value!r} is not a version of a model.",
        problems=[FieldProblem(f"/{field}", "version", "must be a version, such as 2")],
    )


def form(model: type[BaseModel], *, left_out: Collection[str] = (), changes: bool = False) -> dict[str, dg.Field]:
    """A Launchpad field for each field of the model.

    With `changes` every one of them is "unchanged" by default.
    """
    schema = _schema(model)
    required = schema.get("required", ())
    return {
        name: _changed(name, field) if changes else _field(name, field, required=name in required)
        for name, field in schema["properties"].items()
        if name not in left_out
    }


def stated(config: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The values of a form without those that are empty or equal to the default."""
    return {
        name: value
        for name, value in _numbered(config, model).items()
        if value != "" and (name not in model.model_fields or value != model.model_fields[name].default)
    }


def changed(config: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The values of a form of changes without those left unchanged."""
    return {name: value for name, value in _numbered(config, model).items() if value != UNCHANGED}


def _numbered(config: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The values with numbers for what reads as one in fields that take one: YAML reads 1e-4 as a text."""
    return {
        name: as_number(value) if isinstance(value, str) and _takes_number(model, name) else value
        for name, value in config.items()
    }


def _takes_number(model: type[BaseModel], name: str) -> bool:
    schema = _schema(model)["properties"].get(name)
    return schema is not None and _kind(schema)[0].get("type") in {"integer", "number"}


@cache
def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    return model.model_json_schema()


def _field(name: str, schema: Mapping[str, Any], *, required: bool) -> dg.Field:
    kind, auto = _kind(schema)
    about = _about(schema, kind, auto=auto)
    if "enum" in kind:
        choices = dg.Enum(name, [dg.EnumValue(word) for word in _words(kind, auto=auto)])
        return dg.Field(choices, default_value=schema["default"], description=about)
    if auto:  # no type of Dagster's is "a number or auto"
        return dg.Field(dg.Any, default_value="auto", description=about)
    if kind["type"] == "array":
        return dg.Field([_SCALARS[kind["items"]["type"]]], default_value=[], description=about)
    scalar = _SCALARS[kind["type"]]
    if required:
        return dg.Field(scalar, description=about)
    default = schema.get("default")
    if default is None and scalar is not str:  # nor is "a number or nothing"
        return dg.Field(dg.Any, default_value="", description=about)
    return dg.Field(scalar, default_value="" if default is None else default, description=about)


def _changed(name: str, schema: Mapping[str, Any]) -> dg.Field:
    kind, auto = _kind(schema)
    accepted: Any = dg.Any
    if "enum" in kind:
        words = [UNCHANGED, *_words(kind, auto=auto)]
        accepted = dg.Enum(f"{name}_changed", [dg.EnumValue(word) for word in words])
    return dg.Field(accepted, default_value=UNCHANGED, description=_about(schema, kind, auto=auto))


def _kind(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The branch of a field's JSON schema that is neither null nor "auto", and whether it may be "auto"."""
    branches = schema.get("anyOf", [schema])
    kind = next(branch for branch in branches if branch.get("type") != "null" and branch.get("const") != "auto")
    return kind, any(branch.get("const") == "auto" for branch in branches)


def _words(kind: Mapping[str, Any], *, auto: bool) -> list[str]:
    return ["auto", *kind["enum"]] if auto else list(kind["enum"])


def _about(schema: Mapping[str, Any], kind: Mapping[str, Any], *, auto: bool) -> str:
    """The field's one line of help, with what it may be in brackets."""
    allowed = [*_bounds(kind), *(["or auto"] if auto and "enum" not in kind else [])]
    about = str(schema["description"]).rstrip(".")
    return f"{about} ({', '.join(allowed)})." if allowed else f"{about}."


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    most = schema.get("maximum")
    if "exclusiveMinimum" in schema:
        yield f"over {schema['exclusiveMinimum']:,g}"
        if most is not None:
            yield f"at most {most:,.10g}"
    elif most is not None:
        yield f"{schema['minimum']:,.10g} to {most:,.10g}"
    if "pattern" in schema:
        yield "lower case letters, digits, - and _"
