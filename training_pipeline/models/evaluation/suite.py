"""A suite: pairs to evaluate on, as ids and hashes under one digest. Their text stays in the training sheets."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from training_pipeline.datasets.judged import texts
from training_pipeline.datasets.rows_file import write_rows
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.errors import GateRefused, Lost, Unavailable
from training_pipeline.domain.manifest import RowsDigest
from training_pipeline.domain.rules.comparison import Comparison
from training_pipeline.domain.rules.examples.rendering import rendered
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.rules.text.dialects import DUCKDB
from training_pipeline.domain.rules.text.normal_form import normal_form_table
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS, TrainingSheet
from training_pipeline.domain.usage import Use
from training_pipeline.infra.files import new_private_file
from training_pipeline.infra.reading import unreadable
from training_pipeline.infra.staging import disk_errors, publish, staging
from training_pipeline.models.evaluation.subsets import Half, half_of
from training_pipeline.sheets.base import OpenSheet, TrainingSheetSource

#: What a suite keeps of each pair, in the order of the sheets that it was made from, and of their pair ids.
SUITE_SCHEMA: Final = pa.schema(
    [
        ("training_sheet_id", pa.string()),
        ("pair_id", pa.string()),
        ("row_hash", pa.string()),
        ("item_ref", pa.string()),
        ("canonical_label_id", pa.string()),
        ("classification", pa.string()),
    ]
)
_PAIRS: Final = "pairs.parquet"
_HEAD: Final = "suite.json"


class SuiteSheet(BaseModel):
    """What a suite has of one training sheet: `total` is `pairs` and all of `excluded`."""

    model_config = ConfigDict(frozen=True)

    training_sheet_id: str
    #: Of the training sheet, when the suite was frozen.
    digest: str
    #: The source sheet, whose items are the same in every training sheet made from it.
    sheet_id: str
    total: int
    pairs: int
    excluded: dict[str, int]


class Suite(BaseModel):
    """A stored suite, or one half of it."""

    model_config = ConfigDict(frozen=True)

    digest: str
    path: Path
    policy: GatePolicy
    sheets: tuple[SuiteSheet, ...]
    #: What `rows_of` is confined to; null for all pairs.
    half: Half | None = None

    @property
    def pairs(self) -> int:
        """How many pairs it has."""
        return sum(sheet.pairs for sheet in self.sheets)


def require_evaluable(sheet: TrainingSheet) -> None:
    """Raise `GateRefused` unless the training sheet's own status lets it be evaluated on: as for training."""
    if sheet.status not in TRAINABLE_SHEETS:
        allowed = " or ".join(f"`{status}`" for status in sorted(TRAINABLE_SHEETS))
        raise GateRefused(
            f"Training sheet {sheet.id!r} has status `{sheet.status}`, so nothing is evaluated on it; it must be "
            f"{allowed}.",
            hint="Finish its review and approve the training sheet.",
        )


def freeze(source: TrainingSheetSource, policy: GatePolicy, sheet_ids: Sequence[str], *, directory: Path) -> Suite:
    """Judge the sheets for evaluation and store the pairs that pass in `directory/<digest>/`. Idempotent; no text.

    Of equal examples one is kept. Raises `NotFound`, `SheetUnreadable`, `GateRefused` where a sheet may not be
    evaluated on or no pair is left, `Unavailable` where the disk is full.
    """
    sheets: list[SuiteSheet] = []
    tables: list[pa.Table] = []
    seen: set[str] | None = set() if len(set(sheet_ids)) > 1 else None
    for sheet_id in dict.fromkeys(sheet_ids):
        with source.open(sheet_id) as opened:
            require_evaluable(opened.sheet)
            rows, sheet = _judged(opened, policy, seen)
        tables.append(rows)
        sheets.append(sheet)
    table = pa.concat_tables(tables)
    if not len(table):
        raise GateRefused(f"No pair may be evaluated on: {'; '.join(map(_in_words, sheets))}.", hint=_HINT)
    with disk_errors(f"write a suite in {directory}"), staging(directory) as staged:
        digest = write_rows(staged / _PAIRS, SUITE_SCHEMA, table.to_batches(100_000))
        suite = Suite(digest=_digest(policy, digest), path=directory, policy=policy, sheets=tuple(sheets))
        suite = suite.model_copy(update={"path": directory / suite.digest})
        with os.fdopen(new_private_file(staged / _HEAD), "wb") as file:
            file.write(suite.model_dump_json(indent=1, exclude={"path", "half"}).encode())
        publish(staged, suite.path, is_whole=_is_whole)
    return suite


