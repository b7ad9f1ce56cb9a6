"""The gates against an oracle of the rules in plain Python, and the worked examples of the product."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis
import ibis
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.gates import judge_each
from training_pipeline.domain.rules.neighbours import judge_together
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.usage import constraints_from_tags
from training_pipeline.testing.oracles import oracle
from training_pipeline.testing.oracles.judge import Judge
from training_pipeline.testing.sheets.pairs import Row, chat, odd_sheets, pair
from training_pipeline.testing.soak import SEED, examples

TAGS: tuple[list[str], ...] = ([], ["PHI"], ["confidential", "blue"])


def reasons(rows: list[dict[str, Any]]) -> Counter[str | None]:
    return Counter(row["reason"] for row in rows)


def reason_of(judge: Judge, **values: Any) -> str | None:
    (row,) = judge([pair(1, **values)])
    return None if row["reason"] is None else str(row["reason"])


@hypothesis.seed(SEED)
@settings(deadline=None, max_examples=examples(100, gate=40))
@given(rows=odd_sheets, tags=st.sampled_from(TAGS), items=st.sampled_from([1, 3]))
def test_every_verdict_is_the_oracles(judge: Judge, rows: list[Row], tags: list[str], items: int) -> None:
    judged = judge(rows, tags, items)
    expected = oracle.judge(rows, tags, items)
    shown = [(row["pair_id"], reason, validates) for row, (reason, validates) in zip(rows, expected, strict=True)]
    found = [(row["pair_id"], row["reason"], row["may_validate"]) for row in judged]
    assert Counter(found) == Counter(shown)


def test_one_hundred_labeled_pairs_with_phi_and_a_test_set(judge: Judge) -> None:
    rows = [pair(number) for number in range(85)]
    rows += [pair(number, prohibited_uses=["training", "validation"], usage_reason="PHI") for number in range(85, 97)]
    rows += [
        pair(number, allowed_uses=["evaluation", "testing"], usage_reason="held-out test set")
        for number in range(97, 100)
    ]
    judged = judge(rows)
    assert reasons(judged) == {None: 85, "training_prohibited": 12, "training_not_allowed": 3}
    assert Counter(row["usage_reason"] for row in judged if row["reason"]) == {"PHI": 12, "held-out test set": 3}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, None),
        ({"status": "approved"}, None),
        ({"status": " EDITED\n"}, None),
        ({"status": "pending"}, Reason.UNLABELED),
        ({"status": None}, Reason.UNLABELED),
        ({"status": "rejected"}, Reason.REJECTED),
        ({"status": "flagged"}, Reason.FLAGGED),
        ({"status": "checked"}, Reason.INVALID),
        ({"item_ref": "\u2003"}, Reason.INVALID),
        ({"allowed_uses": None}, Reason.TRAINING_NOT_ALLOWED),
        ({"allowed_uses": []}, Reason.TRAINING_NOT_ALLOWED),
        ({"allowed_uses": ["validation"]}, Reason.TRAINING_NOT_ALLOWED),
        ({"allowed_uses": ["training", "selling"]}, Reason.TRAINING_NOT_ALLOWED),
        ({"allowed_uses": ["training", None]}, Reason.TRAINING_NOT_ALLOWED),
        ({"allowed_uses": ["training,validation"]}, Reason.TRAINING_NOT_ALLOWED),
        ({"prohibited_uses": None}, Reason.TRAINING_NOT_ALLOWED),
        ({"prohibited_uses": ["trainig"]}, Reason.TRAINING_NOT_ALLOWED),
        ({"prohibited_uses": [""]}, Reason.TRAINING_NOT_ALLOWED),
        ({"prohibited_uses": [None]}, Reason.TRAINING_NOT_ALLOWED),
        ({"prohibited_uses": [",training,"]}, Reason.TRAINING_NOT_ALLOWED),
        ({"prohibited_uses": ["TRAINING "]}, Reason.TRAINING_PROHIBITED),
        ({"data_classification": None}, Reason.TRAINING_NOT_ALLOWED),
        ({"data_classification": "top secret"}, Reason.TRAINING_NOT_ALLOWED),
        ({"data_classification": "Restricted"}, None),
        ({"label_allowed_uses": []}, Reason.TRAINING_NOT_ALLOWED),
        ({"label_allowed_uses": ["training"]}, None),
        ({"label_prohibited_uses": ["training"]}, Reason.TRAINING_PROHIBITED),
        ({"label_prohibited_uses": [None]}, Reason.TRAINING_NOT_ALLOWED),
        ({"label_data_classification": "secret"}, Reason.TRAINING_NOT_ALLOWED),
        ({"status": "rejected", "prohibited_uses": ["training"]}, Reason.REJECTED),
        ({"status": "rejected", "messages": []}, Reason.INVALID),
    ],
)
def test_the_first_reason_that_applies(judge: Judge, values: Row, reason: Reason | None) -> None:
    assert reason_of(judge, **values) == reason


def test_a_pair_id_of_two_rows_makes_both_invalid(judge: Judge) -> None:
    assert reasons(judge([pair(1), pair(1, item_ref="other"), pair(2)])) == {"invalid": 2, None: 1}


def test_tags_narrow_every_pair(judge: Judge) -> None:
    phi = judge([pair(1)], ["phi"])
    assert [(row["reason"], row["classification"]) for row in phi] == [("training_prohibited", "restricted")]
    assert phi[0]["usage_reason"] == "source table is tagged PHI"
    confidential = judge([pair(1, data_classification="public")], ["confidential", "blue"])
    assert [(row["reason"], row["classification"]) for row in confidential] == [(None, "confidential")]


def test_the_strictest_classification_counts(judge: Judge) -> None:
    rows = judge([pair(1, data_classification="public", label_data_classification="CONFIDENTIAL")])
    assert rows[0]["classification"] == "confidential"


def test_the_same_example_prohibited_anywhere_is_not_trained_on(judge: Judge) -> None:
    forbidden = pair(2, status="rejected", prohibited_uses=["training"], messages=pair(1)["messages"])
    assert reasons(judge([pair(1), forbidden])) == {"identical_to_prohibited": 1, "rejected": 1}


def test_a_held_out_question_is_not_trained_on_however_it_is_written(judge: Judge) -> None:
    held = pair(2, status=None, allowed_uses=["testing"], messages=chat("  question\u30001 ?", "Another answer."))
    assert reasons(judge([pair(1), held])) == {"held_out_prompt": 1, "unlabeled": 1}


def test_a_held_out_pair_with_a_forgotten_field_still_holds_out(judge: Judge) -> None:
    held = pair(2, allowed_uses=["evaluation"], prohibited_uses=None, messages=pair(1)["messages"])
    assert reasons(judge([pair(1), held])) == {"held_out_prompt": 1, "training_not_allowed": 1}


def test_a_prompt_put_to_many_items_holds_nothing_out(judge: Judge) -> None:
    rows = [pair(number, messages=chat("Summarise this.", f"Summary {number}.")) for number in range(4)]
    rows.append(pair(4, allowed_uses=["testing"], messages=chat("Summarise this.", "Held out.")))
    assert reasons(judge(rows, items=5)) == {"held_out_prompt": 4, "training_not_allowed": 1}
    many = judge(rows, items=3)
    assert reasons(many) == {None: 4, "training_not_allowed": 1}
    assert all(row["instruction"] for row in many)


def test_of_copies_the_smallest_id_stays_and_validates_only_if_all_may(judge: Judge) -> None:
    rows = [pair(number, messages=chat("Same?", "Same.")) for number in (3, 1, 2)]
    rows[0]["allowed_uses"] = ["training"]
    judged = {row["pair_id"]: (row["reason"], row["may_validate"]) for row in judge(rows)}
    assert judged == {
        "p-000001": (None, False),
        "p-000002": ("duplicate", False),
        "p-000003": ("duplicate", False),
    }


def test_an_ineligible_copy_takes_nothing_away(judge: Judge) -> None:
    copy = pair(1, status="unlabeled", messages=pair(2)["messages"])
    assert reasons(judge([pair(2), copy])) == {None: 1, "unlabeled": 1}


def test_the_gates_compile_for_databricks() -> None:
    """The verdict of each pair runs in the warehouse; so does the comparison, on hashes made here."""
    each = judge_each(ibis.table(PAIR_SCHEMA, name="pairs"), constraints_from_tags(["PHI"]))
    texts = dict.fromkeys(("row_hash", "copy_hash", "asked", "shown"), "string")
    hashed = ibis.table({**each.drop("messages").schema(), **texts}, name="hashed")
    together = judge_together(hashed, GatePolicy(), examples_of=lambda ids: ids.mutate(example=ids.pair_id))
    for gate in (each, together):
        sql = str(ibis.to_sql(gate, dialect="databricks"))
        parsed = sqlglot.parse_one(sql, dialect="databricks")
        assert isinstance(parsed, sqlglot.exp.Query)
        assert parsed.named_selects == list(gate.columns)
        # In a Databricks literal \v and \f are the letters v and f.
        assert not any(mistaken in sql for mistaken in ("\\v", "\\f"))
