"""The export summary: the product's worked examples, the stewards' reasons, and what a person should know."""

from __future__ import annotations

import pytest

from training_pipeline.datasets import summary as counting
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.export_summary import ExportSummary, ReasonCount
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.testing.sheets.pairs import Row, chat, open_sheet, pair

NOBODY = "constraints_set_by_nobody"
PHI = {"prohibited_uses": ["training", "validation"], "usage_reason": "PHI"}
TEST_SET = {"allowed_uses": ["evaluation", "testing"], "usage_reason": "held-out test set"}


def summary(rows: list[Row], *, items: int = 20) -> ExportSummary:
    return export_summary(open_sheet(rows), GatePolicy(instruction_prompt_items=items))


def test_one_hundred_labeled_pairs() -> None:
    rows = [pair(number) for number in range(85)]
    rows += [pair(number, **PHI) for number in range(85, 97)]
    rows += [pair(number, **TEST_SET) for number in range(97, 100)]
    made = summary(rows)
    assert (made.total, made.labeled, made.training_allowed, made.training_prohibited) == (100, 100, 85, 15)
    assert made.eligible == 85
    assert made.reasons == (
        ReasonCount(reason=Reason.TRAINING_PROHIBITED, usage_reason="PHI", count=12),
        ReasonCount(reason=Reason.TRAINING_NOT_ALLOWED, usage_reason="held-out test set", count=3),
    )
    assert list(made.excluded) == list(Reason)
    assert made.warnings == ()


def test_one_hundred_pairs_of_which_85_are_approved() -> None:
    rows = [pair(number, status="approved") for number in range(70)]
    rows += [pair(number, **PHI) for number in range(70, 82)]
    rows += [pair(number, **TEST_SET) for number in range(82, 85)]
    rows += [pair(number, status="pending", usage_reason="not shown here") for number in range(85, 95)]
    rows += [pair(number, status="rejected") for number in range(95, 100)]
    made = summary(rows)
    assert (made.labeled, made.training_allowed, made.training_prohibited, made.eligible) == (85, 70, 15, 70)
    assert {reason: count for reason, count in made.excluded.items() if count} == {
        Reason.UNLABELED: 10,
        Reason.REJECTED: 5,
        Reason.TRAINING_PROHIBITED: 12,
        Reason.TRAINING_NOT_ALLOWED: 3,
    }
    assert [row.usage_reason for row in made.reasons if row.reason is Reason.UNLABELED] == [None]


def test_who_approved_what_is_included() -> None:
    rows = [pair(1, reviewed_by="ana"), pair(2, reviewed_by=None), pair(3, reviewed_by="ana", status="rejected")]
    rows[0]["label_data_classification"] = "restricted"
    made = summary(rows)
    assert made.approvers == {"ana": 1, "": 1}
    assert made.classifications == {"restricted": 1, "internal": 1}


def test_pairs_that_nobody_is_recorded_to_have_allowed_are_counted_or_refused() -> None:
    rows = [pair(1), pair(2, constraints_set_by=None), pair(3, constraints_set_by=" \t"), pair(4, **PHI)]
    rows += [pair(5, constraints_set_by=None, allowed_uses=["training", "evaluation"])]
    made = summary(rows)
    assert [(found.code, found.count) for found in made.warnings if found.code == NOBODY] == [(NOBODY, 3)]
    assert made.eligible == 4
    strict = export_summary(open_sheet(rows), GatePolicy(require_constraints_set_by=True))
    assert (strict.eligible, strict.excluded[Reason.TRAINING_NOT_ALLOWED]) == (1, 3)
    assert NOBODY not in {found.code for found in strict.warnings}


def test_an_empty_sheet() -> None:
    made = summary([])
    assert (made.total, made.eligible, made.labeled, made.reasons, made.warnings) == (0, 0, 0, (), ())


def test_warnings_count_what_they_say() -> None:
    rows = [
        pair(1, item_ref="shared"),
        pair(2, item_ref="shared", **TEST_SET),
        pair(3, messages=chat("Twice?", "Yes.")),
        pair(4, messages=chat("twice ?", "No.")),
        pair(5, allowed_uses=["training"]),
        *(pair(number, messages=chat("Summarise.", f"Summary {number}.")) for number in (6, 7, 8)),
    ]
    made = summary(rows, items=2)
    assert made.eligible == 7
    assert {warning.code: warning.count for warning in made.warnings} == {
        "item_held_out": 1,
        "prompt_with_different_answers": 1,
        "validation_not_permitted": 1,
        "instruction_prompt": 1,
    }


def test_the_most_frequent_approvers_are_named_and_the_others_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_APPROVERS", 2)
    names = ["ann", "bob", "bob", "cid", "cid", "dan"]
    found = export_summary(open_sheet([pair(n, reviewed_by=name) for n, name in enumerate(names)]), GatePolicy())
    assert (found.approvers, found.other_approvers) == ({"bob": 2, "cid": 2}, 2)


def test_nul_is_in_no_summary_that_a_database_would_refuse() -> None:
    rows = [
        pair(1, reviewed_by="ann\0"),
        pair(2, reviewed_by="ann\ufffd"),
        pair(3, prohibited_uses=["training"], usage_reason="PHI\0"),
    ]
    found = export_summary(open_sheet(rows), GatePolicy())
    assert found.approvers == {"ann\ufffd": 2}
    assert "\\u0000" not in found.model_dump_json()
    assert [reason.usage_reason for reason in found.reasons] == ["PHI\ufffd"]
