"""Asks the source of training sheets whether what submitted jobs train on may still be trained on.

It is asked when a queued job is about to begin, when a job is finished, and regularly in between. Only a sheet whose
content digest or table version is the one that was asked about before is not judged again. What was revoked is refused
whatever the source says.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from training_pipeline.datasets.recheck_result import MOST_PAIR_IDS, Pairs, RecheckResult, in_words
from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import (
    GateRefused,
    NotFound,
    PermissionUnknown,
    PermissionWithdrawn,
    PipelineError,
    SheetChanged,
    SheetUnreadable,
)
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS
from training_pipeline.sheets.base import Digested, OpenSheet, TrainingSheetSource

#: A job that has not begun to train.
_BEFORE: Final = frozenset({JobStatus.PENDING, JobStatus.QUEUED})
_log = logging.getLogger(__name__)
_HINT: Final = "Create a new job: it trains on the pairs that may be used then."


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that stops nothing and that somebody must know. `identity` tells it from others of the same job."""

    message: str
    identity: str

    @classmethod
    def of(cls, withdrawn: PermissionWithdrawn, what: str) -> Warned:
        """That pairs lost their permission, and `what` comes of it."""
        return cls(f"{withdrawn.message} {what}", f"withdrawn:{_identity(withdrawn.details)}")


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a job's pairs may still be trained on.

    `version` is the sheet, the policy and the revocations that it was judged by; empty where the sheet is gone or
    refused as a whole.
    """

    version: str = ""
    withdrawn: PermissionWithdrawn | None = None
    warnings: tuple[Warned, ...] = ()
    #: Whether it is known that the texts are what was trained on: not where the key of their hashes is gone.
    text_known: bool = True


class RevokedRows(Protocol):
    """What was revoked, whatever the source says. Reads only."""

    def version(self) -> int:
        """A number that rises with every revocation."""
        ...

    def held(self, job: TrainingJob) -> Mapping[str, int]:
        """How many rows of each revocation the job trains and validates on; only what occurs."""
        ...


class Permission:
    """Asks about jobs. Reads only."""

    def __init__(
        self, source: TrainingSheetSource, policy: GatePolicy, revoked: RevokedRows, keys: HashKeys = NO_KEYS
    ) -> None:
        self._source = source
        self._policy = policy
        self._revoked = revoked
        self._keys = keys

    def ask(self, job: TrainingJob) -> Answer:
        """The answer about one job. Raises `PermissionUnknown` where its sheet cannot be read, and `Unavailable`."""
        found = self._of_unchanged(job) or self.ask_all(job.request.training_sheet_id, [job])[job.id]
        if isinstance(found, PermissionUnknown):
            raise found
        return found

    def _of_unchanged(self, job: TrainingJob) -> Answer | None:
        """The answer where the sheet, by its digest, and the policy are those that the dataset was made by: only what
        was revoked since is asked for. None where they are not, or only an engine can tell; that says what is wrong.
        """
        dataset = job.data.dataset
        if not isinstance(self._source, Digested) or not isinstance(dataset, DatasetRef):
            return None
        try:
            sheet, digest = self._source.digest(job.request.training_sheet_id)
        except PipelineError:
            return None
        is_same = digest == dataset.sheet_digest and self._policy == dataset.policy
        if not is_same or sheet.status not in TRAINABLE_SHEETS or not dataset.manifest_file.is_file():
            return None
        from training_pipeline.datasets.comparable_hashes import rows_in

        try:
            rows_in(dataset, None, self._keys, ["pair_id"])  # a damaged manifest is trouble
            held = self._revoked.held(job)
        except PipelineError:
            return None
        return Answer(self._version(digest), withdrawn=_revoked(job, held))

    def _version(self, digest: str) -> str:
        return f"{digest}:{self._policy.model_dump_json()}:{self._revoked.version()}"

    def ask_all(self, sheet_id: str, jobs: Sequence[TrainingJob]) -> Mapping[str, Answer | PermissionUnknown]:
        """The answers about jobs on one training sheet, by job id; it is opened once. Raises as `ask` does.

        A job that nobody can answer about has an error for an answer, and the others theirs.
        """
        try:
            with self._source.open(sheet_id) as opened:
                return {job.id: self._own(opened, job) for job in jobs}
        except NotFound:
            return {job.id: _refused_whole(job, f"there is no training sheet {sheet_id!r} any more.") for job in jobs}
        except SheetUnreadable as error:
            raise PermissionUnknown(
                f"Training sheet {sheet_id!r} cannot be read, so it is unknown whether its pairs may still be trained "
                f"on: {error.message}",
                hint="Fix the training sheet (`training-pipeline sheets check` lists every problem).",
            ) from error

    def _own(self, opened: OpenSheet, job: TrainingJob) -> Answer | PermissionUnknown:
        """The answer about one job; what keeps it from one is trouble of its own, unless it is of the sheet itself."""
        try:
            return self._answer(opened, job)
        except (SheetChanged, SheetUnreadable):
            raise
        except Exception as error:  # noqa: BLE001 - a fault in one job keeps no other from an answer
            why = describe(error)
            _log.warning("whether training job %s is still permitted is unknown: %s", job.id, why)
            return PermissionUnknown(
                f"Whether the pairs of training job {job.id} may still be trained on is unknown: {why}",
                hint=error.hint if isinstance(error, PipelineError) else "",
            )

    def _answer(self, opened: OpenSheet, job: TrainingJob) -> Answer | PermissionUnknown:
        version = self._version(opened.digest)
        dataset = job.data.dataset
        if job.permission.version == version:
            return Answer(version, text_known=self._knows_texts(opened, dataset))
        if not isinstance(dataset, DatasetRef) or not dataset.manifest_file.is_file():
            return PermissionUnknown(
                f"The dataset of training job {job.id} cannot be read, so it is unknown whether its pairs may still "
                "be trained on.",
                hint="Retry the training job: everything is prepared again.",
            )
        from training_pipeline.datasets.compare import recheck

        try:
            found = recheck(opened, dataset, self._policy, begun=job.status not in _BEFORE, keys=self._keys)
        except GateRefused as error:
            return _refused_whole(job, error.message)
        withdrawn = _withdrawn(job, found) or _revoked(job, self._revoked.held(job))
        return Answer(version, withdrawn=withdrawn, warnings=tuple(_warnings(job, found)), text_known=found.text_known)

    def _knows_texts(self, opened: OpenSheet, dataset: object) -> bool:
        """Whether the texts of a dataset can be compared with those of the sheet. Looks at none."""
        if not isinstance(dataset, DatasetRef) or opened.digest == dataset.sheet_digest:
            return True
        from training_pipeline.datasets.comparable_hashes import with_sheet

        return with_sheet(dataset, self._keys) is not None


def _withdrawn(job: TrainingJob, found: RecheckResult) -> PermissionWithdrawn | None:
    if not found.findings:
        return None
    what = f"{in_words(found.findings)}: {found.lost}"
    return PermissionWithdrawn(
        f"Permission withdrawn: some pairs of training sheet {job.request.training_sheet_id!r} that training job "
        f"{job.id} was submitted with may no longer be trained on. {what}.",
        hint=_HINT,
        details=_details(found.findings, found.lost),
    )


def _revoked(job: TrainingJob, held: Mapping[str, int]) -> PermissionWithdrawn | None:
    if not held:
        return None
    rows = sum(held.values())
    return PermissionWithdrawn(
        f"Permission withdrawn: {rows:,} rows that training job {job.id} was submitted with were revoked "
        f"({', '.join(sorted(held))}).",
        hint="Create a new job: it leaves them out.",
        details={**_details({"revoked": rows}, Pairs(count=rows)), "revocations": sorted(held)},
    )


def _refused_whole(job: TrainingJob, why: str) -> Answer:
    message = f"Permission withdrawn: training job {job.id} may not train on any of its pairs any more: {why}"
    return Answer(withdrawn=PermissionWithdrawn(message, hint=_HINT, details=_details({"training_sheet": 1}, Pairs())))


def _details(findings: Mapping[str, int], lost: Pairs) -> dict[str, Any]:
    return {"findings": dict(findings), "pairs": lost.count, "pair_ids": list(lost.ids[:MOST_PAIR_IDS])}


def _warnings(job: TrainingJob, found: RecheckResult) -> Iterator[Warned]:
    said = (
        (found.raised, "classification_raised", "classified more strictly"),
        (found.edited, "text_edited", "worded otherwise"),
    )
    sheet = job.request.training_sheet_id
    for pairs, kind, what in said:
        if pairs.count:
            message = f"Of the pairs that training job {job.id} was submitted with, training sheet {sheet!r} now has"
            yield Warned(f"{message} {pairs} {what}.", f"{kind}:{_identity(pairs.model_dump())}")


def _identity(found: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]
