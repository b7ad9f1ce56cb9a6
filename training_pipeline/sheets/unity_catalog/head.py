"""The head of a training sheet kept as a row of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.sheets.bounded_yaml import unstorable
from training_pipeline.sheets.head import Defaults, Head
from training_pipeline.sheets.unity_catalog import fragments
from training_pipeline.sheets.unity_catalog.columns import Columns, words_json

#: What we look for, and by which names, where the settings name no column. The first that there is counts.
SHEET_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "training_sheet_id"),
    "status": ("status",),
    "sheet_id": ("sheet_id", "source_sheet_id"),
    "template_id": ("template_id", "prompt_template_id"),
    "name": ("name",),
    "sheet_name": ("sheet_name", "source_sheet_name"),
    "sheet_version": ("sheet_version", "source_sheet_version"),
    "template_name": ("template_name", "prompt_template_name"),
    "template_version": ("template_version", "prompt_template_version"),
    "source_table": ("source_table",),
    "description": ("description",),
    "owner": ("owner",),
    "evaluate_on": ("evaluate_on",),
    "evaluate_judge": ("evaluate_judge",),
    **{f"default_{name}": (f"default_{name}",) for name in Defaults.model_fields},
}
REQUIRED: Final = ("id", "status", "sheet_id", "template_id")
#: What goes into the head as it is.
_TAKEN: Final = ("description", "owner", "evaluate_on", "evaluate_judge")
_LISTS: Final = ("default_allowed_uses", "default_prohibited_uses")


def head_problems(columns: Columns) -> list[Problem]:
    """What keeps these columns from making heads."""
    return [
        Problem(name, "missing_column", "is missing; every training sheet needs it")
        for name in REQUIRED
        if name not in columns.names
    ]


def select_heads(columns: Columns, table: str, *, one: bool, limit: int) -> str:
    """The SELECT of all heads by id, or with `one` of the sheet that the parameter `sheet_id` names.

    The columns are the things that `columns` has, in its order.
    """
    made = [words_json(columns, name) if name in _LISTS else columns.text(name) for name in columns.names]
    which = f" WHERE CAST({columns.quoted('id')} AS STRING) = :sheet_id" if one else ""
    relation = fragments.name_of(table)
    return f"SELECT {', '.join(made)} FROM {relation}{which} ORDER BY 1 LIMIT {limit}"  # noqa: S608 - quoted names


def head_of(columns: Columns, row: Sequence[str | None]) -> tuple[Head, str | None] | list[Problem]:
    """The head in a row of `select_heads` and the source table it names, or every problem with it."""
    given = {name: value for name, value in zip(columns.names, row, strict=True) if value is not None}
    defaults = {
        name.removeprefix("default_"): json.loads(value) if name in _LISTS else value
        for name, value in given.items()
        if name.startswith("default_")
    }
    document: dict[str, object] = {
        "name": given.get("name") or given.get("id", ""),
        "status": given.get("status", "").strip().lower(),
        "source_sheet": _reference(given, "sheet"),
        "prompt_template": _reference(given, "template"),
        "defaults": defaults,
        **{name: given[name] for name in _TAKEN if name in given},
    }
    if bad := [Problem(pointer, "unstorable", reason) for pointer, reason in unstorable(document)]:
        return bad
    try:
        return Head.model_validate(document), (given.get("source_table") or "").strip() or None
    except ValidationError as error:
        found = problems_from_validation(error.errors(include_url=False))
        return [Problem(problem.pointer, problem.code, problem.message) for problem in found]


def _reference(given: Mapping[str, str], what: str) -> dict[str, str]:
    return {part: given[f"{what}_{part}"] for part in ("id", "name", "version") if f"{what}_{part}" in given}
