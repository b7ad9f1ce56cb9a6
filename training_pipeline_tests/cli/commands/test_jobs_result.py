"""`jobs result`, for a terminal."""

from __future__ import annotations

import io
from typing import Any

from training_pipeline.cli.render.result import result
from training_pipeline.cli.render.terminal import terminal
from training_pipeline.domain.job import TrainingJob
from training_pipeline.schemas.result import AnsweredPair, PairLoss, TrainingJobResult
from training_pipeline.testing.system.command_line import Command

ANSWER: dict[str, Any] = {
    "expected": "the nurse",
    "before": "\x1b[31m",
    "after": "the nurse",
    "right_before": False,
    "right_after": True,
}


def test_what_a_job_came_to(command: Command, url: str, done: TrainingJob) -> None:
    code, seen, _ = command("jobs", "result", done.id)
    assert code == 0
    assert "Validation loss: ? before" in seen
    assert (
        command("jobs", "result", done.id, "--url", url, "--json")[1] == command("jobs", "result", done.id, "--json")[1]
    )


def test_texts_and_why_there_are_none() -> None:
    found = TrainingJobResult(
        job_id="tj-1",
        texts_shown=True,
        exact_match_before=0.0,
        exact_match_after=0.5,
        val_loss_before=2.0,
        val_loss_after=0.5,
        stopped_answers=1,
        asked_questions=2,
        answered=[
            AnsweredPair(pair_id="[/p-1]", question="who?", withheld=None, **ANSWER),
            AnsweredPair.model_validate(
                {
                    **dict.fromkeys(AnsweredPair.model_fields),
                    "withheld": "revoked",
                    "right_before": True,
                    "right_after": True,
                    "pair_id": "p-2",
                }
            ),
        ],
        losses=[
            PairLoss(
                pair_id="[/p-3]",
                loss=4.25,
                tokens=3,
                classification="public",
                question="why?",
                expected="so",
                withheld=None,
            )
        ],
        losses_measured=62,
        unavailable=None,
    )
    console = terminal(width=400, record=True, file=io.StringIO())
    console.print(result(found))
    told = console.export_text()
    for words in (
        "0.0% before, 50.0% after",
        "[/p-1]",
        "[/p-3]",
        "who?",
        "the pair was revoked",
        "both",
        "of 62 validation pairs",
        "4.25",
        "why?",
    ):
        assert words in told, words
    assert "\x1b" not in told
