"""The evaluations of the compared jobs side by side: means with intervals, and wins and losses against the first."""

from __future__ import annotations

from training_pipeline.domain.figure_in_words import interval
from training_pipeline.schemas.comparison import JobScores, SuiteScores, TrainingJobComparison
from training_pipeline.web import formats, urls
from training_pipeline.web.comparison.curves import LETTERS
from training_pipeline.web.elements import Tag, link, panel, small_table


def evaluations(found: TrainingJobComparison) -> None:
    """A table for each suite that one of them was evaluated on."""
    letters = {job.id: letter for job, letter in zip(found.jobs, LETTERS, strict=False)}
    with panel("Evaluations", name="evaluations"):
        if not found.evaluations:
            with Tag("p", classes="muted"):
                Tag("span", "None of these models was evaluated. Evaluate one with ")
                Tag("code", "training-pipeline models evaluate NAME VERSION --suite …")
                Tag("span", ".")
            return
        for suite in found.evaluations:
            _suite(suite, letters)


def _suite(suite: SuiteScores, letters: dict[str, str]) -> None:
    first = letters[suite.jobs[0].job_id]
    Tag("h3", f"Suite {suite.suite}", title=suite.suite_digest)
    numbers = ["Mean", "Interval", "Pairs"]
    beside = ["Better by", "Interval of that", "Won", "Lost", "Tied", "No score"] if len(suite.jobs) > 1 else []
    if beside:
        Tag("p", f"Won, lost and tied: pair by pair against {first}, the first job of this suite.", classes="muted")
    with small_table(
        f"Suite {suite.suite}", ["Metric", "Job", "Version", *numbers, *beside], numbers=[*numbers, *beside]
    ):
        for metric in dict.fromkeys(figure.metric for job in suite.jobs for figure in job.figures):
            for job in suite.jobs:
                _row(metric, job, letters[job.job_id], is_beside=bool(beside))
    for job in suite.jobs:
        if job.problem:
            Tag("p", f"{letters[job.job_id]}: {job.problem}", classes="muted")


def _row(metric: str, job: JobScores, letter: str, *, is_beside: bool) -> None:
    mean = next((each for each in job.figures if each.metric == metric), None)
    if mean is None:
        return
    with Tag("tr"):
        Tag("td", metric, classes="strong")
        Tag("td", letter, classes="strong")
        with Tag("td"):
            link(f"{job.model_name} {job.model_version}", urls.model_version(job.model_name, job.model_version))
        Tag("td", f"{mean.estimate:.4g}", classes="number")
        Tag("td", interval(mean.lower, mean.upper), classes="number")
        Tag("td", formats.count(mean.n), classes="number")
        if not is_beside:
            return
        duel = next((each for each in job.duels if each.metric == metric), None)
        shown = (
            [formats.NONE] * 6
            if duel is None
            else [
                f"{duel.difference:+.4g}",
                interval(duel.lower, duel.upper),
                *(formats.count(count) for count in (duel.wins, duel.losses, duel.ties, duel.unscored)),
            ]
        )
        for words in shown:
            Tag("td", words, classes="number")
