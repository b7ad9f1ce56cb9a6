"""Scores of pairs as they are kept: numbers under the ids of pairs, never a text, a part for each batch."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from .judge_summary import summed_up
from .suite_pairs import KEYS

#: The numbers of a pair; `models.evaluation.metrics` says what each is.
NUMBERS: Final = (
    "exact_match",
    "normalised_match",
    "choice_accuracy",
    "json_valid",
    "json_f1",
    "rouge_l",
    "token_loss",
    "bits_per_byte",
    "expected_tokens",
    "answer_tokens",
    "stopped",
    "judged_right",
)
#: What a pair has besides: of a judge, which model it was, and why it did not judge.
WORDS: Final = ("length", "judged_by", "not_judged")
#: What is in no file where nobody judged.
JUDGED: Final = ["judged_right", "judged_by", "not_judged"]
SCHEMA: Final = pa.schema(
    [(name, pa.string()) for name in (*KEYS, *WORDS)] + [(name, pa.float64()) for name in NUMBERS]
)
Key = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class ScoresFile:
    """The scores of one model of a run. A part is there whole or not at all, so a killed run goes on after the last."""

    folder: Path
    role: str

    @property
    def path(self) -> Path:
        """All of them, once all are there."""
        return self.folder / f"{self.role}.parquet"

    def done(self) -> set[Key]:
        """The pairs that have scores. Reads only."""
        return {key for part in self._parts() for key in _keys(pq.read_table(part, columns=list(KEYS[:2])))}

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the scores of some more pairs. Writes."""
        self.folder.mkdir(exist_ok=True)
        number = max((int(part.stem.rpartition("-")[2]) for part in self._parts()), default=0) + 1
        _write(pa.Table.from_pylist([dict(row) for row in rows], SCHEMA), self._part(number))

    def publish(self, wanted: Collection[Key], *, judge: bool = False) -> dict[str, Any]:
        """Make one file of the scores of these pairs: its name, SHA-256 and number of pairs, and what came of the
        judge where there was one. Idempotent. Writes.
        """
        parts = [pq.read_table(part, schema=SCHEMA) for part in self._parts()]
        table = pa.concat_tables(parts) if parts else SCHEMA.empty_table()
        kept = table.filter(pa.array([key in wanted for key in _keys(table)], pa.bool_()))
        kept, told = summed_up(kept) if judge else (kept.drop_columns(JUDGED), None)
        _write(kept.sort_by([(name, "ascending") for name in KEYS[:2]]), self.path)
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        return {"file": f"{self.folder.name}/{self.path.name}", "sha256": digest, "pairs": len(kept), "judge": told}

    def _part(self, number: int) -> Path:
        return self.folder / f"part-{self.role}-{number:06d}.parquet"

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob(f"part-{self.role}-*.parquet"))


def _keys(table: pa.Table) -> Iterable[Key]:
    return zip(table[KEYS[0]].to_pylist(), table[KEYS[1]].to_pylist(), strict=True)


def _write(table: pa.Table, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)
