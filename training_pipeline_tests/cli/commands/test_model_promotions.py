"""`models promote`, `roll-back` and `promotions`: the verdict is the exit code."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from training_pipeline.cli.commands.scores import EXIT_CODES
from training_pipeline.domain.job import TrainingJob
from training_pipeline.models.promotion.gate import Decision, Finding, Verdict
from training_pipeline.models.promotion.promote import Promotions
from training_pipeline.models.promotion.records import Promotion, PromotionKind
from training_pipeline.models.promotion.requirements import Gate
from training_pipeline.testing.system.command_line import Command


def promotion(verdict: Verdict) -> Promotion:
    finding = Finding(asked="exact_match better", verdict=verdict, reason="0.1 (…)", more_pairs=7)
    now = datetime.now(UTC)
    return Promotion(
        number=4,
        kind=PromotionKind.PROMOTE,
        model_name="triage",
        alias="champion",
        model_version="2",
        previous_version="1",
        evaluation_id="ev-1",
        gate=Gate(margins={"exact_match": 0.0}),
        decision=Decision(verdict=verdict, findings=(finding,)),
        reason=f"The gate says: {verdict}.",
        actor="ada",
        decided_at=now,
        moved_at=now if verdict is Verdict.SHIP else None,
    )


def test_the_exit_code_is_the_verdict(
    command: Command, url: str, done: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    waits = promotion(Verdict.SHIP).model_copy(update={"waits": True, "moved_at": None})
    each = [*((promotion(verdict), code) for verdict, code in EXIT_CODES.items()), (waits, 4)]
    for decided, code in each:

        def promote(self: Promotions, *what: object, made: Promotion = decided, **more: object) -> Promotion:
            asked.append((*what, more["gate"]))
            return made

        monkeypatch.setattr(Promotions, "promote", promote)
        here = command("models", "promote", "triage", "2", "--margin", "exact_match=0")
        assert here == command("models", "promote", "triage", "2", "--margin", "exact_match=0", "--url", url)
        assert here[0] == code
        assert decided.decision is not None
        assert decided.decision.verdict in here[1]
        assert "exact_match better" in here[1]
        assert ("is version 2 now" if decided.moved_at else "champion of triage still is version 1.") in here[1]
        assert ("approval of a person other than ada" in here[1]) == decided.waits
    gate = {"margins": {"exact_match": 0.0}, "thresholds": {}, "forgetting": {}, "min_pairs": 30, "level": 0.95}
    assert asked == [("triage", "2", "champion", gate)] * 8
    for option in (("--min-pairs", "200"), ("--level", "0.99")):
        code, _, err = command("models", "promote", "triage", "2", *option)
        assert (code, option[0] in err, "--margin" in err) == (2, True, True)
    assert "must be given once" in command("models", "promote", "triage", "2", "--margin", "exact_match")[2]
    forgetting = ("--forgetting", "general:rouge_l=0.1", "--forgetting", "general:json_f1=0.2")
    command("models", "promote", "triage", "2", "--margin", "exact_match=0", *forgetting)
    assert asked[-1] == (
        *("triage", "2", "champion"),
        gate | {"forgetting": {"general": {"rouge_l": 0.1, "json_f1": 0.2}}},
    )
    wrong = command("models", "promote", "triage", "2", "--forgetting", "rouge_l=0.1")
    assert "must be given as --forgetting SUITE:METRIC=NUMBER" in wrong[2]


def test_roll_back_and_list(command: Command, url: str, done: TrainingJob, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No alias of this model has been moved or decided on yet." in command("models", "promotions", "triage")[1]
    assert "never moved from here" in command("models", "roll-back", "triage", "--reason", "r")[2]
    back = promotion(Verdict.SHIP).model_copy(
        update={
            "kind": PromotionKind.ROLL_BACK,
            "decision": None,
            "gate": None,
            "model_version": None,
            "reason": "slow",
        }
    )
    monkeypatch.setattr(Promotions, "roll_back", lambda self, *what, **more: back)
    monkeypatch.setattr(Promotions, "of_model", lambda self, name: [back, promotion(Verdict.DO_NOT_SHIP)])
    code, seen, _ = command("models", "roll-back", "triage", "--reason", "slow", "--url", url)
    assert (code, "names no version now" in seen) == (0, True)
    code, seen, _ = command("models", "promotions", "triage")
    assert all(words in seen for words in ("roll back", "1 to none", "slow", "1 to 2", "do not ship"))
    assert json.loads(command("models", "promotions", "triage", "--json")[1])["total"] == 2
    unmoved = promotion(Verdict.SHIP).model_copy(update={"moved_at": None})
    for update, word in (({"waits": True}, "waits"), ({"expired": True}, "void")):
        one = unmoved.model_copy(update=update)
        monkeypatch.setattr(Promotions, "of_model", lambda self, name, found=one: [found])
        assert f" ship {word} ada " in " ".join(command("models", "promotions", "triage")[1].split())
