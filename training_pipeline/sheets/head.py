"""The head of a training sheet kept as files: `<id>.yaml`, beside the file with its pairs."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.chat_format import Problem
from training_pipeline.domain.training_sheet import Reference, SheetStatus, TrainingSheet
from training_pipeline.domain.usage import DataClassification, Use
from training_pipeline.domain.validation import problems_from_validation


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
    defaults: Defaults = Defaults()
    ignored_columns: tuple[str, ...] = ()
    #: Only read for CSV: what stands between two fields, and between the words of a list.
    delimiter: str = Field(",", min_length=1, max_length=1)
    list_separator: str = Field(";", min_length=1, max_length=1)

    @field_validator("source_sheet", "prompt_template", mode="before")
    @classmethod
    def _whole_numbers_as_text(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {k: str(v) if isinstance(v, int) and not isinstance(v, bool) else v for k, v in value.items()}

    @field_validator("ignored_columns")
    @classmethod
    def _only_foreign_columns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if known := sorted(set(value) & set(PAIR_SCHEMA)):
            raise ValueError(f"{', '.join(known)} mean something in a training sheet and cannot be ignored")
        return value

    def sheet(self, sheet_id: str) -> TrainingSheet:
        """The head as the rest of the pipeline knows it."""
        return TrainingSheet(id=sheet_id, **self.model_dump(include=set(TrainingSheet.model_fields) - {"id"}))


def parse_head(content: bytes) -> Head | list[Problem]:
    """The head in `content`, or every problem with it; `path` is the field, `line` is known for broken YAML. Pure."""
    try:
        document = yaml.load(content.decode("utf-8-sig"), Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [Problem("", "wrong_encoding", "is not UTF-8; save the file as UTF-8", line)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at column {mark.column + 1}" if mark else ""
        return [Problem("", "broken_yaml", f"{error.problem or error.context}{where}", mark.line + 1 if mark else None)]
    except yaml.YAMLError:
        return [Problem("", "broken_yaml", "holds a character that YAML does not allow")]
    if not isinstance(document, dict):
        return [Problem("", "broken_yaml", "is not a list of `key: value` lines; at least name and status are needed")]
    try:
        return Head.model_validate(document)
    except ValidationError as error:
        return [_problem(field) for field in problems_from_validation(error.errors(include_url=False))]


def write_head(head: Head) -> bytes:
    """The YAML that `parse_head` reads back as `head`; fields at their default are left out. Pure."""
    values = head.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100).encode()


def read_head(path: Path) -> Head | list[Problem]:
    """`parse_head` of a file. Reads only."""
    return parse_head(path.read_bytes())


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


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, where YAML would silently keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int) and key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key '{key}' stands twice", problem_mark=key_node.start_mark)
            if isinstance(key, str | int):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)
