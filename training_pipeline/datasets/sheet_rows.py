"""The pairs of a sheet with their verdicts, row by row, without text: judged once for a version, and paged from a file.

To judge a million pairs takes many seconds, and somebody who pages waits for none of it. A version never changes, so
what was judged holds for as long as the policy does.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis
import ibis.expr.types as ir

from training_pipeline.datasets.judged import judged
from training_pipeline.datasets.kept_files import judged_by, keep_newest
from training_pipeline.datasets.near_held_out import without_near_held_out
from training_pipeline.datasets.revoked import without_revoked
from training_pipeline.datasets.rows_file import GROUP
from training_pipeline.datasets.verdicts import shown
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.rules.text.characters import word_of
from training_pipeline.domain.rules.text.id_order import counted
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet

#: Versions whose rows are kept; the one that was not looked at for longest goes.
MOST_KEPT: Final = 20
#: What stands for no reason, where rows are filtered: the pair may be trained on.
ELIGIBLE: Final = "eligible"
_COMPARED: Final = ("row_hash", "may_validate", "kept_id", "prompt_hash", "instruction")
_VERDICT: Final = ("reason", "classification", "usage_reason", *_COMPARED)
_NAMES: Final = ("item_ref", "canonical_label_id")
_STATED: Final = ("status", "reviewed_by", "reviewed_at", "constraints_set_by", "constraints_set_at")
_SEARCHED: Final = ("pair_id", "item_ref", "canonical_label_id")
#: Searches for a text that are remembered.
_REMEMBERED_TEXTS: Final = 20


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A pair and its verdict. `reason` is null where it may be trained on."""

    number: int
    pair_id: str | None
    item_ref: str | None
    canonical_label_id: str | None
    status: str | None
    allowed_uses: tuple[str, ...] | None
    prohibited_uses: tuple[str, ...] | None
    reason: str | None
    usage_reason: str | None
    classification: str | None
    reviewed_by: str | None
    reviewed_at: str | None
    constraints_set_by: str | None
    constraints_set_at: str | None


@dataclass(frozen=True, slots=True)
class SheetRowPage:
    """Rows in the order of their pair ids, how many pass the filters, and the number to go on after, if any."""

    rows: tuple[SheetRow, ...]
    total: int
    next_after: int | None


