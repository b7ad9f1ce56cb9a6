"""The validation pairs of a stored dataset with their text, for whoever may see it. Stored and logged nowhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.datasets.erased import erased
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import MARKS
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import Withdrawn

_COLUMNS: Final = ("pair_id", "item_ref", "canonical_label_id", "row_hash", "classification")
_QUESTIONS: Final = "prompt_hash"
#: Why the text of a pair is not shown.
REVOKED: Final = "revoked"
ERASED: Final = "erased"
GONE: Final = "gone"


@dataclass(frozen=True, slots=True)
class ValidationPair:
    """A validation pair. `messages` is empty where the text may not be shown, which `withheld` says."""

    pair_id: str
    classification: str | None
    messages: tuple[Mapping[str, Any], ...]
    withheld: str | None = None

    @property
    def asked(self) -> tuple[Mapping[str, Any], ...]:
        """What is asked: everything before the last answer that is trained on."""
        return self.messages[: self._answer]

    @property
    def question(self) -> str | None:
        """The last message before that answer; None where there is none to show."""
        return str(self.asked[-1].get("content") or "") if self.asked else None

    @property
    def expected(self) -> str | None:
        """The expert's answer; None where there is none to show."""
        return str(self.messages[self._answer].get("content") or "") if self.messages else None

    @property
    def _answer(self) -> int:
        answers = [at for at, one in enumerate(self.messages) if one["role"] == "assistant" and one.get("weight") != 0]
        return answers[-1] if answers else max(0, len(self.messages) - 1)


def validation_ids(dataset: DatasetRef, first: int) -> list[str]:
    """The ids of the first pairs of the validation file, in its order. Raises `Unavailable`. Reads only."""
    return [str(row["pair_id"]) for _, row in zip(range(first), _rows(dataset), strict=False)]


def validation_pairs(dataset: DatasetRef, wanted: Collection[str], withdrawn: Withdrawn) -> dict[str, ValidationPair]:
    """Those of the `wanted` pairs that are in the validation file, by id, without text of what is `withdrawn`.

    Raises `Unavailable` where the manifest cannot be read. Reads only.
    """
    rows = {place: row for place, row in enumerate(_rows(dataset)) if row["pair_id"] in wanted}
    lines, hashes = _lines(dataset, set(rows))
    missing = ERASED if erased(dataset.path) is not None else GONE
    found = {}
    for place, row in rows.items():
        messages, why = lines.get(place, ()), None if place in lines else missing
        if _is_withdrawn(row, withdrawn, dataset.hash_key, hashes.get(place)):
            messages, why = (), REVOKED
        found[row["pair_id"]] = ValidationPair(row["pair_id"], row["classification"], tuple(messages), why)
    return found


def _rows(dataset: DatasetRef) -> Iterator[dict[str, Any]]:
    """The rows of the manifest whose pairs are in the validation file, in its order."""
    try:
        with pq.ParquetFile(dataset.manifest_file) as file:
            columns = [*_COLUMNS, "split", *({_QUESTIONS} & {*file.schema_arrow.names})]
            for batch in file.iter_batches(columns=columns):
                yield from (row for row in batch.to_pylist() if row["split"] == "validation")
    except (OSError, pa.ArrowException) as error:
        raise Unavailable(f"The manifest of dataset {dataset.digest} cannot be read: {error}.") from error


def _lines(dataset: DatasetRef, places: Collection[int]) -> tuple[dict[int, list[Mapping[str, Any]]], dict[int, str]]:
    """The messages in these lines, and their hashes without a key; nothing where the file is gone or says something
    else.
    """
    if not places:
        return {}, {}
    last = max(places)
    found: dict[int, list[Mapping[str, Any]]] = {}
    hashes: dict[int, str] = {}
    try:
        with dataset.validation_file.open("rb") as file:
            for place, line in zip(range(last + 1), file, strict=False):
                if place in places:
                    found[place] = json.loads(line)["messages"]
                    hashes[place] = hashlib.sha256(line.rstrip(b"\n")).hexdigest()
    except (OSError, ValueError, KeyError, TypeError):
        return {}, {}
    return found, hashes


def _is_withdrawn(row: Mapping[str, Any], withdrawn: Withdrawn, hash_key: str | None, of_text: str | None) -> bool:
    """Whether a pair may not be shown. `of_text` is the hash of its text without a key, where that is there."""
    plain = row["row_hash"] if hash_key is None else of_text
    keyed = None if plain is None or withdrawn.key is None else withdrawn.key.of(plain)
    named = {
        ("pair", row["pair_id"]),
        ("item", row["item_ref"]),
        ("label", row["canonical_label_id"]),
        *(("row_hash", one) for one in (row["row_hash"], plain, keyed) if one is not None),
    }
    asked = [one.lstrip(MARKS) for one in (row.get(_QUESTIONS) or "").split()]
    if withdrawn.key is not None and hash_key is None:
        asked += withdrawn.key.of_all(asked)
    elif withdrawn.key is not None and hash_key == withdrawn.key.id:
        revoked = [value for kind, value in withdrawn.named if kind == "question_hash"]
        named |= {("question_hash", value) for value in revoked if withdrawn.key.of(value) in asked}
    named |= {("question_hash", one) for one in asked}
    if any(kind == "sheet" or (kind, value) in named for kind, value in withdrawn.named):
        return True
    if row["pair_id"] in withdrawn.barred:
        return True
    hashes = {row["row_hash"], plain, keyed}
    rows = (*withdrawn.rows, *withdrawn.keyed)
    return any(pair_id == row["pair_id"] and row_hash in hashes for pair_id, row_hash, _ in rows)
