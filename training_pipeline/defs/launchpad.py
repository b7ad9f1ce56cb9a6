"""The forms of the Launchpad, made from the models that validate requests: names, defaults, bounds and help are theirs.

Dagster checks names and types while a person types. Bounds stand in the help, and are checked, all at once, by the
service that the REST API uses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import dagster as dg
from pydantic import BaseModel

_SCALARS: Final[Mapping[str, Any]] = {"integer": int, "number": float, "boolean": bool, "string": str}

#: Open-source Dagster does not know its users.
REQUESTED_BY: Final = dg.Field(str, description="Who asks: Dagster does not know its users. It is kept with the job.")
JOB_ID: Final = dg.Field(str, description="The training job, such as tj-20261123-072145-9f3a2c.")


def form(model: type[BaseModel], *, left_out: Collection[str] = (), unchanged: bool = False) -> dict[str, dg.Field]:
    """A field for each of the model's, in their order. Pure.

    What may be "auto" or left out is null by default. With `unchanged` every field is: null keeps what was there.
    """
    schema = model.model_json_schema()
    return {
        name: _field(name, stated, required=name in schema.get("required", ()), unchanged=unchanged)
        for name, stated in schema["properties"].items()
        if name not in left_out
    }


def stated(config: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """What a person said in a form: without what is null or as by default, so that the job keeps only that. Pure."""
    return {
        name: value
        for name, value in config.items()
        if value is not None and not (name in model.model_fields and value == model.model_fields[name].default)
    }


def _field(name: str, schema: Mapping[str, Any], *, required: bool, unchanged: bool) -> dg.Field:
    branches = schema.get("anyOf", [schema])
    auto = any(branch.get("const") == "auto" for branch in branches)
    kind = next(branch for branch in branches if branch.get("type") != "null" and branch.get("const") != "auto")
    default = schema.get("default")
    words = kind.get("enum")
    if words:
        words = ["auto", *words] if auto else words
        accepted: Any = dg.Enum(f"{name}_changed" if unchanged else name, [dg.EnumValue(word) for word in words])
    else:
        accepted, default = _SCALARS[kind["type"]], None if auto else default
    said = [str(schema["description"]).rstrip("."), *_bounds(kind)]
    if unchanged:
        return dg.Field(dg.Noneable(accepted), default_value=None, description=f"{', '.join(said)}; null keeps it.")
    if required:
        return dg.Field(accepted, description=f"{', '.join(said)}.")
    if default is None:
        said[-1] += "; null: auto" if auto else ""
        return dg.Field(dg.Noneable(accepted), default_value=None, description=f"{', '.join(said)}.")
    return dg.Field(accepted, default_value=default, description=f"{', '.join(said)}.")


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    over = "exclusiveMinimum" in schema
    least = schema.get("exclusiveMinimum", schema.get("minimum"))
    most = schema.get("maximum")
    if least is not None and most is not None:
        yield f"{'over ' if over else ''}{least:g} to {most:g}"
    if "pattern" in schema:
        yield "lower case letters, digits, - and _"
