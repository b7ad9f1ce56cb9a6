"""What speaks for a version, and against it: its evaluations, the version in use, and whether it is still clean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import pyarrow as pa

from training_pipeline.domain.model_version import Outcome
from training_pipeline.models.evaluation import records as evaluations
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus, digest_of
from training_pipeline.models.evaluation.results import comparable_scores, scores_of
from training_pipeline.models.promotion.forgetting import forgetting
from training_pipeline.models.promotion.gate import Decision, Finding, Verdict, decide, judge
from training_pipeline.models.promotion.over_base import over_base
from training_pipeline.models.promotion.requirements import Gate
from training_pipeline.models.versions.verify import Subject
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.training_jobs.store.jobs import JobStore

#: Figures that are older do not move an alias.
FRESH: Final = timedelta(days=90)
_HOW: Final = "`training-pipeline models evaluate`"
_VERDICTS: Final = {
    Outcome.PASS: Verdict.SHIP,
    Outcome.FAIL: Verdict.DO_NOT_SHIP,
    Outcome.UNKNOWN: Verdict.NOT_ENOUGH_EVIDENCE,
}


class Evidence:
    """Judges versions by what is on record, and by the checks of whether they are still clean. Writes nothing."""

    def __init__(self, store: JobStore, versions: ModelVersions) -> None:
        self._store, self._versions = store, versions

    def judged(
        self, gate: Gate, subject: Subject, before: str | None, suite: str | None
    ) -> tuple[Evaluation | None, Decision]:
        """The evaluation that it rests on, if any, and what the gate says of the version in the place of `before`.

        Without a `suite`, by the latest evaluation, those that the gate asks about forgetting aside.
        """
        name, version = subject.version.name, subject.version.version
        digest = digest_of(subject.record.model_files)
        every = evaluations.of_version(self._store, name, version)
        done = [each for each in every if each.status is EvaluationStatus.SUCCEEDED]
        wanted = [each for each in done if each.suite_name == suite or (not suite and _is_main(each, gate))]
        found = next(iter(wanted), None)
        findings = [
            *self._measured(gate, found, digest, before, suite),
            *forgetting(gate, done, problem=lambda each: _problem(each, digest), read=scores_of),
            *self._permitted(name, version),
        ]
        return found, decide(tuple(findings))

    def _measured(
        self, gate: Gate, found: Evaluation | None, digest: str, before: str | None, suite: str | None
    ) -> Iterator[Finding]:
        if found is None or found.scores is None:
            where = "" if suite is None else f" on the suite {suite}"
            yield _open("an evaluation", f"this version was not evaluated{where}: {_HOW}")
            return
        asked = "an evaluation of this very version, not older than 90 days"
        if (why_not := _problem(found, digest)) is not None:
            yield _open(asked, why_not)
            return
        yield Finding(asked=asked, verdict=Verdict.SHIP, reason=f"{found.id} on the suite {found.suite_name}")
        new = scores_of(found.scores["tuned"])
        held = None if before is None else self._held(found, new, before)
        if isinstance(held, str):
            yield _open("a comparison with the version in use", f"{held}: evaluate with --champion {before}")
            return
        theirs, left_out = (None, {}) if held is None else held
        for name in gate.margins.keys() & left_out.keys():
            yield _open(f"a comparison in {name}", f"{left_out[name]}: evaluate with --champion {before}")
        yield from judge(gate, new, theirs).findings
        if before is None:
            base = found.scores.get("base")
            yield from over_base(gate, new, None if base is None else scores_of(base))

    def _held(self, found: Evaluation, new: pa.Table, before: str) -> tuple[pa.Table, dict[str, str]] | str:
        """The scores of the version in use on the same suite, and why some may not stand beside the `new` ones: of the
        same evaluation, else of the newest of its own. Why there are none, where there are none of these very files
        that are fresh.
        """
        if found.scores and found.champion_version == before and "champion" in found.scores:
            return scores_of(found.scores["champion"]), {}
        why = f"version {before} has no scores on the suite {found.suite_name}"
        every = evaluations.of_version(self._store, found.model_name, before)
        for each in (each for each in every if each.scores and each.suite_digest == found.suite_digest):
            subject = self._versions.subject(found.model_name, before)
            problem = _problem(each, digest_of(subject.record.model_files))
            if problem is None and each.scores:
                return comparable_scores(scores_of(each.scores["tuned"]), each, new, found)
            why = f"of version {before}, {problem}"
        return why

    def _permitted(self, name: str, version: str) -> list[Finding]:
        """Every check of whether the version is still clean, as findings: a failed one is never shipped."""
        return [
            Finding(asked=f"still clean: {check.name}", verdict=_VERDICTS[check.outcome], reason=check.message)
            for check in self._versions.verify(name, version)
        ]


def _is_main(each: Evaluation, gate: Gate) -> bool:
    return each.suite_name not in gate.forgetting


def _problem(found: Evaluation, digest: str) -> str | None:
    """Why an evaluation says nothing of these files today; None where it does."""
    if found.model_digest != digest:
        return f"{found.id} is about other files"
    if found.finished_at is None or evaluations.now() - found.finished_at > FRESH:
        return f"{found.id} is too old"
    return None


def _open(asked: str, reason: str) -> Finding:
    return Finding(asked=asked, verdict=Verdict.NOT_ENOUGH_EVIDENCE, reason=reason)
