"""What stands around the curves: the verdict on the losses, the jobs, and what differs between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from training_pipeline.domain.pair_change import MEANINGS, PairChange
from training_pipeline.schemas.comparison import (
    BestAndLast,
    ComparedJob,
    Difference,
    LossVerdict,
    TrainingJobComparison,
)
from training_pipeline.web import formats, urls
from training_pipeline.web.comparison.curves import LETTERS
from training_pipeline.web.comparison.view import ComparisonView
from training_pipeline.web.elements import Badge, Tag, empty, icon, link, panel, small_table

#: Letters of a SHA-256.
_DIGEST: Final = 64


def verdict(found: LossVerdict) -> None:
    """May the validation losses be compared? With every reason."""
    look, picture, words = {
        True: ("good", "check", "The validation losses may be compared"),
        False: ("bad", "alert", "The validation losses may not be compared"),
        None: ("warn", "info", "It is unknown whether the validation losses may be compared"),
    }[found.comparable]
    with Tag("div", classes=f"notice verdict {look}", role="note"):
        icon(picture)
        with Tag("div"):
            Tag("p", words, classes="notice-title")
            if found.comparable:
                Tag(
                    "p",
                    f"All of them are of the same {formats.count(found.total_rows)} rows, cut into the same tokens.",
                )
            for reason in found.reasons:
                Tag("p", reason)


def jobs(found: TrainingJobComparison, view: ComparisonView) -> None:
    """What came of each job, and what it took. The best loss is named only where losses may be compared."""
    columns = [
        "Best val. loss",
        "Last val. loss",
        "Last train loss",
        "Best val. accuracy",
        "Trained",
        "Tokens",
        "Cost",
    ]
    best = best_of(found)
    with (
        panel("Jobs", name="jobs"),
        small_table("Jobs", ["", "Job", "Status", *columns, "Actions"], numbers=columns, classes="compared"),
    ):
        for letter, job in zip(LETTERS, found.jobs, strict=False):
            with Tag("tr"):
                _swatch(letter)
                _named(job)
                with Tag("td"):
                    Badge(job.status)
                _best(job.val_loss, formats.loss, first=job.id == best)
                Tag("td", formats.loss(_last(job.val_loss)), classes="number")
                Tag("td", formats.loss(_last(job.train_loss)), classes="number")
                _best(job.val_accuracy, formats.share)
                with Tag("td", classes="number"):
                    Tag("span", formats.seconds(job.duration_seconds))
                    Tag("span", _estimated(job), classes="sub")
                Tag("td", formats.count(job.tokens_processed), classes="number")
                Tag("td", _cost(job), classes="number")
                _actions(job, letter, view)


def best_of(found: TrainingJobComparison) -> str | None:
    """The job with the lowest validation loss, the first of several; None where losses may not be compared."""
    if found.validation_losses.comparable is not True:
        return None
    measured = [(job.val_loss.best.value, place) for place, job in enumerate(found.jobs) if job.val_loss]
    return found.jobs[min(measured)[1]].id if measured else None


def differences(found: TrainingJobComparison) -> None:
    """What is not the same for all of them."""
    with panel("What differs", name="differences"):
        if not found.differences:
            empty("check", "Nothing else differs.", "Configuration, base model, sheet and split are the same.")
            return
        with small_table("Differences", ["What", *_letters(found)]):
            for each in found.differences:
                _difference(each)


def data(found: TrainingJobComparison) -> None:
    """What the pairs of each job are beside the first one's."""
    first = found.jobs[0]
    numbers = [formats.words(change) for change in PairChange]
    with panel("Data", name="data"):
        Tag("p", f"The pairs of each job, beside those of A ({first.id}).", classes="muted")
        with small_table("Data", ["Job", *numbers, "Pairs"], numbers=numbers):
            for letter, each in zip(LETTERS[1:], found.data, strict=False):
                with Tag("tr"):
                    Tag("td", letter, classes="strong")
                    if each.counts is None:
                        Tag("td", each.problem, colspan=str(len(numbers) + 1))
                        continue
                    for change in PairChange:
                        number = formats.count(getattr(each.counts, change))
                        Tag("td", number, classes="number", title=MEANINGS[change])
                    with Tag("td"):
                        name = f"Show the pairs that differ between A and {letter}"
                        link("Show", urls.diff(first.id, each.job_id), aria_label=name)


def _difference(found: Difference) -> None:
    with Tag("tr"):
        Tag("td", found.field.removeprefix("training_config."), classes="mono strong", title=found.field)
        for value in found.values:
            words = formats.value(value)
            short = f"{words[:12]}…" if len(words) == _DIGEST else words
            Tag("td", short, classes="mono", title=words if short != words else None)


def _letters(found: TrainingJobComparison) -> list[str]:
    return list(LETTERS[: len(found.jobs)])


def _swatch(letter: str) -> None:
    with Tag("td"), Tag("span", classes="swatch"):
        Tag("span", letter, classes="strong")
        Tag("span", classes=f"legend-line line-{LETTERS.index(letter) + 1}", aria_hidden="true")


def _named(job: ComparedJob) -> None:
    with Tag("td"):
        link(job.model_name, urls.job(job.id), classes="strong")
        if job.uc_model_version is not None:
            address = urls.model_version(job.uc_model_name or job.model_name, job.uc_model_version)
            link(f"v{job.uc_model_version}", address, classes="version")
        Tag("span", job.id, classes="sub mono")


def _best(found: BestAndLast | None, words: Callable[[float | None], str], *, first: bool = False) -> None:
    with Tag("td", classes="number"):
        Tag("span", formats.NONE if found is None else words(found.best.value), classes="strong" if first else "")
        if first:
            Tag("span", "best", classes="tag")
        if found is not None:
            Tag("span", f"step {found.best.step:,}", classes="sub")


def _last(found: BestAndLast | None) -> float | None:
    return None if found is None else found.last.value


def _estimated(job: ComparedJob) -> str:
    time = None if job.estimate is None else job.estimate.time
    if time is None or time.low is None or time.high is None:
        return "no estimate"
    return f"estimated {formats.seconds(time.low)} to {formats.seconds(time.high)}"


def _cost(job: ComparedJob) -> str:
    """What it cost; where that is not known, what was estimated, and said to be."""
    if job.cost_dbu is not None:
        return f"{formats.money(job.cost_dbu)} DBU"
    if job.estimate is None or job.estimate.cost.middle is None:
        return formats.NONE
    return f"about {formats.money(job.estimate.cost.middle)} {job.estimate.currency or ''} (estimated)"


def _actions(job: ComparedJob, letter: str, view: ComparisonView) -> None:
    others: Sequence[str] = [each for each in view.jobs if each != job.id]
    with Tag("td", classes="actions"):
        if letter != LETTERS[0]:
            first = view.with_(jobs=(job.id, *others)).address()
            link("Put first", first, classes="button quiet small", aria_label=f"Compare the others with {letter}")
        if len(others) > 1:
            without = view.with_(jobs=tuple(others), hide=tuple(each for each in view.hide if each != job.id)).address()
            link("Remove", without, classes="button quiet small", aria_label=f"Remove {letter} ({job.id})")
