from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.datasets.lifting import Lifted, lifting
from training_pipeline.datasets.restrictions import LIFTABLE
from training_pipeline.datasets.summary import summarise
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import NOT_PERMITTED, GatePolicy, Reason
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing import soak
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet

POLICY = GatePolicy()
FIELDS: dict[str, tuple[Any, ...]] = {
    "status": ("labeled", "labeled", "labeled", "approved", "pending", "rejected", "flagged", None, "odd"),
    "allowed_uses": (["training", "validation"], ["training"], ["evaluation"], ["testing", "odd"], [], None),
    "prohibited_uses": ([], [], [], ["training"], [" Training ", "validation"], ["evaluation"], None),
    "data_classification": ("internal", "internal", "public", "odd", None),
    "label_allowed_uses": (None, None, None, ["training"], ["evaluation"]),
    "label_prohibited_uses": (None, None, None, [], ["training"], ["odd"]),
    "canonical_label_id": (None, "urgent", "late"),
    "constraints_set_by": ("sam", " grace ", ""),
}
KNOWN = {"training", "validation", "evaluation", "testing", "few_shot"}
WITHDRAWN = (Withdrawn(), Withdrawn(named=(("pair", "p-0003"), ("label", "late"))))


def drawn(seed: int) -> list[dict[str, Any]]:
    """Pairs of every kind, many of which ask or teach what another one does, some in several turns."""
    chance = random.Random(seed)
    made = rows(60)
    for row in made:
        row |= {name: chance.choice(values) for name, values in FIELDS.items() if chance.random() < 0.5}
        if chance.random() < 0.4:
            row["messages"] = chance.choice(made)["messages"]
        if chance.random() < 0.1:
            row["messages"] = [*chance.choice(made)["messages"], *row["messages"]]
    return made


def without(said: list[str] | None, use: str) -> list[str] | None:
    return said and [one for one in said if one.strip().lower() != use]


def sound(said: list[str] | None) -> list[str]:
    return [one for one in said or [] if one.strip().lower() in KNOWN]


def allowed(row: dict[str, Any]) -> dict[str, Any]:
    of_label = row.get("label_allowed_uses")
    return {
        **row,
        "allowed_uses": [*sound(row["allowed_uses"]), "training"],
        "label_allowed_uses": None if of_label is None else [*sound(of_label), "training"],
        "prohibited_uses": sound(row["prohibited_uses"]),
        "label_prohibited_uses": sound(row.get("label_prohibited_uses")),
        "data_classification": "internal",
    }


def not_prohibited(row: dict[str, Any], use: str = "training") -> dict[str, Any]:
    return {**row, **{name: without(row.get(name), use) for name in ("prohibited_uses", "label_prohibited_uses")}}


def lifted(row: dict[str, Any], one: Lifted, reason: str | None) -> dict[str, Any]:
    """The pair as somebody would write it who lifts the restriction."""
    if reason == Reason.INVALID or one.by == "tag":
        return row
    denied = reason in {str(one) for one in NOT_PERMITTED}
    if one.by == "reason":
        if reason != one.name:
            return row
        if one.name == Reason.TRAINING_PROHIBITED:
            return not_prohibited(row)
        return allowed(row) if one.name == Reason.TRAINING_NOT_ALLOWED else {**row, "status": "labeled"}
    if one.by == "label":
        mine = row.get("canonical_label_id") == one.name
        return {**row, "label_allowed_uses": None, "label_prohibited_uses": None} if mine else row
    if one.by == "steward" or one.name == "training":
        mine = one.by == "use" or (row["constraints_set_by"] or "").strip() == one.name
        return not_prohibited(allowed(row)) if denied and mine else row
    lists = {name: row.get(name) for name in ("allowed_uses", "label_allowed_uses")}
    if one.name == "validation":
        also = {name: said if said is None else [*said, "validation"] for name, said in lists.items()}
        return not_prohibited({**row, **also}, "validation")
    return {**row, **{name: without(said, one.name) for name, said in lists.items()}}


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 1 + soak.TIMES))
@pytest.mark.parametrize("withdrawn", soak.drawn(WITHDRAWN))
def test_what_lifting_adds_is_what_comes_in_when_the_pairs_are_edited(
    tmp_path: Path, seed: int, withdrawn: Withdrawn
) -> None:
    pairs = drawn(seed)
    tags = ("odd", "confidential ") if withdrawn else ()
    write_sheet(tmp_path, "drawn", pairs, tags=list(tags))
    sheets = FileTrainingSheets([tmp_path])

    def counts(sheet_id: str) -> tuple[int, int, dict[Reason, int]]:
        with sheets.open(sheet_id) as opened, verdicts(opened, POLICY, withdrawn=withdrawn) as table:
            summary = summarise(table, POLICY)
            may_validate = int(table.may_validate.sum().to_pyarrow().as_py() or 0)
        return summary.eligible, may_validate, summary.excluded

    with sheets.open("drawn") as opened:
        found = lifting(opened, POLICY, withdrawn=withdrawn)
        with verdicts(opened, POLICY) as table:
            reasons = dict(table.select("pair_id", "reason").to_pandas().itertuples(index=False))
    eligible, may_validate, excluded = counts("drawn")
    assert (found.eligible, found.may_validate) == (eligible, may_validate)
    by_reason = {Reason(one.name): one.pairs for one in found.restrictions if one.by == "reason"}
    assert by_reason == {reason: excluded[reason] for reason in LIFTABLE if excluded[reason]}
    assert {one.by for one in found.restrictions} >= {"reason", "use", "label", "steward"}
    # Each takes a judging: one of each kind, and a few more.
    drawn_ones = random.Random(seed).sample(found.restrictions, len(found.restrictions))
    of_each = {str(one.by): one for one in drawn_ones}
    for number, one in enumerate([*of_each.values(), *drawn_ones[:3]]):
        edited = [lifted(row, one, reasons[row["pair_id"]]) for row in pairs]
        left = [tag for tag in tags if one.by != "tag" or tag.strip().upper() != one.name.strip().upper()]
        write_sheet(tmp_path, f"lifted-{number}", edited, tags=left)
        then = counts(f"lifted-{number}")
        assert (then[0] - eligible, then[1] - may_validate) == (one.added, one.may_validate), one


def test_what_is_revoked_does_not_come_in(tmp_path: Path) -> None:
    pairs = rows(12)
    pairs[0] |= {"status": "rejected"}
    pairs[1] |= {"status": "rejected"}
    write_sheet(tmp_path, "small", pairs)
    with FileTrainingSheets([tmp_path]).open("small") as opened:
        (one,) = lifting(opened, POLICY, withdrawn=Withdrawn(named=(("pair", "p-0000"),))).restrictions
    assert (one.name, one.pairs, one.added) == ("rejected", 2, 1)


def test_a_tag_that_prohibits_training_is_lifted_alone(tmp_path: Path) -> None:
    write_sheet(tmp_path, "tagged", rows(3), tags=["pii", "PHI"])
    write_sheet(tmp_path, "once", rows(3), tags=["pii"])
    sheets = FileTrainingSheets([tmp_path])
    with sheets.open("tagged") as opened:
        assert [one for one in lifting(opened, POLICY).restrictions if one.by == "tag"] == []
    with sheets.open("once") as opened:
        (one,) = [one for one in lifting(opened, POLICY).restrictions if one.by == "tag"]
    assert (one.name, one.pairs, one.added, one.may_validate) == ("pii", 3, 3, 3)
