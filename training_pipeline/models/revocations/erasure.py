"""Erases the text of rows that a revocation names: the text files of every dataset that holds one of them.

Manifests stay: ids, hashes, decisions and digests. What holds the text besides is named, and is for people to remove.
So is what holds its hashes: those without a key cannot be erased, and those under one are once the key is destroyed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import text

from training_pipeline.datasets.comparable_hashes import from_text, has_text
from training_pipeline.datasets.erased import TEXTS, Erased, erase_text, erased
from training_pipeline.datasets.store import every
from training_pipeline.domain.errors import Conflict, Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import ACTIVE
from training_pipeline.domain.refs import MANIFEST, PAIRS, DatasetRef
from training_pipeline.domain.revocations import Revocation
from training_pipeline.models.revocations import read
from training_pipeline.models.revocations.dataset_revocations import rows_of
from training_pipeline.models.revocations.plain_hashes import Hashed, in_files, in_tables
from training_pipeline.models.revocations.text_search import SearchResult, search, texts_of
from training_pipeline.training_jobs.store.events import EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore

_JOBS: Final = text(
    "SELECT dataset_digest, id, training_sheet_id, status FROM training_jobs WHERE dataset_digest IS NOT NULL"
    " ORDER BY id"
)
#: Whether or not a later decision took the place of one: that may wait for a second person.
_DUE: Final = text("SELECT max(due) FROM decisions WHERE due > :today AND jsonb_exists(revocation_ids, :id)")


@dataclass(frozen=True, slots=True)
class Text:
    """A dataset that holds rows of the revocation, and still has its text."""

    dataset: DatasetRef
    files: tuple[Path, ...]
    rows: int
    #: All jobs that have the dataset, and those of them that are not over.
    jobs: tuple[str, ...]
    in_progress: tuple[str, ...]
    #: Of its rows, as its manifest has them.
    hashes: frozenset[str] = frozenset()
    #: The text as token ids, in directories of runs that did not end well: it is deleted with the text.
    tokens: tuple[Path, ...] = ()
    #: Weights of such runs, which learned from the text and stay.
    checkpoints: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Every copy of the text that was found."""

    revocation: Revocation
    texts: tuple[Text, ...]
    #: Files that hold the text and are left as they are.
    elsewhere: tuple[Path, ...]
    #: What holds hashes of the rows, and keeps them.
    hashed: tuple[Hashed, ...]
    unreadable: tuple[Path, ...]
    #: Files of a form that is not taken apart: whether they hold the text is not known.
    not_searched: tuple[Path, ...]
    #: Datasets with text of which nobody can say whether they hold the rows: they are left as they are.
    damaged: tuple[Path, ...]
    #: Whether there was text that could not be searched for.
    in_part: bool
    searched_for: tuple[bytes, ...] = field(repr=False)
    #: The latest day on which a decision that names the revocation is due, where that is to come.
    due: date | None = None

    def require_due(self, now: str | None) -> None:
        """Raise `Conflict` where a decision about the revocation gives time still, and nobody says why `now`."""
        if self.due is not None and not (now or "").strip():
            raise Conflict(
                f"A decision about {self.revocation.id} is due on {self.due}: nothing is erased before.",
                hint="Wait until then, or say why it is erased now: `--now REASON`, which is kept on record.",
            )


