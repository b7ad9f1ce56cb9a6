from __future__ import annotations

from training_pipeline.domain.policy_in_words import in_words
from training_pipeline.domain.rules.policy import GatePolicy, Reason


def test_every_reason_and_every_parameter_is_told_in_order() -> None:
    told = in_words(GatePolicy(instruction_prompt_items=7))
    places = [told.index(f"`{reason}`: ") for reason in Reason]
    assert places == sorted(places)
    assert "`instruction_prompt_items` = 7" in told
    assert all(f"`{name}` = " in told for name in GatePolicy.model_fields)
    assert "judged" not in told


def test_of_another_version_the_words_say_so() -> None:
    told = in_words(GatePolicy(version="2"))
    assert told.startswith("# Gate policy, version 2")
    assert "version 2 judged" in told