_RESTORE: Final = "Restore the directory from a backup, or make a new suite from its training sheets."
_HINT: Final = "A pair must be labeled, allow `evaluation` and not prohibit it."


def rows_of(suite: Suite) -> pa.Table:
    """The pairs (`SUITE_SCHEMA`), of its half where it is one. Reads only.

    Raises `Lost` where the pairs are gone or not those of the digest, and `Unavailable` where they cannot be read now.
    """
    try:
        table = pq.read_table(suite.path / _PAIRS)
        found = _digest(suite.policy, _rows_digest(table))
    except (OSError, pa.ArrowException) as error:
        raise unreadable(f"The suite in {suite.path}", error, suite.path.parent, hint=_RESTORE) from error
    if found != suite.digest:
        raise Lost(
            f"The suite in {suite.path} is damaged: its pairs are not those that were frozen.",
            hint=_RESTORE,
        )
    if suite.half is None:
        return table
    sources = {sheet.training_sheet_id: sheet.sheet_id for sheet in suite.sheets}
    named = (table[name].to_pylist() for name in ("training_sheet_id", "item_ref", "pair_id"))
    halves = (half_of(sources[sheet], item or pair_id) for sheet, item, pair_id in zip(*named, strict=True))
    return table.filter(pa.array([half is suite.half for half in halves], pa.bool_()))


def _judged(opened: OpenSheet, policy: GatePolicy, seen: set[str] | None) -> tuple[pa.Table, SuiteSheet]:
    """The pairs of a sheet that may be evaluated on, and what became of the others.

    Of copies in other sheets, told as within one sheet, none is kept: they are `seen`, to which this sheet's are added.
    Null where there is no other sheet.
    """
    with verdicts(opened, policy, use=Use.EVALUATION) as judged:
        counts = judged.group_by("reason").agg(pairs=lambda group: group.count()).to_pyarrow().to_pylist()
        passed = judged.filter(judged.reason.isnull()).select(*SUITE_SCHEMA.names[1:]).order_by("pair_id").to_pyarrow()
    rows = passed
    if seen is not None:
        copies = _copies(opened, policy, passed)
        rows = passed.filter(pa.array([copies[one] not in seen for one in passed["pair_id"].to_pylist()], pa.bool_()))
        seen.update(copies.values())
    excluded = {each["reason"]: each["pairs"] for each in counts if each["reason"] is not None}
    if again := len(passed) - len(rows):
        excluded[str(Reason.DUPLICATE)] = excluded.get(str(Reason.DUPLICATE), 0) + again
    sheet_id = opened.sheet.id
    named = rows.add_column(0, "training_sheet_id", pa.array([sheet_id] * len(rows), pa.string()))
    sheet = SuiteSheet(
        training_sheet_id=sheet_id,
        digest=opened.digest,
        sheet_id=opened.sheet.source_sheet.id,
        total=len(rows) + sum(excluded.values()),
        pairs=len(rows),
        excluded=dict(sorted(excluded.items())),
    )
    return named.cast(SUITE_SCHEMA), sheet


def _copies(opened: OpenSheet, policy: GatePolicy, passed: pa.Table) -> dict[str, str]:
    """What the copies of each of these pairs have alike, by its id. Reads their texts."""
    with texts(opened, policy, use=Use.EVALUATION) as read:
        wanted = ibis.memtable(pa.table({"kept_id": passed["pair_id"]}))
        pairs = read.semi_join(wanted, read.pair_id == wanted.kept_id)
        comparison = Comparison(DUCKDB, rendered, normal_form_table(pairs).cache())
        found = comparison.copies(pairs).to_pyarrow()
    return dict(zip(found["pair_id"].to_pylist(), found["copy_hash"].to_pylist(), strict=True))


def _in_words(sheet: SuiteSheet) -> str:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sheet.excluded.items())
    return f"of training sheet {sheet.training_sheet_id!r} {reasons or 'there is none'}"


def _rows_digest(table: pa.Table) -> RowsDigest:
    digest = RowsDigest(SUITE_SCHEMA)
    digest.update(table)
    return digest


def _digest(policy: GatePolicy, rows: RowsDigest) -> str:
    return hashlib.sha256(f"{policy.model_dump_json()}\n{rows.hexdigest()}\n".encode()).hexdigest()


def _is_whole(path: Path) -> bool:
    try:
        stored = Suite.model_validate_json((path / _HEAD).read_bytes().replace(b"{", b'{"path": "",', 1))
        rows_of(stored.model_copy(update={"path": path}))
    except (OSError, ValidationError, Unavailable):
        return False
    return path.name == stored.digest
