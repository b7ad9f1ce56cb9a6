"""What to import, what its owner states about it, and the validation of that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.judge import JUDGE_NAME_OR_NONE
from training_pipeline.domain.training_sheet import SUITE_NAME, Reference, SheetStatus
from training_pipeline.domain.usage import REVIEW_WORDS, DataClassification, Status, Use
from training_pipeline.sheets.files.source import SHEET_ID
from training_pipeline.sheets.importing.formats.registry import AUTO, FORMATS
from training_pipeline.sheets.importing.mapping import ColumnMapping

#: `--prohibit none` states that nothing is prohibited; to say nothing at all is not enough.
NONE: Final = "none"

#: Column of a sheet: the option that names the file's column for it.
_FLAGS: Final = {
    "data_classification": "--classification-column",
    "item_ref": "--item-column",
    "canonical_label_id": "--label-column",
}


class ImportRequest(BaseModel):
    """What to import, and what its owner states about it. Null means: not stated."""

    model_config = ConfigDict(frozen=True)

    file: Path
    id: str
    mapping: ColumnMapping = ColumnMapping()
    name: str | None = None
    sheet_status: SheetStatus | None = None
    status: str | None = None
    allow: tuple[str, ...] = ()
    prohibit: tuple[str, ...] = ()
    classification: DataClassification | None = None
    usage_reason: str | None = None
    reviewed_by: str | None = None
    reviewed_at: str | None = None
    constraints_set_by: str | None = None
    constraints_set_at: str | None = None
    source: Reference | None = None
    template: Reference | None = None
    tags: tuple[str, ...] = ()
    owner: str = ""
    exclude_near_held_out: bool = False
    evaluate_on: str = ""
    evaluate_judge: str = ""
    description: str = ""
    #: What the head shall say beside the name of the file and its format, such as who imported it.
    metadata: dict[str, str] = Field(default_factory=dict)

    def of_version(self, version: str) -> ImportRequest:
        """The request with the version of what it imports as that of its source, where none is stated."""
        if self.source is None or self.source.version:
            return self
        return self.model_copy(update={"source": self.source.model_copy(update={"version": version})})

    def stated(self) -> dict[str, object]:
        """What is stated for every pair, by column of the sheet."""
        return {
            "status": self.status,
            "allowed_uses": list(self.allow) or None,
            "prohibited_uses": [use for use in self.prohibit if use != NONE] if self.prohibit else None,
            "data_classification": self.classification and str(self.classification),
            "usage_reason": self.usage_reason,
            "reviewed_by": self.reviewed_by,
            "reviewed_at": self.reviewed_at,
            "constraints_set_by": self.constraints_set_by,
            "constraints_set_at": self.constraints_set_at,
        }


def flag_of(column: str) -> str:
    """The option that names the file's column for a column of the sheet."""
    return _FLAGS.get(column, f"--{column.replace('_', '-')}-column")


def unstated(request: ImportRequest, *, has_status: bool = False) -> Iterator[FieldProblem]:
    """Everything that must be stated and is not, or is stated twice, or in an unknown word.

    With `has_status` the file's format has words of its own for the status of a pair.
    """
    mapped = request.mapping.columns
    for flag, given, column, words, example in (
        ("--status", request.status, "status", {*Status, *REVIEW_WORDS}, "labeled"),
        ("--allow", request.allow, "allowed_uses", {*Use}, "training --allow validation"),
        ("--prohibit", request.prohibit, "prohibited_uses", {*Use, NONE}, NONE),
        ("--classification", request.classification, "data_classification", {*DataClassification}, "internal"),
    ):
        other = flag_of(column)
        if given and column in mapped:
            yield FieldProblem(flag, "stated_twice", f"cannot be combined with {other}: give one of the two")
        if given and column == "status" and has_status:
            text = "cannot be combined with the format's own; map its words, as --map-value status:submitted=labeled"
            yield FieldProblem(flag, "stated_twice", text)
        if not given and column not in mapped and not (column == "status" and has_status):
            yield FieldProblem(flag, "not_stated", f"is not stated; give {flag} (as {flag} {example}) or {other}")
        for word in (given,) if isinstance(given, str) else given or ():
            if word not in words:
                known = ", ".join(sorted(words))
                yield FieldProblem(flag, "unknown_word", f"'{word}' is not one of {known}")
    if not SHEET_ID.fullmatch(request.id):
        yield FieldProblem("--id", "invalid", "must be letters, digits, '.', '_' or '-', at most 128, no dot first")
    if not re.fullmatch(SUITE_NAME, request.evaluate_on):
        yield FieldProblem("--evaluate-on", "invalid", "must name a suite: lower-case letters, digits, _ and -")
    if not re.fullmatch(JUDGE_NAME_OR_NONE, request.evaluate_judge):
        yield FieldProblem("--evaluate-judge", "invalid", "must name a judge: lower-case letters, digits, _, . and -")
    if request.evaluate_judge and not request.evaluate_on:
        yield FieldProblem("--evaluate-judge", "no_suite", "needs --evaluate-on, the suite whose answers it judges")
    if NONE in request.prohibit and len(request.prohibit) > 1:
        yield FieldProblem("--prohibit", "stated_twice", "says 'none' and names uses as well")
    named = request.mapping.format
    if named is not None and named not in (*FORMATS, AUTO):
        yield FieldProblem("--format", "unknown_word", f"'{named}' is not one of {', '.join((AUTO, *FORMATS))}")
    if request.sheet_status is None:
        known = ", ".join(SheetStatus)
        yield FieldProblem(
            "--sheet-status", "not_stated", f"is not stated; one of {known} (approved may be trained on)"
        )
    for flag, reference, what in (
        ("--source-name", request.source, "sheet the items come from"),
        ("--template-name", request.template, "prompt template that asked the questions"),
    ):
        if reference is None:
            yield FieldProblem(flag, "not_stated", f"is not stated; name the {what}: it goes into the lineage")
