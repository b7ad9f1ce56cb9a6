from __future__ import annotations

from typing import Any

from training_pipeline.datasets.labels import labels_of
from training_pipeline.testing.sheets.pairs import Row, open_sheet, pair


def labelled(number: int, label: str | None, **values: Any) -> Row:
    return pair(number, canonical_label_id=label, **values)


def test_pairs_without_labels_have_none() -> None:
    assert labels_of(open_sheet([pair(1), pair(2)])).count == 0


def test_a_label_counts_once_and_the_order_of_pairs_makes_no_difference() -> None:
    rows = [labelled(1, "a"), labelled(2, "b"), labelled(3, "a"), labelled(4, None)]
    found = labels_of(open_sheet(rows))
    assert found.count == 2
    assert labels_of(open_sheet(rows[::-1])) == found
    assert labels_of(open_sheet([labelled(7, "b"), labelled(8, "a")])) == found


def test_another_id_or_constraint_is_another_version() -> None:
    rows = [labelled(1, "a", label_allowed_uses=["training"])]
    versions = {
        labels_of(open_sheet([{**rows[0], **change}])).digest
        for change in (
            {},
            {"canonical_label_id": "b"},
            {"label_allowed_uses": ["training", "testing"]},
            {"label_allowed_uses": None},
            {"label_prohibited_uses": ["training"]},
            {"label_data_classification": "restricted"},
            {"label_usage_reason": "contains PHI"},
        )
    }
    assert len(versions) == 7


def test_what_the_pairs_say_themselves_makes_no_difference() -> None:
    found = labels_of(open_sheet([labelled(1, "a")]))
    assert labels_of(open_sheet([labelled(1, "a", status="rejected", allowed_uses=["testing"])])) == found
