"""The trials of a study as a table. A trial keeps its row while it is shown, so that focus is kept."""

from __future__ import annotations

from functools import partial
from typing import Final

from training_pipeline.domain.search import BASE_MODEL
from training_pipeline.domain.study import StudyStatus
from training_pipeline.schemas.study import StudyPage, StudyTrial
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Redrawn, Tag, empty, link, panel, small_table
from training_pipeline.web.studies import words

_FIGURES: Final = ("Lowest loss so far", "Evaluations", "Steps", "Training time")


class TrialTable:
    """Shows every trial, by number."""

    def __init__(self, client: PageClient, study: StudyPage) -> None:
        self._client = client
        self._keys = list(study.request.space.searched)
        measure = words.measure(study)
        titles = [formats.words(key) for key in self._keys]
        numbers = [*titles, measure.capitalize(), *_FIGURES]
        self._rows: dict[int, Redrawn] = {}
        with panel("Trials", name="trials"):
            if BASE_MODEL in self._keys and study.measure != "val_loss":
                Tag("p", "Losses of trials on different base models cannot be compared.", classes="help")
            self._nothing = Redrawn()
            self._table = Tag("div")
            columns = ["Trial", "Status", *numbers, "Job", "Actions"]
            with self._table, small_table("Trials", columns, numbers=numbers, classes="trials") as self._body:
                pass

    def show(self, study: StudyPage) -> None:
        """Show the trials as they now are."""
        waits = not study.all_trials and study.status is StudyStatus.RUNNING
        self._nothing.show((waits, bool(study.all_trials)), lambda: _nothing(study, waits=waits))
        self._table.set_visibility(bool(study.all_trials))
        with self._body:
            for trial in study.all_trials:
                row = self._rows.get(trial.number)
                if row is None:
                    row = self._rows[trial.number] = Redrawn("tr")
                best = trial.number == study.best_trial
                row.show((trial, best), partial(self._row, study, trial, best=best))

    def _row(self, study: StudyPage, trial: StudyTrial, *, best: bool) -> None:
        with Tag("td", classes="strong"):
            Tag("span", str(trial.number))
            if best:
                Tag("span", "best", classes="tag good")
        with Tag("td", classes="state"):
            words.trial_badge(trial.status)
            Tag("span", trial.message, classes="sub")
        for key in self._keys:
            Tag("td", words.value(trial.params.get(key)), classes="number")
        with Tag("td", classes="number strong"):
            Tag("span", formats.loss(trial.value))
        Tag("td", formats.loss(trial.lowest_loss), classes="number")
        with Tag("td", classes="number"):
            Tag("span", formats.count(len(trial.curve)))
            if trial.pruned_at is not None:
                Tag("span", f"pruned at {trial.pruned_at}", classes="sub")
        Tag("td", _steps(trial), classes="number")
        Tag("td", formats.seconds(trial.duration_seconds), classes="number")
        with Tag("td", classes="mono"):
            if trial.job_id is not None:
                link(trial.job_id, urls.job(trial.job_id), aria_label=f"Job of trial {trial.number}: {trial.job_id}")
        with Tag("td", classes="actions"):
            if self._client.may_create:
                address = urls.job_of_trial(study.request.job, trial.params)
                link("Create job", address, aria_label=f"Create job from trial {trial.number}")


def _nothing(study: StudyPage, *, waits: bool) -> None:
    if waits:
        empty("clock", "No trials yet.", "They start automatically.")
    elif not study.all_trials:
        empty("stop", "No trials.", "It ended before its first one.")


def _steps(trial: StudyTrial) -> str:
    if trial.steps is None:
        return formats.NONE
    return f"{trial.steps:,}" + (f" of {trial.planned_steps:,}" if trial.planned_steps else "")
