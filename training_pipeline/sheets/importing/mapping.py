"""Which columns of a file become which of a training sheet, and what their words mean; kept as a small YAML."""

from __future__ import annotations

import re

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.usage import REVIEW_WORDS, DataClassification, Status, Use
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.sheets import bounded_yaml
from training_pipeline.sheets.bounded_yaml import BrokenYaml
from training_pipeline.sheets.columns import QUESTION_ANSWER
from training_pipeline.sheets.delimiter import Delimiter
from training_pipeline.sheets.importing.formats.base import CHOICES

#: Columns of a sheet that a column of a file may become.
TARGETS = (*QUESTION_ANSWER, *(name for name in PAIR_SCHEMA if name != "messages"))
#: Columns of a sheet whose words are known, with these words.
WORDS = {
    "status": frozenset({*Status, *REVIEW_WORDS}),
    "data_classification": frozenset(DataClassification),
    "label_data_classification": frozenset(DataClassification),
    **dict.fromkeys((n for n in PAIR_SCHEMA if n.endswith(("allowed_uses", "prohibited_uses"))), frozenset(Use)),
}


def spelled(name: str) -> str:
    """The name of a column without regard to capitals, and to what stands between its words."""
    return re.sub(r"[\W_]+", "", name.casefold())


class ColumnMapping(BaseModel):
    """How a file is read; everything that is not named is recognised, or asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The name of a format, where it is not to be recognised.
    format: str | None = None
    #: Column of the sheet to column of the file; several make up one question, with a blank line between.
    columns: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    #: Column of the sheet to what the words of the file mean there. Nothing stands for: not stated.
    values: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)
    #: Columns, or keys in messages, that belong to a question by their name and do not count.
    ignore: tuple[str, ...] = ()
    choose: str | None = None
    delimiter: Delimiter | None = None
    list_separator: str = Field(";", min_length=1, max_length=1)
    worksheet: str | None = None
    #: The split of a folder that the library `datasets` saved with several.
    split: str | None = None

    @field_validator("columns", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: (one,) if isinstance(one, str) else one for key, one in value.items()}

    @field_validator("columns", "values")
    @classmethod
    def _known_columns(cls, value: dict[str, object]) -> dict[str, object]:
        if unknown := sorted(set(value) - set(TARGETS)):
            raise ValueError(f"{', '.join(unknown)}: no column of a training sheet; known are {', '.join(TARGETS)}")
        return value

    @field_validator("columns")
    @classmethod
    def _one_column_each(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, columns in value.items():
            if not columns or (len(columns) > 1 and name != "question"):
                raise ValueError(f"{name}: give one column; only a question is made up of several")
        return value

    @field_validator("values", mode="before")
    @classmethod
    def _words_of_one_text(cls, value: object) -> object:
        """`training, validation` and a list of words are the same."""
        if not isinstance(value, dict):
            return value
        return {
            target: {key: _words(one, target) for key, one in words.items()} if isinstance(words, dict) else words
            for target, words in value.items()
        }

    @field_validator("values")
    @classmethod
    def _known_words(cls, value: dict[str, dict[str, tuple[str, ...]]]) -> dict[str, dict[str, tuple[str, ...]]]:
        for target, words in value.items():
            known = WORDS.get(target)
            for key, meant in words.items():
                if known is not None and (wrong := sorted(set(meant) - known)):
                    raise ValueError(f"{target}: {key}: '{wrong[0]}' is not one of {', '.join(sorted(known))}")
                if len(meant) > 1 and not target.endswith("_uses"):
                    raise ValueError(f"{target}: {key}: give one word, or none")
        return value

    @field_validator("choose")
    @classmethod
    def _a_choice(cls, value: str | None) -> str | None:
        if value is not None and value not in CHOICES:
            raise ValueError(f"must be one of {', '.join(CHOICES)}")
        return value

    def with_(self, other: ColumnMapping) -> ColumnMapping:
        """This mapping with all that `other` says itself, which counts where both speak."""
        mine, theirs = self.model_dump(exclude_unset=True), other.model_dump(exclude_unset=True)
        merged = {**mine, **theirs}
        merged["columns"] = {**mine.get("columns", {}), **theirs.get("columns", {})}
        values = {key: dict(words) for key, words in mine.get("values", {}).items()}
        for key, words in theirs.get("values", {}).items():
            values[key] = {**values.get(key, {}), **words}
        merged["values"] = values
        merged["ignore"] = tuple(dict.fromkeys((*self.ignore, *other.ignore)))
        return ColumnMapping.model_validate(merged)


def read_mapping(content: bytes, file: str) -> ColumnMapping:
    """The mapping in `content`, YAML in which `yes` and `no` are words.

    Raises `InvalidRequest` with everything that is wrong with it.
    """
    try:
        document = bounded_yaml.load_texts(content)
    except BrokenYaml as error:
        where = file if error.line is None else f"{file}, line {error.line}"
        raise _refused([FieldProblem(where, error.code, error.message)]) from None
    try:
        return ColumnMapping.model_validate({} if document in ("", None) else document)
    except ValidationError as error:
        found = problems_from_validation(error.errors(include_url=False))
        problems = [FieldProblem(f"{file}, {one.pointer}", one.code, one.message) for one in found]
        raise _refused(problems) from None


def write_mapping(mapping: ColumnMapping) -> bytes:
    """The YAML that `read_mapping` reads back as `mapping`."""
    values = mapping.model_dump(mode="json", exclude_defaults=True)
    columns = {name: one[0] if len(one) == 1 else one for name, one in values.get("columns", {}).items()}
    if columns:
        values["columns"] = columns
    head = "# How `training-pipeline sheets import` reads a file; use it again with --mapping.\n"
    return head.encode() + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100).encode()


def _words(value: object, target: str) -> object:
    if isinstance(value, str):
        words = value.split(",") if target.endswith("_uses") else [value]
        return tuple(word.strip() for word in words if word.strip())
    return value if value is not None else ()


def _refused(problems: list[FieldProblem]) -> InvalidRequest:
    hint = "docs/importing.md shows what a mapping looks like."
    return InvalidRequest("The mapping cannot be used.", hint=hint, problems=problems)
