"""What comes of training sheets, from rows to a dataset, against the rules in plain Python: findings, or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.snapshot import snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.datasets.store import read_dataset, verify
from training_pipeline.datasets.verify import gate_failures, held_out_in_train, torn_ties
from training_pipeline.domain.errors import GateRefused, SplitRefused
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.head import Head, write_head
from training_pipeline.testing.oracles import oracle, split_oracle
from training_pipeline.testing.sheets.pairs import Row, arrow, open_sheet
from training_pipeline.testing.sheets.random_sheets import Asked, random_asked, random_sheet, shuffled

#: Nearly equal questions are found by chance, though nearly always: pairs between these two may be tied or not.
_SURELY: Final = 0.87
_AT_MOST: Final = 0.8
_SEED: Final = "fuzz"
#: Sheets that are judged by one statement: planning it takes far longer than judging a few rows.
TOGETHER: Final = 200


def together(seed: int, group: int, directory: Path, *, sheets: int = TOGETHER) -> list[str]:
    """Judge, split and write so many sheets as one, which has to come to what each of them comes to on its own.

    The first of them has the number `group` times `sheets`.
    """
    asked = random_asked(seed, group)
    made_up = [random_sheet(seed, group * sheets + place) for place in range(sheets)]
    rows = [row for sheet in made_up for row in sheet]
    made = _prepared(open_sheet(rows, tags=asked.tags), asked, directory / "made")
    again = _prepared(open_sheet(shuffled(seed, rows), tags=asked.tags), asked, directory / "again", checked=False)
    return [*_findings(_Expected(made_up, asked), made), *_differences(made, again)]


def alone(seed: int, number: int, directory: Path) -> list[str]:
    """The sheet with this number by the whole public way: a head and a file of pairs, read, judged, split, written,
    read back, and looked at by the checks that every job makes.
    """
    asked, rows = random_asked(seed, number // TOGETHER), random_sheet(seed, number)
    with _file(directory / "made", asked, rows).open("s") as opened:
        made = _prepared(opened, asked, directory / "made")
    with _file(directory / "again", asked, shuffled(seed, rows)).open("s") as opened:
        again = _prepared(opened, asked, directory / "again", checked=False)
    return [*_findings(_Expected([rows], asked), made), *_differences(made, again)]


def _file(directory: Path, asked: Asked, rows: list[Row]) -> FileTrainingSheets:
    directory.mkdir()
    facts = {"name": "Random", "status": "approved", "tags": asked.tags}
    references = {"source_sheet": {"id": "s"}, "prompt_template": {"id": "t"}}
    (directory / "s.yaml").write_bytes(write_head(Head.model_validate({**facts, **references})))
    pq.write_table(arrow(rows), directory / "s.parquet")
    return FileTrainingSheets([directory], threads=1)


@dataclass(frozen=True, slots=True)
class _Made:
    """A dataset, or why there is none, and what checks of it found."""

    dataset: DatasetRef | None
    refusal: str = ""
    broken: tuple[str, ...] = ()


def _prepared(opened: OpenSheet, asked: Asked, root: Path, *, checked: bool = True) -> _Made:
    policy = GatePolicy(instruction_prompt_items=asked.items)
    taken = snapshot(opened, policy, directory=root / "snapshots")
    try:
        plan = split_snapshot(opened, taken, ratio=asked.ratio, seed=_SEED, min_pairs=1)
    except (GateRefused, SplitRefused) as refusal:
        return _Made(None, refusal.message)
    made = write_dataset(opened, taken, plan, root=root / "datasets")
    if not checked:
        return _Made(made)
    verify(read_dataset(made.path))
    checks = {
        "gate_failures": gate_failures(opened, taken),
        "torn_ties": torn_ties(taken, made),
        "held_out_in_train": held_out_in_train(opened, taken),
    }
    return _Made(made, broken=tuple(f"{name} finds {found.broken}" for name, found in checks.items() if found.broken))


class _Expected:
    """What the oracle says of each sheet on its own."""

    def __init__(self, sheets: list[list[Row]], asked: Asked) -> None:
        self.rows = [row for sheet in sheets for row in sheet]
        self.reasons: list[str | None] = []
        self.included: dict[str, Row] = {}
        self.validates: set[str] = set()
        self.surely: list[set[str]] = []
        self._sheets: list[tuple[list[Row], list[Row]]] = []
        self._items = asked.items
        for rows in sheets:
            verdicts = oracle.judge(rows, list(asked.tags), asked.items)
            kept = [row for row, (reason, _) in zip(rows, verdicts, strict=True) if reason is None]
            self.reasons += [reason for reason, _ in verdicts]
            self.included |= {row["pair_id"]: row for row in kept}
            self.validates |= {row["pair_id"] for row, (_, may) in zip(rows, verdicts, strict=True) if may}
            self.surely += split_oracle.ties(rows, kept, asked.items, _SURELY)
            self._sheets.append((rows, kept))

    @cached_property
    def at_most(self) -> list[set[str]]:
        """The groups with everything tied that may be."""
        return [group for rows, kept in self._sheets for group in split_oracle.ties(rows, kept, self._items, _AT_MOST)]

    @property
    def may_be_refused(self) -> bool:
        """Whether one side would have to be empty."""
        free = [group for group in self.at_most if group <= self.validates]
        return not free or len(self.at_most) == 1


def _findings(expected: _Expected, made: _Made) -> Iterator[str]:
    dataset = made.dataset
    if dataset is None:
        if not expected.may_be_refused:
            yield f"refused, though both sides could be had: {made.refusal}"
        return
    yield from made.broken
    manifest = pq.read_table(dataset.manifest_file).to_pylist()
    judged = Counter((row["pair_id"], row["reason"]) for row in manifest)
    stated = Counter((row["pair_id"], reason) for row, reason in zip(expected.rows, expected.reasons, strict=True))
    for (pair_id, reason), _ in sorted((judged - stated).items(), key=repr):
        yield f"pair {pair_id!r} is {reason or 'included'}, and the oracle says otherwise"
    for (pair_id, reason), _ in sorted((stated - judged).items(), key=repr):
        yield f"pair {pair_id!r} should be {reason or 'included'}"
    yield from _sums(expected, dataset)
    sides = {row["pair_id"]: row["split"] for row in manifest if row["split"] is not None}
    if sides.keys() != expected.included.keys():
        yield "the pairs on the two sides are not those that passed the gates"
        return
    validation = {pair_id for pair_id, side in sides.items() if side == "validation"}
    yield from (f"pair {pair_id!r} may not validate" for pair_id in sorted(validation - expected.validates))
    yield from (f"torn: {sorted(group)}" for group in expected.surely if validation & group and group - validation)
    components: dict[int, set[str]] = {}
    for row in manifest:
        if row["split"] is not None:
            components.setdefault(row["component"], set()).add(row["pair_id"])
    if [*components.values()] != sorted(expected.surely, key=min):
        most = {pair_id: number for number, group in enumerate(expected.at_most) for pair_id in group}
        yield from (
            f"tied without a reason: {sorted(group)}"
            for group in components.values()
            if len({most[pair_id] for pair_id in group}) > 1
        )
    for side, file in (("train", dataset.train_file), ("validation", dataset.validation_file)):
        ids = sorted(pair_id for pair_id, of in sides.items() if of == side)
        if file.read_text().split("\n")[:-1] != [oracle.example(expected.included[pair_id]) for pair_id in ids]:
            yield f"{file.name} does not hold the examples of its pairs in their order"


def _sums(expected: _Expected, dataset: DatasetRef) -> Iterator[str]:
    """Every sum that a job tells, counted anew."""
    counted = Counter(reason for reason in expected.reasons if reason is not None)
    summary, included = dataset.summary, len(expected.included)
    excluded = {str(reason): count for reason, count in summary.excluded.items() if count}
    told = (summary.total, summary.eligible, excluded, dataset.train_pairs + dataset.validation_pairs)
    if told != (len(expected.rows), included, dict(counted), included):
        yield f"the sums are {told}"
    if summary.total != summary.eligible + sum(summary.excluded.values()):
        yield "included and excluded pairs are not all pairs"


def _differences(made: _Made, again: _Made) -> Iterator[str]:
    if made.dataset is None or again.dataset is None:
        if made.refusal != again.refusal:
            yield "in another order it is refused, or refused otherwise"
        return
    here, there = made.dataset.path, again.dataset.path
    files = [made.dataset.train_file, made.dataset.validation_file, made.dataset.manifest_file]
    different = [file.name for file in files if file.read_bytes() != (there / file.name).read_bytes()]
    # The digest of a sheet is that of its file, in which the rows stand in another order.
    told = [one.model_dump(exclude={"path", "sheet_digest"}) for one in (made.dataset, again.dataset)]
    if here.name != there.name or different or told[0] != told[1]:
        yield f"in another order it is another dataset: {different}"
