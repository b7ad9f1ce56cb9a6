"""How good a model version is: its evaluations, with figures and intervals."""

from __future__ import annotations

from collections.abc import Sequence

from training_pipeline.domain.figure_in_words import interval, model_of
from training_pipeline.models.evaluation.records import ACTIVE
from training_pipeline.schemas.evaluation import EvaluationFigure, ModelEvaluation
from training_pipeline.schemas.model_version import ModelVersionDetails
from training_pipeline.web import formats
from training_pipeline.web.elements import Tag, icon, moment, panel, small_table


def evaluations(found: ModelVersionDetails) -> None:
    """Every evaluation, the newest first; how to make one where there is none."""
    with panel("Evaluations", name="evaluations"):
        if not found.evaluations:
            with Tag("p", classes="muted"):
                Tag("span", "Not evaluated yet. Evaluate it with ")
                Tag("code", f"training-pipeline models evaluate {found.name} {found.version} --suite …")
                Tag("span", ".")
            return
        for each in found.evaluations:
            _evaluation(each)


def _evaluation(found: ModelEvaluation) -> None:
    with Tag("h3"):
        Tag("span", f"Suite {found.suite} ")
        Tag("span", found.status, classes="tag")
    counts = found.counts
    refused, aged = sum(counts.refused.values()), sum(counts.aged.values())
    with Tag("p", classes="meta"):
        Tag(
            "span",
            f"{counts.asked:,} pairs = {counts.evaluated:,} evaluated + {refused:,} refused + {aged:,} aged. "
            f"Requested by {found.created_by} ",
        )
        moment(found.created_at)
    for reason, count in [*counts.refused.items(), *counts.aged.items()]:
        Tag("p", f"{reason}: {count:,}", classes="muted")
    if found.error:
        with Tag("div", classes="notice bad", role="note"):
            icon("alert")
            Tag("p", found.error, classes="prose")
    elif found.status in ACTIVE:
        Tag("p", found.message or "In progress.", classes="muted")
    _judge(found)
    overall = [each for each in found.figures if each.of is None]
    if overall:
        _means(found, [each for each in overall if each.over is None])
        _duels(found, [each for each in overall if each.over is not None])


def _judge(found: ModelEvaluation) -> None:
    judge = found.judge
    if judge is None:
        return
    Tag(
        "p",
        f"Judged by {judge.name}: {judge.model} at {judge.url}, which may read pairs up to {judge.max_classification}.",
        classes="meta",
    )
    for each in judge.answers:
        if each.missing is not None:
            with Tag("div", classes="notice", role="note"):
                icon("alert")
                Tag("p", f"{model_of(each.model, found.champion_version)}: {each.missing}", classes="prose")
    counts = ["Judged", "No answer", "Not sent", "Not judged", "Like exact match"]
    columns = ["Answers of", "Answered as", "Prompt", *counts]
    if not judge.answers:
        return
    with small_table("The judge", columns, numbers=counts):
        for each in judge.answers:
            reasons = ", ".join(f"{formats.count(count)} {reason}" for reason, count in each.not_judged.items())
            with Tag("tr"):
                Tag("td", model_of(each.model, found.champion_version), classes="strong")
                Tag("td", ", ".join(each.answered_as))
                Tag("td", each.prompt_version)
                Tag("td", formats.count(each.judged), classes="number")
                Tag("td", formats.count(each.unanswered), classes="number")
                Tag("td", formats.count(each.not_sent), classes="number")
                Tag("td", reasons or "0", classes="number")
                Tag("td", "" if each.agreement is None else f"{each.agreement:.1%}", classes="number")


def _means(found: ModelEvaluation, figures: Sequence[EvaluationFigure]) -> None:
    with small_table(
        "Metrics", ["Metric", "Model", "Mean", "Interval", "Pairs"], numbers=["Mean", "Interval", "Pairs"]
    ):
        for each in figures:
            with Tag("tr"):
                Tag("td", each.metric, classes="strong")
                Tag("td", model_of(each.model, found.champion_version))
                Tag("td", f"{each.estimate:.4g}", classes="number")
                Tag("td", interval(each.lower, each.upper), classes="number")
                Tag("td", formats.count(each.n), classes="number")


def _duels(found: ModelEvaluation, figures: Sequence[EvaluationFigure]) -> None:
    if not figures:
        return
    columns = ["Metric", "Better than", "By", "Interval", "Won", "Lost", "Tied"]
    with small_table("On the same pairs", columns, numbers=columns[2:]):
        for each in figures:
            with Tag("tr"):
                Tag("td", each.metric, classes="strong")
                Tag("td", model_of(each.over or "", found.champion_version))
                Tag("td", f"{each.estimate:.4g}", classes="number")
                Tag("td", interval(each.lower, each.upper), classes="number")
                for count in (each.wins, each.losses, each.ties):
                    Tag("td", formats.count(count), classes="number")
