from __future__ import annotations

import pytest

from training_pipeline.schemas.advice import ActualCost, Advice, TrainingJobAdvice
from training_pipeline.testing.jobs.advice_facts import by_rule, facts
from training_pipeline.testing.jobs.api_answers import job
from training_pipeline.testing.ui.parts import a_page, said
from training_pipeline.web.form.advice import AdvicePanel
from training_pipeline.web.jobs.advice import show_advice

pytestmark = pytest.mark.anyio

GIVEN = [Advice.model_validate(one) for one in by_rule(facts(validation_pairs=5)).values()]
WARNING = next(one for one in GIVEN if one.kind == "warning")


async def test_all_that_was_given_is_shown_with_its_source_and_confidence() -> None:
    nothing = ActualCost(dbu=None, amount=None, currency=None, basis="")
    found = TrainingJobAdvice(
        job_id="tj-1",
        rules_version="1",
        advice=GIVEN,
        findings=[],
        estimate=None,
        actual_seconds=None,
        actual_cost=nothing,
    )
    async with a_page() as page:
        show_advice(job(), found, may_create=False)
        texts = said(page)
    assert "LoRA targets" in texts
    assert texts.count("all linear layers") == 2, "advised, and used"
    assert f"Source: {WARNING.source}" in texts
    assert texts.count(f"; confidence {WARNING.confidence}.") == sum(
        one.confidence == WARNING.confidence for one in GIVEN
    )


async def test_warnings_of_the_form_say_where_they_come_from() -> None:
    async with a_page() as page:
        AdvicePanel(lambda *_: None).show([WARNING])
        texts = said(page)
    at = texts.index(f"{WARNING.reason} ")
    assert texts[at : at + 3] == [f"{WARNING.reason} ", f"Source: {WARNING.source}", "; confidence high."]