class SheetRows:
    """Rows of sheets in files of a private directory."""

    def __init__(self, directory: Path, policy: GatePolicy) -> None:
        self._directory = directory
        self._policy = policy
        self._said: OrderedDict[tuple[str, str, str], tuple[str, ...]] = OrderedDict()

    def said(self, sheet_id: str, digest: str, text: str, find: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """The ids of the pairs of a version that say a text, which `find` finds unless this process knows them."""
        asked = (sheet_id, digest, text.lower())
        found = self._said.get(asked)
        if found is None:
            found = find()
            self._said[asked] = found
            while len(self._said) > _REMEMBERED_TEXTS:
                with suppress(KeyError):  # another thread was faster
                    self._said.popitem(last=False)
        return found

    def has(self, sheet_id: str, digest: str, withdrawn: Withdrawn = NOTHING) -> bool:
        """Whether this version was judged already, with the same rows withdrawn. Reads only."""
        return self._file(sheet_id, digest, withdrawn).is_file()

    def judge(self, opening: AbstractContextManager[OpenSheet], withdrawn: Withdrawn = NOTHING) -> str:
        """Open a sheet, judge all its pairs and keep the verdicts, unless that was done; the digest. No text is kept.

        Raises what opening, judging and closing the sheet do, and then keeps nothing.
        """
        with ExitStack() as held:
            with opening as opened:
                file = self._file(opened.sheet.id, opened.digest, withdrawn)
                if file.is_file():
                    return opened.digest
                self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                made = file.with_name(f".{file.name}.{os.getpid()}.{id(opened)}")
                held.callback(made.unlink, missing_ok=True)
                self._write(opened, withdrawn, made)
            # Only now is it known that what was judged is what the digest is of: else closing it has raised.
            made.chmod(0o600)
            made.replace(file)
        keep_newest(self._directory, "*.parquet", MOST_KEPT)
        return opened.digest

    def _write(self, opened: OpenSheet, withdrawn: Withdrawn, made: Path) -> None:
        with (
            judged(opened, self._policy) as verdicts,
            disk_errors("judge the pairs"),
            opened.engine.fetch(_with_verdicts(opened.pairs, verdicts)) as rows,
            shown(opened, withdrawn) as examples,
        ):
            told = without_revoked(rows, withdrawn, examples)
            told = without_near_held_out(opened, self._policy, told).drop(*_COMPARED)
            _numbered(told).to_parquet(made, compression="zstd", row_group_size=GROUP)

    def page(
        self,
        sheet_id: str,
        digest: str,
        *,
        withdrawn: Withdrawn = NOTHING,
        reason: str | None = None,
        status: str | None = None,
        search: str = "",
        among: Sequence[str] | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> SheetRowPage:
        """The rows after a number that pass every filter. `has` this version, or `FileNotFoundError`. Reads only.

        `reason` may be `ELIGIBLE`; `search` looks for its text in ids of pair, item and label, in any case of letters.
        `among` has the ids of pairs of which only those are wanted.
        """
        file = self._file(sheet_id, digest, withdrawn)
        if not file.is_file():
            raise FileNotFoundError(file)
        os.utime(file)
        conditions, values = _conditions(reason, status, search)
        if among is not None:
            conditions.append("pair_id IN (SELECT unnest(?))")
            values.append(list(among))
        where = " AND ".join(conditions) or "true"
        with duckdb.connect() as engine:
            # Which rows they are is found in the columns that are filtered by; the rest is read of a page alone.
            total, numbers = engine.execute(
                f"SELECT count(*), min(number, ?) FILTER (WHERE number > ?) FROM read_parquet(?) WHERE {where}",  # noqa: S608
                [limit + 1, after, str(file), *values],
            ).fetchall()[0]
            shown = (numbers or [])[:limit]
            found = engine.execute(
                f"SELECT {', '.join(SheetRow.__slots__)} FROM read_parquet(?)"  # noqa: S608 - our own names
                " WHERE number BETWEEN ? AND ? AND number IN (SELECT unnest(?::BIGINT[])) ORDER BY number",
                [str(file), min(shown, default=0), max(shown, default=0), shown],
            ).fetchall()
        return SheetRowPage(tuple(map(_row, found)), total, shown[-1] if len(numbers or []) > limit else None)

    def _file(self, sheet_id: str, digest: str, withdrawn: Withdrawn) -> Path:
        key = hashlib.sha256("\n".join(judged_by(self._policy, withdrawn)).encode()).hexdigest()[:8]
        return self._directory / f"{sheet_id}@{digest[:32]}-{key}.parquet"


def _row(cells: tuple[Any, ...]) -> SheetRow:
    values: list[Any] = [tuple(cell) if isinstance(cell, list) else cell for cell in cells]
    return SheetRow(*values)


def _with_verdicts(pairs: ir.Table, verdicts: ir.Table) -> ir.Table:
    """Each pair as it is stated, with its verdict: `invalid` for what has no id, or one that several have."""
    most = {name: verdicts[name].max() for name in _VERDICT}
    trimmed = {f"judged_{name}": verdicts[name].max() for name in _NAMES}
    each = verdicts.group_by(judged_id="pair_id").agg(**most, **trimmed, seen=True)
    stated = pairs.select(
        *("pair_id", *_NAMES, *_STATED, "allowed_uses", "prohibited_uses"), stated_reason=pairs.usage_reason
    )
    joined = stated.left_join(each, stated.pair_id == each.judged_id)
    return joined.select(
        "pair_id",
        *_STATED,
        "allowed_uses",
        "prohibited_uses",
        "classification",
        *_COMPARED,
        **{name: ibis.coalesce(joined[f"judged_{name}"], joined[name]) for name in _NAMES},
        reason=ibis.cases((joined.seen.isnull(), str(Reason.INVALID)), else_=joined.reason),
        usage_reason=ibis.coalesce(joined.usage_reason, joined.stated_reason),
    )


def _numbered(rows: ir.Table) -> ir.Table:
    """The rows numbered from 1 in the order of their ids, in which `p-9` comes before `p-10`."""
    order = [counted(rows.pair_id), rows.pair_id, rows.item_ref]
    searched = ibis.literal("\n").join([rows[name].fill_null("").lower() for name in _SEARCHED])
    number = ibis.row_number().over(order_by=order) + 1
    return rows.mutate(number=number, searched=searched, state=word_of(rows.status)).order_by("number")


def _conditions(reason: str | None, status: str | None, search: str) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if reason == ELIGIBLE:
        conditions.append("reason IS NULL")
    elif reason is not None:
        conditions.append("reason = ?")
        values.append(reason)
    if status is not None:
        conditions.append("state = ?")
        values.append(status)
    if search:
        conditions.append("contains(searched, ?)")
        values.append(search.lower())
    return conditions, values
