"""The head of a training sheet kept as files: `<id>.yaml`, beside the file with its pairs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.judge import JUDGE_NAME_OR_NONE
from training_pipeline.domain.pair_types import PAIR_TYPES
from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.domain.training_sheet import SUITE_NAME, Reference, SheetStatus, TrainingSheet
from training_pipeline.domain.usage import DataClassification, Use
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.infra.files import NotAFile, read_at_most
from training_pipeline.sheets import bounded_yaml
from training_pipeline.sheets.bounded_yaml import BrokenYaml, unstorable
from training_pipeline.sheets.delimiter import Delimiter


class Defaults(BaseModel):
    """What the sheet's owner states for every pair that does not state it itself. A status is never a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed_uses: tuple[Use, ...] | None = None
    prohibited_uses: tuple[Use, ...] | None = None
    usage_reason: str | None = None
    data_classification: DataClassification | None = None
    reviewed_by: str | None = None
    reviewed_at: str | None = None
    constraints_set_by: str | None = None
    constraints_set_at: str | None = None

    @field_validator("reviewed_at", "constraints_set_at", mode="before")
    @classmethod
    def _time_as_text(cls, value: object) -> object:
        return value.isoformat() if isinstance(value, date | datetime) else value

    def stated(self) -> dict[str, Any]:
        """The defaults that were stated, as plain values by column."""
        return self.model_dump(mode="json", exclude_none=True)


class Head(BaseModel):
    """What may stand in `<id>.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    status: SheetStatus
    source_sheet: Reference
    prompt_template: Reference
    tags: tuple[str, ...] = ()
    description: str = ""
    owner: str = ""
    created_at: datetime | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    exclude_near_held_out: bool = False
    evaluate_on: str = Field("", pattern=SUITE_NAME)
    evaluate_judge: str = Field("", pattern=JUDGE_NAME_OR_NONE)
    defaults: Defaults = Defaults()
    ignored_columns: tuple[str, ...] = ()
    #: The file of pairs beside the head, `<id>@<digest>.parquet`, where it is not just `<id>` with another ending.
    pairs_file: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*@[0-9a-f]{12}\.parquet$")
    #: Only read for CSV: what stands between two fields, and between the words of a list.
    delimiter: Delimiter = ","
    list_separator: str = Field(";", min_length=1, max_length=1)

    @field_validator("source_sheet", "prompt_template", mode="before")
    @classmethod
    def _whole_numbers_as_text(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {k: str(v) if isinstance(v, int) and not isinstance(v, bool) else v for k, v in value.items()}

    @field_validator("evaluate_judge")
    @classmethod
    def _judge_of_a_suite(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("evaluate_on") == "":
            raise ValueError("needs evaluate_on, the suite whose answers it judges")
        return value

    @field_validator("ignored_columns")
    @classmethod
    def _only_foreign_columns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if known := sorted(set(value) & set(PAIR_TYPES)):
            raise ValueError(f"{', '.join(known)} mean something in a training sheet and cannot be ignored")
        return value

    @field_validator("created_at")
    @classmethod
    def _a_moment(cls, value: datetime | None) -> datetime | None:
        try:
            _ = value and value.tzinfo and value.astimezone(UTC)
        except (OverflowError, ValueError):
            raise ValueError("lies before the year 1 or after 9999 in UTC") from None
        return value

    def sheet(self, sheet_id: str) -> TrainingSheet:
        """The head as the rest of the pipeline knows it."""
        return TrainingSheet(id=sheet_id, **self.model_dump(include=set(TrainingSheet.model_fields) - {"id"}))


def parse_head(content: bytes) -> Head | list[Problem]:
    """The head in `content`, or every problem with it; `path` is the field, `line` is known for broken YAML."""
    try:
        document = bounded_yaml.load(content)
    except BrokenYaml as error:
        return [Problem("", error.code, error.message, error.line)]
    if not isinstance(document, dict):
        return [Problem("", "broken_yaml", "is not a list of `key: value` lines; at least name and status are needed")]
    if bad := [Problem(pointer, "unstorable", reason) for pointer, reason in unstorable(document)]:
        return bad
    try:
        return Head.model_validate(document)
    except ValidationError as error:
        return [_problem(field) for field in problems_from_validation(error.errors(include_url=False))]


def write_head(head: Head) -> bytes:
    """The YAML that `parse_head` reads back as `head`; fields at their default are left out."""
    values = head.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100).encode()


def read_head(path: Path) -> Head | list[Problem]:
    """`parse_head` of a file, whatever stands under its name. Reads only."""
    content = read_head_bytes(path)
    return parse_head(content) if isinstance(content, bytes) else [content]


def read_head_bytes(path: Path) -> bytes | Problem:
    """The bytes of a head as far as they may count, or why there are none. Never waits for a pipe or a device."""
    try:
        return read_at_most(path, bounded_yaml.LARGEST + 1)
    except NotAFile as error:
        return Problem("", "not_a_file", str(error))
    except OSError as error:
        return Problem("", "unreadable_file", f"cannot be read: {error.strerror or type(error).__name__}")


_FIELDS = {"": Head.model_fields, "/defaults": Defaults.model_fields}


def _problem(field: FieldProblem) -> Problem:
    parent, _, name = field.pointer.rpartition("/")
    message = field.message.removeprefix("value error, ")
    if field.pointer == "/defaults/status":
        message = "a status is stated by each pair, never by default"
    elif field.code == "extra_forbidden":
        known = _FIELDS.get(parent, Reference.model_fields)
        message = f"is not known here; known are {', '.join(known)}"
    elif field.code == "string_type" and name in {"id", "version"}:
        message += "; put it in quotes"
    return Problem(field.pointer, field.code, message)
