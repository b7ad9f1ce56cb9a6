"""Exports of a model version: its files elsewhere, whole and tested, or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.domain.errors import Conflict, Unavailable
from training_pipeline.domain.refs import required
from training_pipeline.infra.files import sha256, sync, unlike
from training_pipeline.infra.json_file import write_json
from training_pipeline.infra.staging import disk_errors
from training_pipeline.models.evaluation.records import digest_of
from training_pipeline.models.evaluation.subjects import asked_base
from training_pipeline.models.export.formats import NOT_TESTED, TESTED, ExportFormat, files_of, place_of
from training_pipeline.models.export.parity import LEAST, Parity, compare
from training_pipeline.models.revocations.decisions import Decisions
from training_pipeline.models.versions import files
from training_pipeline.models.versions.usable import require_usable
from training_pipeline.models.versions.verify import Subject
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.jobs import JobStore

#: Beside the files: what they are, and their hashes as `sha256sum -c` reads them.
EXPORT: Final = "EXPORT.json"
SUMS: Final = "SHA256SUMS"


class Export(BaseModel):
    """What was exported."""

    model_config = ConfigDict(frozen=True)

    model_name: str
    model_version: str
    job_id: str
    base_model: str
    base_model_revision: str | None
    format: ExportFormat
    #: SHA-256 over the names of the files and their hashes.
    digest: str
    files: dict[str, str]
    parity: Parity
    #: What the test shows, where it held.
    tested: str
    #: What was not tested; null where everything was.
    not_tested: str | None = None


class Exports:
    """Exports versions whose files are on this machine."""

    def __init__(
        self, store: JobStore, backend: FineTuningBackend, versions: ModelVersions, decisions: Decisions
    ) -> None:
        self._store, self._backend, self._versions, self._decisions = store, backend, versions, decisions

    def export(self, name: str, version: str, format: ExportFormat, to: Path, *, actor: str) -> Export:
        """Write the folder `to`, which must not be there yet, whole and tested, with an event of the version's job.

        Raises `NotFound`; `InvalidRequest` for a format that is not made of this version; `Tainted` for one that is
        withdrawn, or tainted without a decision that accepts the risk; `Conflict` where `to` is there or the files are
        not; `Unavailable` where it cannot be tested, or does not answer as the trained model does.
        """
        subject = self._versions.subject(name, version)
        require_usable(subject, self._decisions.risk_accepted)
        named = f"{name} version {version}"
        wanted = files_of(format, subject.record.model_files or {}, named)
        folder = self._folder(subject, named)
        if to.exists():
            raise Conflict(f"{to} already exists.", hint="Name another folder with --output, or remove that one.")
        with disk_errors(f"export {named}"), _staged(to) as inner:
            for path in wanted:
                target = inner / path
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(folder / place_of(format) / path, target)
            if wrong := unlike(inner, wanted):
                raise Conflict(
                    f"{wrong[0][0]} of {named} is not what was registered.", hint="Restore its files from a backup."
                )
            parity = self._parity(subject, format, folder, inner)
            export = Export(
                model_name=name,
                model_version=version,
                job_id=subject.job.id,
                base_model=subject.job.request.base_model,
                base_model_revision=subject.record.base_model and subject.record.base_model.revision,
                format=format,
                digest=digest_of(wanted),
                files=dict(sorted(wanted.items())),
                parity=parity,
                tested=TESTED[format],
                not_tested=" ".join(filter(None, (parity.too_few, NOT_TESTED.get(format)))) or None,
            )
            write_json(inner / EXPORT, export.model_dump(mode="json"))
            (inner / SUMS).write_text(_sums(inner), encoding="utf-8")
            # A revocation may have come meanwhile.
            require_usable(self._versions.subject(name, version), self._decisions.risk_accepted)
            self._tell(export, actor)
            sync(inner)
            inner.rename(to)
        return export

    def _folder(self, subject: Subject, named: str) -> Path:
        where = files.place(self._backend, subject.job, subject.version.name, subject.version.version)
        if where.folder is None:
            raise Conflict(f"{named} cannot be exported: {where.unreadable}", hint="Export it where its files are.")
        return where.folder

    def _parity(self, subject: Subject, format: ExportFormat, folder: Path, exported: Path) -> Parity:
        questions = required(subject.job.data.dataset, "dataset").validation_file
        if not questions.is_file():
            raise Unavailable(
                "The export cannot be tested: the validation questions of its dataset are gone.",
                hint="Restore the dataset from a backup.",
            )
        trained: dict[str, Any] = {
            "role": "tuned",
            "source": str(folder),
            "files": subject.record.model_files,
        }
        base = asked_base(subject).model_dump(mode="json") if format is ExportFormat.ADAPTER else None
        found = compare(trained, exported, base, questions)
        if not found.holds:
            raise Unavailable(
                f"The export does not answer as the trained model does: {found.same:,} of {found.tokens:,} tokens of "
                f"{found.questions} answers are the same, and {LEAST:.0%} must be.",
                hint="Export the version in the other format.",
            )
        return found

    def _tell(self, export: Export, actor: str) -> None:
        told: Mapping[str, Any] = export.model_dump(mode="json", include={"format", "digest", "parity"})
        message = f"Exported {export.model_name} {export.model_version} as {export.format}, digest {export.digest}."
        self._store.record(export.job_id, EventType.INFO, message, actor=actor, data={"export": dict(told)})


@contextmanager
def _staged(to: Path) -> Iterator[Path]:
    """A folder of its owner's beside `to`, to be filled and renamed; removed otherwise."""
    to.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _sums(folder: Path) -> str:
    there = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256(path)}  {path.relative_to(folder)}\n" for path in there)
