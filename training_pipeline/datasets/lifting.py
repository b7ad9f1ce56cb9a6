"""What lifting a restriction would add: as the gates judge the sheet where the pairs with it do not have it.

So it counts what the restriction alone keeps out: a pair that would be left out for another reason stays out, and one
that another pair kept out (it asks a held-out question) comes in. Nothing of the sheet is changed.

The text is read once. What a pair says decides of it only together with what is stated: so what is stated is judged
again, once for all pairs that state the same, and the pairs are compared by the hashes that are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from training_pipeline.datasets.judging import alone_plan, ties_plan
from training_pipeline.datasets.restrictions import LIFTABLE, STATED, UNCHANGED, USES, By, change_of, changes_plan
from training_pipeline.datasets.revoked import without_revoked
from training_pipeline.datasets.verdicts import shown
from training_pipeline.domain.errors import Conflict
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.neighbours import TIED
from training_pipeline.domain.rules.policy import NOT_PERMITTED, GatePolicy, Reason
from training_pipeline.domain.storable import storable
from training_pipeline.domain.usage import TAG_RULES, Use, constraints_from_tags
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet

#: Labels and stewards that are told of: those with the most pairs.
MOST: Final = 20
_ANOTHER_TAG: Final = "tag "


class Lifted(BaseModel):
    """A restriction, how many pairs have it, and how many more could be trained, and validated, on without it."""

    model_config = ConfigDict(frozen=True)

    by: By
    name: str
    pairs: int
    added: int
    may_validate: int


class Lifting(BaseModel):
    """Every restriction that can be lifted and that pairs of the sheet have."""

    model_config = ConfigDict(frozen=True)

    eligible: int
    may_validate: int
    restrictions: tuple[Lifted, ...]


@dataclass(frozen=True, slots=True)
class _Alone:
    """The verdicts on pairs, each on its own: whether it has a reason, and what it does to others."""

    out: NDArray[np.bool_]
    prohibited: NDArray[np.bool_]
    held_out: NDArray[np.bool_]
    may_validate: NDArray[np.bool_]

    def where(self, lifted: NDArray[np.bool_], other: _Alone) -> _Alone:
        return _Alone(
            *(np.where(lifted, getattr(other, name), getattr(self, name)) for name in self.__dataclass_fields__)
        )

    def differs(self, other: _Alone) -> NDArray[np.bool_]:
        each = [getattr(self, name) != getattr(other, name) for name in self.__dataclass_fields__]
        found: NDArray[np.bool_] = np.logical_or.reduce(each)
        return found


def lifting(opened: OpenSheet, policy: GatePolicy, *, withdrawn: Withdrawn = NOTHING) -> Lifting:
    """Count for each restriction what lifting it alone would add. Reads only.

    Pairs that are invalid keep all that they state, and what is withdrawn stays out. Raises `Conflict` where the pairs
    are judged elsewhere, and where the sheet excludes what nearly asks a held-out question.
    """
    if opened.sheet.exclude_near_held_out:
        raise Conflict(
            "What lifting a restriction would add is not counted for training sheets with exclude_near_held_out.",
            hint="Take it out of a copy of the sheet to count there.",
        )
    if opened.engine.is_remote:
        raise Conflict(
            "What lifting a restriction would add is counted only for training sheets in files.",
            hint="The pairs of this one are judged where its table is.",
        )
    tags = constraints_from_tags(opened.sheet.tags)
    plan = ties_plan(opened.engine.dialect, tags, policy)
    with (
        disk_errors("judge the pairs"),
        opened.engine.work_out(plan, opened.pairs) as table,
        shown(opened, withdrawn) as examples,
    ):
        told = table.to_pyarrow()
        pairs = _Pairs(opened, policy, told, withdrawn, examples)
        now = pairs.counted(pairs.alone)
        found = [pairs.lifted(by, name, mask, now) for by, name, mask in pairs.restrictions()]
    return Lifting(eligible=now[0], may_validate=now[1], restrictions=tuple(one for one in found if one.pairs))


class _Pairs:
    """The pairs of a sheet as numbers, judged as often as is asked."""

    def __init__(
        self, opened: OpenSheet, policy: GatePolicy, told: pa.Table, withdrawn: Withdrawn, examples: ir.Table | None
    ) -> None:
        kinds = told["kind"]
        self._table = told.filter(pc.equal(kinds, "pair")).select(TIED).combine_chunks()
        self._withdrawn, self._examples = withdrawn, examples
        self._tags = [tag for tag in opened.sheet.tags if tag.strip().upper() in TAG_RULES]
        ids = self._table["pair_id"].combine_chunks()
        self._links = {}
        hashes: dict[str, NDArray[Any]] = {}
        for kind in ("forbids", "shows", "asks", "holds"):
            of_kind = told.filter(pc.equal(kinds, kind))
            rows = pc.index_in(of_kind["pair_id"].combine_chunks(), value_set=ids)
            hashes[kind] = of_kind["hash"].to_numpy()
            self._links[kind] = rows.to_numpy(zero_copy_only=False)
        self._codes = {}
        for first, second in (("forbids", "shows"), ("holds", "asks")):
            codes = np.unique(np.concatenate([hashes[first], hashes[second]]).astype(str), return_inverse=True)[1]
            self._codes[first], self._codes[second] = np.split(codes, [len(hashes[first])])
        self._copies = _codes(self._table["copy_hash"])
        self._reason = np.array(self._table["alone"].to_pylist(), dtype=object)
        self._valid = self._reason != str(Reason.INVALID)
        self.alone = _Alone(
            pc.is_valid(self._table["alone"]).to_numpy(),
            *(self._table[name].to_numpy() for name in ("prohibited", "holds_out", "may_validate")),
        )
        self._variants = self._judge_again(opened, policy, ids)

    def _judge_again(self, opened: OpenSheet, policy: GatePolicy, ids: pa.Array) -> dict[str, _Alone]:
        """The verdicts on all pairs by themselves, for each of `CHANGES` and without each tag."""
        here: Any = opened.pairs.get_backend()
        stated = opened.pairs.group_by(*STATED).agg(ids=lambda group: group.pair_id.collect()).to_pyarrow()
        lists = stated["ids"].combine_chunks()
        place = pc.index_in(ids, value_set=pc.list_flatten(lists)).fill_null(0).to_numpy()
        group = np.asarray(pc.list_parent_indices(lists))[place] if len(ids) else place
        numbered = stated.drop(["ids"]).append_column("number", pa.array(range(len(stated)), pa.int64()))
        name = ibis.util.gen_name("stated")
        groups = here.create_table(name, ibis.memtable(numbered), temp=True)
        try:
            with opened.engine.work_out(changes_plan(opened.engine.dialect), groups) as asked:
                found = self._told(opened, policy, asked, opened.sheet.tags, group)
                for tag in self._tags:
                    others = [one for one in opened.sheet.tags if one.strip().upper() != tag.strip().upper()]
                    unchanged = asked.filter(asked.pair_id.startswith(UNCHANGED))
                    found[_ANOTHER_TAG + tag] = self._told(opened, policy, unchanged, others, group)[UNCHANGED]
        finally:
            here.drop_table(name)
        return found

    @staticmethod
    def _told(
        opened: OpenSheet, policy: GatePolicy, asked: ir.Table, tags: Any, group: NDArray[np.int64]
    ) -> dict[str, _Alone]:
        plan = alone_plan(opened.engine.dialect, constraints_from_tags(tags), policy)
        with opened.engine.work_out(plan, asked) as judged:
            told = judged.to_pyarrow().to_pylist()
        by_change: dict[str, dict[int, dict[str, Any]]] = {}
        for row in told:
            change, _, number = row["pair_id"].rpartition("\n")
            by_change.setdefault(change, {})[int(number)] = row
        found = {}
        for change, rows in by_change.items():
            of_groups = [rows[number] for number in range(len(rows))]
            columns = [
                np.array([row["reason"] is not None for row in of_groups]),
                *(np.array([row[name] for row in of_groups]) for name in ("prohibited", "held_out", "may_validate")),
            ]
            found[change] = _Alone(*(column[group] for column in columns))
        return found

    def restrictions(self) -> list[tuple[By, str, NDArray[np.bool_]]]:
        """What can be lifted, and the pairs that may have it."""
        denied = np.isin(self._reason.astype(str), [str(reason) for reason in NOT_PERMITTED])
        found: list[tuple[By, str, NDArray[np.bool_]]] = [
            ("reason", str(reason), self._reason == str(reason)) for reason in LIFTABLE
        ]
        found += [("use", str(use), denied if use is Use.TRAINING else self._valid) for use in USES]
        found += [("tag", tag, self._valid) for tag in dict.fromkeys(self._tags)]
        changed = self._valid & self.alone.differs(self._variants["no_label"])
        for by, column, among in (
            ("label", "canonical_label_id", changed),
            ("steward", "constraints_set_by", denied),
        ):
            named = pc.utf8_trim_whitespace(pc.fill_null(self._table[column], "")).combine_chunks().dictionary_encode()
            codes, names = named.indices.to_numpy(), named.dictionary.to_pylist()
            pairs = dict(zip(names, np.bincount(codes[among], minlength=len(names)).tolist(), strict=True))
            most = sorted(filter(None, pairs), key=lambda one: (-pairs[one], one))[:MOST]
            found += [(by, name, among & (codes == names.index(name))) for name in most if pairs[name]]  # type: ignore[misc]
        return found

    def lifted(self, by: By, name: str, among: NDArray[np.bool_], now: tuple[int, int]) -> Lifted:
        """What lifting one restriction of these pairs would add."""
        variant = self._variants[_ANOTHER_TAG + name if by == "tag" else change_of(by, name)]
        if by != "reason":
            among = among & self.alone.differs(variant)
        pairs = int(among.sum())
        then = self.counted(self.alone.where(among, variant)) if pairs else now
        return Lifted(by=by, name=storable(name), pairs=pairs, added=then[0] - now[0], may_validate=then[1] - now[1])

    def counted(self, alone: _Alone) -> tuple[int, int]:
        """How many pairs may be trained on, and how many of them validated on, by verdicts on each on its own."""
        passes = ~alone.out
        for first, second, does in (("forbids", "shows", alone.prohibited), ("holds", "asks", alone.held_out)):
            by = self._codes[first][does[self._links[first]]]
            passes[self._links[second][np.isin(self._codes[second], by)]] = False
        if self._withdrawn:
            return self._counted_without_revoked(alone, passes)
        groups, place = np.unique(self._copies[passes], return_inverse=True)
        barred = np.unique(place[~alone.may_validate[passes]])
        return len(groups), len(groups) - len(barred)

    def _counted_without_revoked(self, alone: _Alone, passes: NDArray[np.bool_]) -> tuple[int, int]:
        """The same by `without_revoked`, of verdicts as `judge_together` gives them."""
        table = self._table
        ids = np.array(table["pair_id"].to_pylist(), dtype=object)
        kept: dict[int, str] = {}
        may: dict[int, bool] = {}
        for row in np.flatnonzero(passes):
            copy = int(self._copies[row])
            kept[copy] = min(ids[row], kept.get(copy, ids[row]))
            may[copy] = may.get(copy, True) and bool(alone.may_validate[row])
        kept_id = [kept[int(copy)] if ok else None for copy, ok in zip(self._copies, passes, strict=True)]
        first = np.array([one is not None and one == pair_id for one, pair_id in zip(kept_id, ids, strict=True)])
        reason = [
            (None if is_first else str(Reason.DUPLICATE)) if ok else "left out"
            for ok, is_first in zip(passes, first, strict=True)
        ]
        may_validate = [ok and may[int(copy)] for ok, copy in zip(first, self._copies, strict=True)]
        compared = pc.if_else(pa.array(~alone.out | alone.prohibited), table["row_hash"], pa.scalar(None, pa.string()))
        made = pa.table(
            {
                **{name: table[name] for name in ("pair_id", "item_ref", "canonical_label_id", "prompt_hash")},
                "row_hash": compared,
                "reason": pa.array(reason, pa.string()),
                "kept_id": pa.array(kept_id, pa.string()),
                "may_validate": pa.array(may_validate, pa.bool_()),
            }
        )
        left = without_revoked(ibis.memtable(made), self._withdrawn, self._examples)
        counts = left.filter(left.reason.isnull()).may_validate.value_counts(name="pairs").to_pyarrow().to_pylist()
        by_may = {one["may_validate"]: int(one["pairs"]) for one in counts}
        return sum(by_may.values()), by_may.get(True, 0)


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """One number for each different value; each null is one of its own."""
    codes = column.combine_chunks().dictionary_encode().indices
    found = np.asarray(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), dtype=np.int64)
    alone = found < 0
    found[alone] = -1 - np.arange(alone.sum())
    return found
