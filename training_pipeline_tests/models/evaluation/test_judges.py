"""Judges are chosen by name, read what they may, and say why they failed."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from training_pipeline.backends.judging import JudgedAnswers
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.judge import JudgeEndpoint
from training_pipeline.domain.usage import DataClassification
from training_pipeline.models.evaluation import judges as judging
from training_pipeline.models.evaluation.judges import Judges, Judging
from training_pipeline.models.evaluation.results import comparable_scores
from training_pipeline.sft.evaluation import judge as program
from training_pipeline.testing.models.evaluated import stored_evaluation

ENDPOINTS = {
    "house": JudgeEndpoint(url="https://host/v1", model="m"),
    "other": JudgeEndpoint(url="http://127.0.0.1:9/v1", model="m", key_env="JUDGE_KEY"),
}


def judges(most: DataClassification = DataClassification.INTERNAL, **environment: str) -> Judges:
    return Judges(ENDPOINTS, most, environment)


def test_a_judge_is_known_by_name_alone() -> None:
    made = judges().named("house")
    assert (made.order.url, made.order.model, made.order.key_env) == ("https://host/v1", "m", None)
    assert len(made.order.pauses) == 3
    assert 21 <= sum(made.order.pauses) < 30
    with pytest.raises(InvalidRequest) as refused:
        judges().named("nobody")
    assert "house, other" in str(refused.value.problems[0])
    with pytest.raises(InvalidRequest) as refused:
        Judges({}, DataClassification.PUBLIC).named("nobody")
    assert "there is none" in str(refused.value.problems[0])


def test_a_key_must_be_here_and_is_kept_nowhere() -> None:
    with pytest.raises(InvalidRequest, match="environment variable JUDGE_KEY, which is not set"):
        judges(JUDGE_KEY=" ").named("other")
    made = judges(JUDGE_KEY="sk-secret").named("other")
    assert "secret" not in made.model_dump_json()
    assert "secret" not in repr(made)


def test_the_fewer_classifications_may_be_read_and_none_of_another_endpoint() -> None:
    made = judges().named("house")
    assert set(judges().readable(made)) == {"public", "internal"}
    assert set(judges(DataClassification.PUBLIC).readable(made)) == {"public"}
    assert set(judges(DataClassification.RESTRICTED).readable(made)) == {"public", "internal"}
    assert set(judges().readable(None)) == set()
    assert set(Judges({}, DataClassification.PUBLIC).readable(made)) == set()
    moved = {"house": JudgeEndpoint(url="https://elsewhere/v1", model="m")}
    assert set(Judges(moved, DataClassification.PUBLIC).readable(made)) == set()
    assert None not in judges(DataClassification.RESTRICTED).readable(made)


def answers(**values: Any) -> JudgedAnswers:
    made = JudgedAnswers(prompt_version="1", models=("m",), judged=9, not_sent=0, not_judged={}, agreed=9, missing=None)
    return made.model_copy(update=values)


def test_each_reason_is_a_sentence_with_what_to_do() -> None:
    words = {
        getattr(program, name) for name in dir(program) if name.isupper() and isinstance(getattr(program, name), str)
    }
    assert words - {program.GIVEN_UP, program.UNANSWERED} == set(judging._REASONS)
    for word in words - {program.GIVEN_UP, program.UNANSWERED}:
        made = judges().named("house").model_copy(update={"answers": {"tuned": answers(missing=word)}})
        said = made.missing("tuned") or ""
        assert said.startswith("judged_right is missing, for the judge house failed: ")
        assert said.endswith("Then evaluate again.")
        assert "{" not in said
    assert judges().named("house").missing("tuned") is None


def test_verdicts_of_different_judges_do_not_stand_side_by_side() -> None:
    made = judges().named("house")

    def judged(of: Judging = made, **values: Any) -> Judging:
        return of.model_copy(update={"answers": {"tuned": answers(**values)}})

    assert judged().is_like(judged(judged=3))
    assert not judged().is_like(None)
    assert not judged().is_like(judged(prompt_version="2"))
    assert not judged().is_like(judged(models=("m", "n")))
    assert not judged().is_like(judged(judges(JUDGE_KEY="k").named("other")))
    scores = pa.table({"pair_id": ["a"], "exact_match": [1.0], "judged_right": [1.0]})
    plain = stored_evaluation("tj-1")
    one, two = (plain.model_copy(update={"judge": judged(prompt_version=version)}) for version in "12")
    assert comparable_scores(scores, one, scores, one) == (scores, {})
    kept, left_out = comparable_scores(scores, one, scores, two)
    assert kept.column_names == ["pair_id", "exact_match"]
    assert left_out == {"judged_right": f"{one.id} and {two.id} had not the same judge"}
    assert comparable_scores(scores, plain, scores, plain)[0].column_names == ["pair_id", "exact_match"]
    unjudged = scores.drop_columns(["judged_right"])
    assert comparable_scores(unjudged, plain, scores, one) == (unjudged, {})
