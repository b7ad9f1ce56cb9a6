from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.datasets.lifting import LIFTABLE, lifting
from training_pipeline.datasets.summary import export_summary
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.soak import TIMES

POLICY = GatePolicy()
FIELDS: dict[str, tuple[Any, ...]] = {
    "status": ("labeled", "labeled", "labeled", "approved", "pending", "rejected", "flagged", None, "odd"),
    "allowed_uses": (["training", "validation"], ["training"], ["evaluation"], ["testing", "odd"], [], None),
    "prohibited_uses": ([], [], [], ["training"], [" Training ", "validation"], ["evaluation"], None),
    "data_classification": ("internal", "internal", "public", "odd", None),
    "label_allowed_uses": (None, None, None, ["training"], ["evaluation"]),
    "label_prohibited_uses": (None, None, None, [], ["training"], ["odd"]),
}


def drawn(seed: int) -> list[dict[str, Any]]:
    """Pairs of every kind, many of which ask or teach what another one does."""
    chance = random.Random(seed)
    made = rows(80)
    for row in made:
        row |= {name: chance.choice(values) for name, values in FIELDS.items() if chance.random() < 0.5}
        if chance.random() < 0.3:
            row["messages"] = chance.choice(made)["messages"]
    return made


def lifted(row: dict[str, Any], reason: Reason) -> dict[str, Any]:
    """The pair as somebody would write it who lifts the reason."""
    if reason in {Reason.UNLABELED, Reason.REJECTED, Reason.FLAGGED}:
        return {**row, "status": "labeled"}
    if reason is Reason.TRAINING_PROHIBITED:
        uses = {name: row.get(name) for name in ("prohibited_uses", "label_prohibited_uses")}
        return {**row, **{name: said and [one for one in said if "rain" not in one] for name, said in uses.items()}}
    known = {"training", "validation", "evaluation", "testing", "few_shot"}

    def sound(said: list[str] | None) -> list[str]:
        return [one for one in said or [] if one.strip().lower() in known]

    return {
        **row,
        "allowed_uses": ["training"],
        "label_allowed_uses": None,
        "prohibited_uses": sound(row["prohibited_uses"]),
        "label_prohibited_uses": sound(row.get("label_prohibited_uses")),
        "data_classification": "internal",
    }


@pytest.mark.parametrize("seed", range(1, 1 + TIMES))
def test_what_lifting_adds_is_what_comes_in_when_the_pairs_are_edited(tmp_path: Path, seed: int) -> None:
    pairs = drawn(seed)
    write_sheet(tmp_path, "drawn", pairs)
    sheets = FileTrainingSheets([tmp_path])
    with sheets.open("drawn") as opened:
        found = lifting(opened, POLICY)
        summary = export_summary(opened, POLICY)
        with verdicts(opened, POLICY) as table:
            reasons = dict(table.select("pair_id", "reason").to_pandas().itertuples(index=False))
    assert found.eligible == summary.eligible
    assert [one.reason for one in found.reasons] == [reason for reason in LIFTABLE if summary.excluded[reason]]
    assert len(found.reasons) == len(LIFTABLE)  # the draw has each of them
    for one in found.reasons:
        assert one.pairs == summary.excluded[one.reason]
        edited = [lifted(row, one.reason) if reasons[row["pair_id"]] == one.reason else row for row in pairs]
        write_sheet(tmp_path, f"{one.reason}", edited)
        with sheets.open(str(one.reason)) as opened:
            assert export_summary(opened, POLICY).eligible - found.eligible == one.added, one.reason


def test_what_is_revoked_does_not_come_in(tmp_path: Path) -> None:
    pairs = rows(12)
    pairs[0] |= {"status": "rejected"}
    pairs[1] |= {"status": "rejected"}
    write_sheet(tmp_path, "small", pairs)
    with FileTrainingSheets([tmp_path]).open("small") as opened:
        (one,) = lifting(opened, POLICY, withdrawn=Withdrawn(named=(("pair", "p-0000"),))).reasons
    assert (one.reason, one.pairs, one.added) == (Reason.REJECTED, 2, 1)
