"""The answer to "which models learned from this?"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.errors import FieldProblem, InvalidRequest

#: What single rows can be asked for by: a name or a hash.
RowKind = Literal["pair", "item", "label", "row_hash", "question_hash"]
#: What can be asked for: rows, and all that was made from a sheet or a template.
Kind = RowKind | Literal["sheet", "template"]
WORDS: Final[Mapping[Kind, str]] = {
    "pair": "pair",
    "item": "item",
    "label": "canonical label",
    "row_hash": "example with the SHA-256",
    "question_hash": "question with the hash",
    "sheet": "sheet",
    "template": "prompt template",
}
#: What is of a source sheet, and may be looked for in one.
OF_SOURCES: Final[tuple[RowKind, ...]] = ("item", "label")
#: Hexadecimal digits of what is a hash.
DIGITS: Final[Mapping[Kind, int]] = {"row_hash": 64, "question_hash": 32}
#: So many rows are named at most; all are counted.
MOST_ROWS: Final = 10


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class JobUse(_Part):
    """A job that has the dataset. Nothing learned from one that was not submitted."""

    job_id: str
    status: str
    submitted: bool
    created_at: datetime
    model_name: str
    #: Null where no model version is registered.
    model_version: str | None


class InUse(_Part):
    """Where a model version is in use now, as was last seen: aliases that name it, endpoints that serve it."""

    aliases: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()


NOWHERE: Final = InUse()


class ModelUse(_Part):
    """A model that learned from it, by its own training or by that of a model it comes from."""

    model_name: str
    #: Null where it is kept as an artifact and not registered.
    model_version: str | None
    job_id: str
    #: The jobs that trained on it and this model comes from, in order; empty where it was trained on it itself.
    through: tuple[str, ...] = ()
    in_use: InUse = NOWHERE


class Copies(_Part):
    """Other rows with the very same example as one that was asked for: who learned from one learned from the other."""

    train: int = 0
    validation: int = 0
    #: The pairs of some of them.
    pair_ids: tuple[str, ...] = ()


NO_COPIES: Final = Copies()


class DatasetUse(_Part):
    """What a dataset did with the rows: in which split they are, or for which reasons they were refused."""

    digest: str
    train: int = 0
    validation: int = 0
    refused: dict[str, int] = {}
    #: What it has of the rows as others.
    copies: Copies = NO_COPIES
    #: Whether its manifest is there.
    manifest: bool
    jobs: tuple[JobUse, ...] = ()

    @property
    def is_learned(self) -> bool:
        """Whether a row, or a copy of it, is in one of its splits: both leave a trace in a model."""
        return any((self.train, self.validation, self.copies.train, self.copies.validation))


class UsedRow(_Part):
    """A row as its manifest has it; a pair that was edited has several."""

    pair_id: str | None
    row_hash: str | None
    item_ref: str | None
    canonical_label_id: str | None


class SheetUses(_Part):
    """All uses within one training sheet. A `row_count` of 0 is an answer about the whole sheet."""

    training_sheet_id: str
    row_count: int = 0
    rows: tuple[UsedRow, ...] = ()
    datasets: tuple[DatasetUse, ...]


class NotSearched(_Part):
    """A training sheet of which some datasets could not be searched for a hash, and why."""

    training_sheet_id: str
    hash_key: str
    why: str

    def __str__(self) -> str:
        return f"training sheet {self.training_sheet_id!r} ({self.hash_key}: {self.why})"


class Uses(_Part):
    """Every dataset, job and model that used what was asked for; a part for each sheet that has it."""

    kind: Kind
    value: str
    sheets: tuple[SheetUses, ...]
    model_versions: tuple[ModelUse, ...]
    #: Manifests of the datasets above that are gone. What is said of them comes from the index alone.
    lost_manifests: tuple[str, ...] = ()
    #: Datasets that were stored before manifests had hashes of questions: only a search by question misses them.
    without_questions: int = 0
    #: Sheets whose hashes are under keys that cannot be read: only a search by a hash misses them.
    not_searched: tuple[NotSearched, ...] = ()


class Question(_Part):
    """What is asked for, in one training sheet or in all."""

    kind: Kind
    value: str
    #: Of an item or a label it may be a source sheet: every training sheet that was made from it.
    training_sheet_id: str | None = None


def question(keys: Mapping[Kind, str | None]) -> Question:
    """The question behind the keys that were given: one of them, or one and the training sheet to look in.

    Raises `InvalidRequest` where none or several are given, or one cannot be what it should.
    """
    stated: dict[Kind, str] = {kind: value for kind, value in keys.items() if value is not None}
    if unknown := sorted(stated.keys() - WORDS.keys()):
        raise _invalid(
            [FieldProblem(f"/{kind}", "unknown_key", f"must be one of {', '.join(WORDS)}") for kind in unknown]
        )
    sheet = None
    if len(stated) > 1 and "template" not in stated:
        sheet = stated.pop("sheet", None)
    if len(stated) != 1:
        message = f"give one of {', '.join(WORDS)}; with sheet also one of the others but template"
        pointers = sorted(stated) or sorted(WORDS)
        raise _invalid([FieldProblem(f"/{kind}", "one_key", message) for kind in pointers])
    ((kind, value),) = stated.items()
    digits = DIGITS.get(kind)
    if digits is not None and not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
        raise _invalid([FieldProblem(f"/{kind}", "hash", f"must be {digits} hexadecimal digits in lower case")])
    bad = [name for name, given in ((kind, value), ("sheet", sheet)) if given is not None and not _is_name(given)]
    if bad:
        problem = f"must have 1 to {LONGEST:,} characters, all of them text"
        raise _invalid([FieldProblem(f"/{name}", "name", problem) for name in bad])
    return Question(kind=kind, value=value, training_sheet_id=sheet)


#: The longest name that is looked for.
LONGEST: Final = 2000


def _is_name(text: str) -> bool:
    # Neither a null character nor half of a surrogate pair can stand in a name: a database has neither.
    return 0 < len(text) <= LONGEST and not re.search("[\\0\ud800-\udfff]", text)


def _invalid(problems: list[FieldProblem]) -> InvalidRequest:
    return InvalidRequest("The question about uses is invalid.", problems=problems)
