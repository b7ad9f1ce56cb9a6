from __future__ import annotations

from training_pipeline.sft.config import parse
from training_pipeline.sft.model.model_card import model_card
from training_pipeline.testing.trainers.trainer_runs import Run

REPORT = {
    "steps": 20,
    "tokens": 1234,
    "train_loss": 0.125,
    "val_loss": None,
    "chat_template": "its own chat template",
    "custom_metrics": {"train_examples": 80, "exact_match_after": 0.95},
}


def test_the_card_names_base_model_counts_and_metrics_and_leaves_out_what_is_unknown(run: Run) -> None:
    card = model_card(parse(run.config), REPORT)
    for part in ("# triage", "builtin:tiny", "| train_examples | 80 |", "| train_loss | 0.125 |", "| epochs | 2 |"):
        assert part in card
    assert "| exact_match_after | 0.95 |" in card
    assert "None" not in card
    assert str(run.folder) not in card
    assert "\nbase_model:" not in card


def test_a_base_model_from_the_hub_is_in_the_front_matter(run: Run) -> None:
    card = model_card(parse(run.config | {"base_model": "org/model"}), REPORT)
    assert 'base_model: "org/model"\n---' in card
    assert "tiny" not in card
