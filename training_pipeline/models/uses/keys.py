"""What rows are found by: 64 bits of a hash of each name, worked out for a name or for a whole manifest.

Pair ids, items and canonical labels count by the SHA-256 of their text; rows and questions are hashes already. 64 bits
are too few to tell a billion names apart for sure: what is found by one is compared in the manifest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.datasets.lost_manifest import lost_manifest
from training_pipeline.domain.uses import RowKind
from training_pipeline.models.uses.cells import OTHER, VERDICTS

#: The column of a manifest, and that of `use_rows`, for each.
COLUMNS: Final[dict[RowKind, tuple[str, str]]] = {
    "pair": ("pair_id", "pair_key"),
    "row_hash": ("row_hash", "row_key"),
    "question_hash": ("prompt_hash", "question_key"),
    "item": ("item_ref", "item_key"),
    "label": ("canonical_label_id", "label_key"),
}
_HASHES: Final = ("row_hash", "question_hash")
#: Hexadecimal digits of a hash that are indexed: 64 bits.
DIGITS: Final = 16


def key_of(kind: RowKind, value: str) -> int:
    """The signed 64-bit number that rows with this name are found by."""
    digits = value if kind in _HASHES else hashlib.sha256(value.encode()).hexdigest()
    number = int(digits[:DIGITS], 16)
    return number - 2**64 if number >= 2**63 else number


def questions_of(stored: str | None) -> list[str]:
    """The hashes of questions in a manifest's `prompt_hash`: between blanks, some marked with a plus."""
    return [one.removeprefix("+") for one in (stored or "").split()]


@dataclass(frozen=True, slots=True)
class ManifestKeys:
    """The keys of every row of a manifest, in its order."""

    #: `identity_high`, `identity_low`, the columns of `KEYS`, and `code`, the verdict as in `cells`.
    rows: pa.Table
    #: `place` and `question_key`: every question of a row but its first.
    further: pa.Table
    #: Whether the manifest has hashes of questions at all.
    has_questions: bool


def _bits(digits: str, first: int, count: int) -> str:
    """SQL: so many hexadecimal digits, from one of them on, as a number."""
    return f"('0x' || substr({digits}, {first}, {count}))::UBIGINT"


def _key(digits: str) -> str:
    return _bits(digits, 1, DIGITS)


def _query(*, has_questions: bool) -> str:
    questions = "prompt_hash" if has_questions else "NULL::VARCHAR"
    names = ("pair_id", "row_hash", "questions", "item_ref", "canonical_label_id")
    # With its length before it no value can pose as the end of another.
    identity = " || ".join(f"coalesce(length({name}) || ':' || {name}, '-')" for name in names)
    texts = {"pair_key": "pair_id", "item_key": "item_ref", "label_key": "canonical_label_id"}
    return f"""
        WITH stored AS (
            SELECT file_row_number AS place, pair_id, row_hash, {questions} AS questions, item_ref, canonical_label_id,
                coalesce(split, reason, '') AS verdict
            FROM read_parquet($path, file_row_number = true)
        ), hashed AS (
            SELECT *, sha256({identity}) AS identity, replace(split_part(questions, ' ', 1), '+', '') AS question
            FROM stored
        )
        SELECT place, questions,
            {_bits("identity", 1, 16)} AS identity_high,
            {_bits("identity", 17, 16)} AS identity_low,
            {", ".join(f"{_key(f'sha256({name})')} AS {key}" for key, name in texts.items())},
            {_key("row_hash")} AS row_key,
            {_key("nullif(question, '')")} AS question_key,
            coalesce(list_position($verdicts, verdict), {OTHER})::UTINYINT AS code
        FROM hashed ORDER BY place
    """  # noqa: S608 - our own names


def _further() -> str:
    return f"""
        SELECT place, {_key("replace(question, '+', '')")} AS question_key
        FROM (
            SELECT place, unnest(string_split(questions, ' ')[2:]) AS question FROM numbered WHERE questions LIKE '% %'
        )
        WHERE question <> ''
    """  # noqa: S608 - our own names


def manifest_keys(manifest: Path) -> ManifestKeys:
    """Read a manifest; raises `Unavailable`, naming it, where it cannot be read."""
    try:
        has_questions = "prompt_hash" in pq.read_schema(manifest).names
        with duckdb.connect() as engine:
            parameters = {"path": str(manifest), "verdicts": list(VERDICTS)}
            numbered = engine.execute(_query(has_questions=has_questions), parameters).to_arrow_table()
            engine.register("numbered", numbered)
            further = engine.execute(_further()).to_arrow_table()
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise lost_manifest(manifest, error) from error
    return ManifestKeys(_signed(numbered.drop_columns(["place", "questions"])), _signed(further), has_questions)


def _signed(table: pa.Table) -> pa.Table:
    """The table with unsigned 64-bit numbers as PostgreSQL stores them: the same bits."""
    columns = [column.combine_chunks() for column in table.columns]
    return pa.table(
        [column.view(pa.int64()) if column.type == pa.uint64() else column for column in columns],
        names=table.column_names,
    )
