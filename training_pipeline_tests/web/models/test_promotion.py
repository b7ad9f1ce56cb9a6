"""The gate that is typed on a page, and whose decision waits for whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.models.promotion.records import PromotionKind
from training_pipeline.models.promotion.requirements import Gate, parse_gate
from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions
from training_pipeline.web.models.promotion import approving, gate_in_words, gate_of, waits_for


def test_a_gate_is_read_as_it_is_typed() -> None:
    assert gate_of({}) is None
    assert gate_of({"margins": " ", "alias": "champion"}) is None
    assert gate_of({"margins": "exact_match=0.02, json_f1=0", "thresholds": "token_loss=1e-1"}) == {
        "margins": {"exact_match": 0.02, "json_f1": 0.0},
        "thresholds": {"token_loss": 0.1},
        "forgetting": {},
    }
    typed = {"margins": "exact_match=0.02", "forgetting": "general:rouge_l=0.1 general:json_f1=0.2, other:rouge_l=1"}
    read = gate_of(typed)
    assert read is not None
    assert read["forgetting"] == {"general": {"rouge_l": 0.1, "json_f1": 0.2}, "other": {"rouge_l": 1.0}}
    with pytest.raises(InvalidRequest) as refused:
        gate_of({"forgetting": "rouge_l=0.1 :x=1 general:x general:y=1 general:y=2"})
    assert [each.message for each in refused.value.problems] == [
        "'rouge_l=0.1' is no SUITE:METRIC=NUMBER",
        "':x=1' is no SUITE:METRIC=NUMBER",
        "'general:x' is no SUITE:METRIC=NUMBER",
        "y appears twice",
    ]
    with pytest.raises(InvalidRequest) as refused:
        gate_of({"margins": "exact_match rouge_l=a", "thresholds": "=0.5 x=1 x=2"})
    assert [(each.pointer, each.message) for each in refused.value.problems] == [
        ("/gate/margins", "'exact_match' is no METRIC=NUMBER"),
        ("/gate/margins", "'rouge_l=a' is no METRIC=NUMBER"),
        ("/gate/thresholds", "'=0.5' is no METRIC=NUMBER"),
        ("/gate/thresholds", "x appears twice"),
    ]


def test_how_to_decide_is_part_of_a_gate_and_none_by_itself() -> None:
    typed = {"margins": "exact_match=0.02", "min_pairs": "200", "level": "0.99"}
    asked = gate_of(typed)
    assert asked is not None
    assert (parse_gate(asked).min_pairs, parse_gate(asked).level) == (200, 0.99)
    with pytest.raises(InvalidRequest) as refused:
        gate_of({"min_pairs": "200", "level": "0.99"})
    assert [each.pointer for each in refused.value.problems] == ["/gate/min_pairs", "/gate/level"]
    with pytest.raises(InvalidRequest, match="'many' is no whole number"):
        gate_of({**typed, "min_pairs": "many"})


def test_a_gate_is_told_as_it_is_typed() -> None:
    gate = {"margins": {"exact_match": 0.02, "json_f1": 0.0}, "thresholds": {}, "min_pairs": 30}
    assert gate_in_words(gate) == "margins exact_match=0.02, json_f1=0"
    assert gate_in_words({"margins": {"exact_match": 0.0200000001}}) == "margins exact_match=0.0200000001"
    assert gate_in_words({**gate, "thresholds": {"token_loss": 0.1}}).endswith("; thresholds token_loss=0.1")


def test_who_approves_a_gate_is_shown_all_that_it_asks() -> None:
    asked = {"margins": {"exact_match": 0.5}, "forgetting": {"general": {"bits_per_byte": 0.05, "exact_match": 0.1}}}
    usual = parse_gate(asked).model_dump(mode="json")
    shown = "margins exact_match=0.5; forgetting general:bits_per_byte=0.05, general:exact_match=0.1"
    assert gate_in_words(usual) == shown
    lax = Gate.model_validate({**asked, "min_pairs": 2, "level": 0.5}).model_dump(mode="json")
    assert (
        gate_in_words(lax) == f"{shown}; decided with 2 pairs or more instead of 30; intervals of 50 % instead of 95 %"
    )


def decisions(*fields: dict[str, Any]) -> ModelPromotions:
    """Decisions about the alias champion, the newest first."""
    made = [
        ModelPromotion(
            **{
                "number": len(fields) - place,
                "kind": PromotionKind.PROMOTE,
                "model_name": "triage",
                "alias": "champion",
                "model_version": "2",
                "previous_version": "1",
                "evaluation_id": None,
                "verdict": None,
                "findings": [],
                "more_pairs": None,
                "gate": None,
                "reason": "r",
                "actor": "ada",
                "decided_at": datetime(2026, 11, 28, tzinfo=UTC),
                "waits": True,
                "approves": None,
                "moved_at": None,
                **each,
            }
        )
        for place, each in enumerate(fields)
    ]
    return ModelPromotions(promotions=made, total=len(made))


def test_a_decision_waits_for_somebody_else_until_the_alias_is_moved() -> None:
    moved = {"waits": False, "moved_at": datetime(2026, 11, 28, tzinfo=UTC)}
    found = waits_for(decisions({"actor": "eve"}, {}), "2", "eve")
    assert found is not None
    assert (found.actor, found.number) == ("ada", 1)
    assert waits_for(decisions({}), "2", "ada") is None
    assert waits_for(decisions({}), "2", "ADA") is None, "it is the same person"
    assert waits_for(decisions({}), "1", "eve") is None
    assert waits_for(decisions({"waits": False}), "2", "eve") is None
    assert waits_for(decisions(moved, {}), "2", "eve") is None
    assert waits_for(decisions({**moved, "alias": "next"}, {}), "2", "eve") is not None


def test_who_approves_asks_for_what_was_proposed() -> None:
    gate = {"margins": {"exact_match": 0.02}}
    (proposed,) = decisions({"gate": gate, "suite": "triage-1"}).promotions
    assert approving(proposed) == {"alias": "champion", "gate": gate, "suite": "triage-1", "held": "1"}
