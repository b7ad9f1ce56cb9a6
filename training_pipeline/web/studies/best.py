"""The trial that leads, what can be done with it, and the budget."""

from __future__ import annotations

from typing import Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.study import LIVE_STUDIES
from training_pipeline.schemas.study import StudyPage, StudyTrial
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Redrawn, Tag, button, fact, link, moment, panel, text_fact
from training_pipeline.web.layout import go, problem
from training_pipeline.web.studies import words

_ADVICE: Final = "Evaluate the model that you register on a suite that it has not seen."


class BestPanel:
    """Shows the best trial so far."""

    def __init__(self, client: PageClient) -> None:
        self._client = client
        with panel("Best trial", name="best"):
            self._place = Redrawn()
            self._trouble = Tag("div", role="status", aria_live="polite")

    def show(self, study: StudyPage) -> None:
        """Show the study as it now is."""
        best = next((trial for trial in study.all_trials if trial.number == study.best_trial), None)
        self._place.show((best, study.status, study.report), lambda: self._best(study, best))

    def _best(self, study: StudyPage, best: StudyTrial | None) -> None:
        if best is None:
            Tag("p", "No trial has succeeded yet." if study.status in LIVE_STUDIES else "No trial has succeeded.")
            return
        with Tag("p", classes="leading"):
            Tag("span", f"Trial {best.number}: ", classes="strong")
            Tag("span", f"{words.measure(study)} ")
            Tag("span", formats.loss(best.value), classes="strong")
            Tag("span", "selected", classes="tag")
        Tag("p", words.SELECTED if study.report else f"{words.SELECTED} {_ADVICE}", classes="help")
        if study.report is not None:
            Tag("p", f"{words.reported(study.report)}.", classes="reported")
        with Tag("dl", classes="facts"):
            for name in study.request.space.searched:
                text_fact(formats.words(name), words.value(best.params.get(name)))
        with Tag("div", classes="buttons after"):
            if self._client.may_change(study) and best.promoted_job_id is None:
                promote = button("Promote", kind="primary", picture="check")
                promote.set(title="Train it once more, as a job that registers its model")
                promote.when("click", lambda: self._promote(study.name, best.number, promote))
            if self._client.may_create:
                address = urls.job_of_trial(study.request.job, best.params)
                link("Create job from trial", address, classes="button", picture="copy")
        if best.promoted_job_id is not None:
            with Tag("p", classes="after"):
                Tag("span", "Promoted: ")
                link(best.promoted_job_id, urls.job(best.promoted_job_id), classes="mono")

    async def _promote(self, name: str, number: int, pressed: Tag) -> None:
        pressed.set(disabled=True)
        self._trouble.clear()
        try:
            job = await self._client.promote_trial(name, number)
        except PipelineError as error:
            pressed.set(disabled=None)
            with self._trouble:
                problem(error, title="The trial was not promoted")
            return
        go(urls.job(job.id))


class BudgetPanel:
    """Shows what was used of the budget, and how much each key mattered."""

    def __init__(self) -> None:
        with panel("Budget used", name="budget"):
            self._budget = Redrawn("dl", classes="facts")
        with panel("What mattered", name="mattered"):
            self._mattered = Redrawn()

    def show(self, study: StudyPage) -> None:
        """Show the study as it now is."""
        used = (study.trials, study.estimated_cost, study.trained_seconds, study.ended_at)
        self._budget.show(used, lambda: _budget(study))
        self._mattered.show((study.importances, study.importances_reason), lambda: _importances(study))


def _budget(study: StudyPage) -> None:
    by = ", ".join(f"{count:,} {status}" for status, count in study.trials.items())
    with fact("Trials"), Tag("span"):
        Tag("span", f"{words.ended(study):,} ended of {study.most_trials:,} at most")
        Tag("span", by, classes="sub")
    with fact("Time since its creation"), Tag("span"):
        if study.ended_at is None:
            moment(study.created_at, style="elapsed")
        else:
            Tag("span", formats.seconds((study.ended_at - study.created_at).total_seconds()))
        if study.hours is not None:
            Tag("span", f" of {formats.seconds(study.hours * 3600)}")
    text_fact("Training time, all trials together", formats.seconds(study.trained_seconds))
    if study.total.trained_seconds is not None:
        text_fact("Training time of all, at most, by estimate", formats.seconds(study.total.trained_seconds))
    if study.total.cost is not None:
        text_fact("Cost of all, at most, by estimate", words.money(study.total.cost, study))
    with fact("Cost"), Tag("span"):
        Tag("span", words.spent(study) or "not known")
        Tag("span", "by estimate" if words.spent(study) else study.estimate.cost.reason or "", classes="sub")
        for note in study.estimate.notes:
            Tag("span", note, classes="sub")


def _importances(study: StudyPage) -> None:
    if not study.importances:
        Tag("p", study.importances_reason, classes="muted")
        return
    with Tag("dl", classes="shares"):
        for name, share in study.importances.items():
            with fact(formats.words(name)):
                with Tag("span", classes="bar", aria_hidden="true"):
                    Tag("span", classes="bar-fill", style=f"width: {100 * share:.1f}%")
                Tag("span", formats.percent(100 * share), classes="number")
    Tag("p", "How much of the differences in results each parameter explains, by PED-ANOVA.", classes="help")