class Erasures:
    """Plans an erasure, and carries it out.

    `roots` are searched for the text; `hashed` hold directories with hashes of rows, as snapshots and suites do; `runs`
    the directories of runs on this machine.
    """

    def __init__(
        self,
        store: JobStore,
        datasets: Path,
        roots: Sequence[Path],
        *,
        hashed: Sequence[Path],
        runs: Path | None = None,
        keys: HashKeys = NO_KEYS,
    ) -> None:
        self._runs = runs
        self._store = store
        self._datasets = datasets
        self._roots = roots
        self._hashed = hashed
        self._keys = keys

    def plan(self, revocation_id: str) -> Plan:
        """What would be erased, and what else holds the text. Reads only; raises `NotFound` and `Unavailable`."""
        revocation = read.whole(self._store, revocation_id).revocation
        found, hashes, damaged = self._texts(revocation_id)
        plain = self._plain(found)
        texts = texts_of([file for one in found for file in one.files], plain)
        hashes |= plain
        files = in_files(self._files_with_hashes(), hashes)
        with self._store.begin() as connection:
            tables = in_tables(connection, hashes)
            due = connection.execute(_DUE, {"id": revocation_id, "today": datetime.now(UTC).date()}).scalar_one()
        copies = search(self._roots, texts.forms)
        ours = {file.resolve() for one in found for file in one.files}
        elsewhere = tuple(path for path in copies.files if path not in ours)
        return Plan(
            revocation,
            tuple(found),
            elsewhere,
            (*files.found, *tables),
            (*damaged, *texts.unreadable, *copies.unreadable, *files.unreadable),
            copies.not_searched,
            tuple(damaged),
            texts.in_part,
            texts.forms,
            due,
        )

    def carry_out(self, plan: Plan, *, actor: str, now: str | None = None) -> SearchResult:
        """Erase what the plan names; returns the files that hold the text still. May be repeated after a crash.

        Raises `Conflict`, and erases nothing, while a job in progress uses one of the datasets; and before a decision
        is due unless it is said why `now`, which is kept on record.
        """
        plan.require_due(now)
        early = (now or "").strip() if plan.due is not None else None
        busy = [job_id for one in self._texts(plan.revocation.id)[0] for job_id in one.in_progress]
        if busy:
            raise Conflict(
                f"Training jobs in progress use the text: {', '.join(busy)}.",
                hint="Cancel them, or wait for their end.",
            )
        mark = Erased(revocation_id=plan.revocation.id, actor=actor, erased_at=datetime.now(UTC), early=early)
        for one in plan.texts:
            erase_text(one.dataset.path, mark)
            for tokens in one.tokens:
                shutil.rmtree(tokens, ignore_errors=True)
            said = f"The text of dataset {one.dataset.digest} was erased for {plan.revocation.id}; its manifest stays."
            said += f" That was before {plan.due}, when a decision was due: {early}" if early else ""
            with self._store.begin() as connection:
                for job_id in one.jobs:
                    record_event(connection, job_id, EventType.INFO, said, actor)
        return search(self._roots, plan.searched_for)

    def _texts(self, revocation_id: str) -> tuple[list[Text], set[str], list[Path]]:
        """The datasets that still have text of the rows, the hashes that all datasets have of these rows, and the
        datasets with text of which nobody can say so.
        """
        found: list[Text] = []
        hashes: set[str] = set()
        datasets, unreadable = every(self._datasets)
        damaged = [path for path in unreadable if _texts_in(path)]
        jobs_of = self._jobs()
        for dataset in datasets:
            jobs = jobs_of.get(dataset.path.name, {})
            files = _texts_in(dataset.path)
            begun = _is_begun(dataset.path, revocation_id)
            try:
                held = self._hashes(revocation_id, dataset, jobs)
            except Unavailable:
                held = set()
                damaged += [dataset.path] if files and not begun else []
            hashes |= held
            tokens = self._in_runs(jobs, "tokens")
            if (files or tokens) and (held or begun):
                active = tuple(job_id for job_id, (_, status) in jobs.items() if status in ACTIVE)
                weights = self._in_runs(jobs, "checkpoints")
                of_it = frozenset(held)
                found.append(Text(dataset, files, len(held), tuple(jobs), active, of_it, tokens, weights))
        return found, hashes, damaged

    def _in_runs(self, jobs: Iterable[str], name: str) -> tuple[Path, ...]:
        """Directories of this name in those of the runs of these jobs."""
        if self._runs is None:
            return ()
        return tuple(path for job_id in jobs for path in sorted(self._runs.glob(f"{job_id}-*/{name}")))

    def _files_with_hashes(self) -> list[Path]:
        kept = [path for directory in self._hashed for path in directory.glob(f"*/{PAIRS}")]
        return sorted([*self._datasets.glob(f"*/{MANIFEST}"), *kept])

    def _jobs(self) -> dict[str, dict[str, tuple[str, str]]]:
        """By digest of a dataset the sheet and the status of each job that has it."""
        jobs: dict[str, dict[str, tuple[str, str]]] = {}
        with self._store.begin() as connection:
            for digest, job_id, sheet, status in connection.execute(_JOBS).tuples():
                jobs.setdefault(digest, {})[job_id] = (sheet, status)
        return jobs

    def _hashes(self, revocation_id: str, dataset: DatasetRef, jobs: Mapping[str, tuple[str, str]]) -> set[str]:
        """The hashes, as its manifest has them, of the rows that a dataset holds of the revocation."""
        sheets = {dataset.sheet_id, *(sheet for sheet, _ in jobs.values())}
        with self._store.begin() as connection:
            return {
                row_hash
                for sheet in sorted(sheets)
                for _, row_hash in rows_of(connection, revocation_id, sheet, dataset.manifest_file, self._keys)
            }

    def _plain(self, found: Sequence[Text]) -> set[str]:
        """The hashes without a key of these rows, from the text that is there."""
        plain: set[str] = set()
        for one in found:
            if one.dataset.hash_key is None or not has_text(one.dataset):
                plain |= one.hashes
                continue
            try:
                rows = pq.read_table(one.dataset.manifest_file, columns=["row_hash", "split"])
                rows = rows.filter(pc.is_valid(rows["split"]))
                texts = from_text(one.dataset, rows["split"])
            except (OSError, pa.ArrowException, Unavailable):  # damaged: it is erased all the same
                plain |= one.hashes
                continue
            plain |= {
                *texts.filter(pc.is_in(rows["row_hash"], pa.array(sorted(one.hashes))).combine_chunks()).to_pylist()
            }
        return plain


def _texts_in(path: Path) -> tuple[Path, ...]:
    return tuple(path / name for name in TEXTS if (path / name).is_file())


def _is_begun(path: Path, revocation_id: str) -> bool:
    """Whether a dataset has the mark of the revocation: beside text, a crash stopped its erasure."""
    try:
        mark = erased(path)
    except (OSError, ValueError):
        return False
    return mark is not None and mark.revocation_id == revocation_id
