"""The form's summary of the planned job, and the button that creates it."""

from __future__ import annotations

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.study import StudyDryRun, StudyTotal
from training_pipeline.schemas.training_sheet import DryRun
from training_pipeline.web import formats
from training_pipeline.web.elements import Tag, icon, panel, text_fact
from training_pipeline.web.form.estimate import amount, show_estimate
from training_pipeline.web.layout import problem
from training_pipeline.web.sheets.export_summary import show_warnings


class PlanPanel:
    """Shows the latest dry run of a job, or of what else `thing` says."""

    def __init__(self, words: str, picture: str, *, thing: str = "job") -> None:
        self._thing = thing
        with panel("Summary", name="plan") as head:
            with head:
                self._busy = Tag("span", "", classes="muted", role="status")
            self._place = Tag("div", classes="plan")
            self._trouble = Tag("div")
            self._send = Tag("button", classes="button primary wide", type="submit")
            with self._send:
                icon(picture)
                Tag("span", words)

    def ask(self, *, asking: bool) -> None:
        """Show whether a dry run is in progress."""
        self._busy.say("Updating…" if asking else "")
        if asking and not self._place.default_slot.children:
            with self._place:
                Tag("div", classes="skeleton block")

    def lock(self, *, locked: bool) -> None:
        """Disable or enable the button."""
        self._send.set(disabled=locked or None)

    def wait_for(self, what: str) -> None:
        """Ask for what has to be chosen first."""
        self._place.clear()
        with self._place:
            Tag("p", f"Choose {what} to see the split, the number of steps and any warnings.", classes="muted")

    def refuse(self, error: PipelineError) -> None:
        """Show why nothing was created."""
        self._trouble.clear()
        with self._trouble:
            problem(error, title=f"The {self._thing} was not created")

    def show(self, plan: DryRun | None, trouble: PipelineError | None) -> None:
        """Show the plan, or why the job cannot be created."""
        self._trouble.clear()
        self._place.clear()
        with self._place:
            if trouble is not None:
                problem(trouble, title=f"This {self._thing} cannot be created")
            if plan is None:
                return
            with Tag("dl", classes="facts"):
                text_fact("Training pairs", formats.count(plan.split.train))
                text_fact("Validation pairs", formats.count(plan.split.validation))
                text_fact("Groups kept together", formats.count(plan.split.components))
                text_fact("Optimizer steps", formats.count(plan.planned_steps))
                text_fact("Base model", plan.base_model)
            show_estimate(plan.estimate)
            if isinstance(plan, StudyDryRun):
                _all_trials(plan.total)
            show_warnings([found for found in plan.warnings if found not in plan.export_summary.warnings])


def _all_trials(total: StudyTotal) -> None:
    """What a study takes and costs at most, by estimate."""
    known = (total.trained_seconds, total.elapsed_seconds)
    trained, elapsed = ("not known" if each is None else formats.seconds(each) for each in known)
    with Tag("dl", classes="facts"):
        text_fact(f"All {total.trials:,} trials, at most", f"{trained} of training")
        text_fact("With as many trials at once as allowed", elapsed)
        text_fact("Cost of all, at most", "not known" if total.cost is None else amount(total.cost, total.currency))
