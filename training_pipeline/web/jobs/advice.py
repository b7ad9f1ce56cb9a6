"""A job's advice: what its figures say now, and what was advised when it was created."""

from __future__ import annotations

from training_pipeline.schemas.advice import Advice, Finding, TrainingJobAdvice
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web import formats, urls
from training_pipeline.web.elements import Tag, icon, link, panel, small_table
from training_pipeline.web.form.advice import because, warnings


def show_advice(job: TrainingJob, found: TrainingJobAdvice, *, may_create: bool) -> None:
    """Show findings with a way to try the changed configuration, then the advice, taken or not; nothing if none."""
    if not found.findings and not found.advice:
        return
    with panel("Advice", name="advice"):
        for one in found.findings:
            _finding(job, one, may_create=may_create)
        if found.advice:
            with Tag("details", open=None if found.findings else True):
                Tag("summary", f"Given when the job was created, by the rules of {found.rules_version}")
                _given([one for one in found.advice if one.kind == "value"])
                warnings([one for one in found.advice if one.kind == "warning"])


def _finding(job: TrainingJob, one: Finding, *, may_create: bool) -> None:
    with Tag("div", classes="notice finding"):
        icon("info")
        with Tag("div"):
            Tag("p", one.message)
            if one.changes:
                said = ", ".join(f"{formats.words(name)} {formats.value(value)}" for name, value in one.changes.items())
                with Tag("p"):
                    if may_create:
                        link(f"Create a job with {said}", urls.job_like(job, one.changes))
                    else:
                        Tag("span", f"To try: {said}.")


def _given(given: list[Advice]) -> None:
    with small_table("Advice", ("Setting", "Advised", "Used", "Why")):
        for one in given:
            with Tag("tr"):
                Tag("td", formats.words(one.field or one.rule))
                Tag("td", formats.value(one.value))
                Tag("td", formats.value(one.current) + ("" if one.taken else " (not taken)"))
                with Tag("td"):
                    because(one)
