"""The options for importing a file as a training sheet, and their validation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.training_sheet import Reference, SheetStatus
from training_pipeline.domain.usage import REVIEW_WORDS, DataClassification, Status, Use
from training_pipeline.sheets.files.source import SHEET_ID

#: `--prohibit none` states that nothing is prohibited; to say nothing at all is not enough.
NONE: Final = "none"

#: Columns of a sheet that are taken over under their own name. They narrow, explain or belong to the example, and never
#: allow.
_CARRIED: Final = tuple(
    name
    for name in PAIR_SCHEMA
    if name.startswith(("label_", "reviewed_", "constraints_")) or name in ("usage_reason", "tools")
)


class ImportRequest(BaseModel):
    """What to import, and what its owner states about it. Null means: not stated."""

    model_config = ConfigDict(frozen=True)

    file: Path
    id: str
    name: str | None = None
    sheet_status: SheetStatus | None = None
    status: str | None = None
    status_column: str | None = None
    allow: tuple[str, ...] = ()
    allowed_uses_column: str | None = None
    prohibit: tuple[str, ...] = ()
    prohibited_uses_column: str | None = None
    classification: DataClassification | None = None
    classification_column: str | None = None
    usage_reason: str | None = None
    question_column: str | None = None
    answer_column: str | None = None
    system_column: str | None = None
    pair_id_column: str | None = None
    item_column: str | None = None
    label_column: str | None = None
    reviewed_by: str | None = None
    constraints_set_by: str | None = None
    source: Reference | None = None
    template: Reference | None = None
    tags: tuple[str, ...] = ()
    owner: str = ""
    description: str = ""
    delimiter: str = ","
    list_separator: str = ";"


def unstated(request: ImportRequest) -> Iterator[FieldProblem]:
    """Everything that must be stated and is not, or is stated twice, or in an unknown word."""
    for flag, given, other, words, example in (
        ("--status", request.status, "--status-column", {*Status, *REVIEW_WORDS}, "labeled"),
        ("--allow", request.allow, "--allowed-uses-column", {*Use}, "training --allow validation"),
        ("--prohibit", request.prohibit, "--prohibited-uses-column", {*Use, NONE}, NONE),
        ("--classification", request.classification, "--classification-column", {*DataClassification}, "internal"),
    ):
        column = getattr(request, other.removeprefix("--").replace("-", "_"))
        if given and column:
            yield FieldProblem(flag, "stated_twice", f"stands beside {other}; give one of the two")
        if not given and not column:
            yield FieldProblem(flag, "not_stated", f"is not stated; give {flag} (as {flag} {example}) or {other}")
        for word in (given,) if isinstance(given, str) else given or ():
            if word not in words:
                known = ", ".join(sorted(words))
                yield FieldProblem(flag, "unknown_word", f"'{word}' is not one of {known}")
    if not SHEET_ID.fullmatch(request.id):
        yield FieldProblem("--id", "invalid", "must be letters, digits, '.', '_' or '-', at most 128, no dot first")
    for flag, character in (("--delimiter", request.delimiter), ("--list-separator", request.list_separator)):
        if len(character) != 1:
            yield FieldProblem(flag, "invalid", "must be one character")
    if NONE in request.prohibit and len(request.prohibit) > 1:
        yield FieldProblem("--prohibit", "stated_twice", "says 'none' and names uses as well")
    if request.sheet_status is None:
        known = ", ".join(SheetStatus)
        yield FieldProblem(
            "--sheet-status", "not_stated", f"is not stated; one of {known} (approved may be trained on)"
        )
    for flag, reference in (("--source-name", request.source), ("--template-name", request.template)):
        if reference is None:
            what = (
                "sheet the items come from" if flag == "--source-name" else "prompt template that asked the questions"
            )
            yield FieldProblem(flag, "not_stated", f"is not stated; name the {what}: it goes into the lineage")


def column_problems(request: ImportRequest, columns: tuple[str, ...]) -> Iterator[FieldProblem]:
    """Flags that name a column the file does not have, and columns that say what no flag speaks of. Pure."""
    there = f"the file has {', '.join(columns)}"
    for field in ImportRequest.model_fields:
        if field.endswith("_column") and (name := getattr(request, field)) and name not in columns:
            yield FieldProblem(_flag(field), "unknown_column", f"there is no column '{name}'; {there}")
    for column, flag in (
        ("status", "--status-column"),
        ("allowed_uses", "--allowed-uses-column"),
        ("prohibited_uses", "--prohibited-uses-column"),
        ("data_classification", "--classification-column"),
    ):
        field = flag.removeprefix("--").replace("-", "_")
        if column in columns and getattr(request, field) is None:
            text = f"the file has a column '{column}' of its own; use it ({flag} {column}) or take it out of the file"
            yield FieldProblem(flag, "ignored_statement", text)
    chat = request.question_column or request.answer_column or request.system_column
    if chat is None and "messages" in columns:
        return
    for column in ("question", "answer"):
        if getattr(request, f"{column}_column") is None and column not in columns:
            yield FieldProblem(f"--{column}-column", "unknown_column", f"which column is the {column}? {there}")


def sources_of(request: ImportRequest, columns: tuple[str, ...]) -> dict[str, str]:
    """For each column of the sheet that the file gives, the file's own column."""
    sources = {name: name for name in _CARRIED if name in columns}
    chat = request.question_column or request.answer_column or request.system_column
    if chat is None and "messages" in columns:
        sources["messages"] = "messages"
    else:
        for name in ("question", "answer", "system"):
            source = getattr(request, f"{name}_column") or name
            if source in columns:
                sources[name] = source
    for name, source in {
        "status": request.status_column,
        "allowed_uses": request.allowed_uses_column,
        "prohibited_uses": request.prohibited_uses_column,
        "data_classification": request.classification_column,
        "pair_id": request.pair_id_column or "pair_id",
        "item_ref": request.item_column or "item_ref",
        "canonical_label_id": request.label_column or "canonical_label_id",
    }.items():
        if source in columns and source is not None:
            sources[name] = source
    return sources


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")
