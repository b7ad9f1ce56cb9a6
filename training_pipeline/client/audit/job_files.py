"""What an archive holds of one training job: its row, its record, its manifest, its events and figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from training_pipeline.client.audit.gathering import Gathering, as_json
from training_pipeline.datasets.erased import erased
from training_pipeline.datasets.store import manifest_is_whole
from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.domain.job import TrainingJob as StoredJob
from training_pipeline.domain.policy_in_words import in_words
from training_pipeline.domain.refs import DatasetRef, required
from training_pipeline.infra.zip_stream import File
from training_pipeline.models.revocations import read
from training_pipeline.schemas.event import TrainingJobEvent
from training_pipeline.schemas.revocation import RevocationDetails
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.training_jobs.store import lineage, metrics
from training_pipeline.training_jobs.store.jobs import JobStore

#: What each file is, for the README.
FILES: Final = {
    "job.json": "the training job as the API gives it: the request, what was used, and the result",
    "events.csv": "its events, the oldest first: who did what, and when",
    "metrics.csv": "its metrics, a row a step",
    "training_sheet.json": "the head of the training sheet as it was read, with its digest",
    "lineage.json": "the lineage record: sheet, template, dataset, base model with its ancestors, recipe, model files",
    "dataset.json": "the stored dataset: digests, counts, the reasons of exclusion, the report of the split",
    "manifest.parquet": "a row for every pair of the sheet: id, hashes, split or reason, who reviewed and allowed it",
    "pairs.csv": "the same rows as CSV",
    "policy.md": "the gate policy that judged, in words",
    "environment.json": "the training environment: libraries, device, tokenizer, chat template, full configuration",
    "revocations.json": "the revocations that taint its model",
}
_EVENT: Final = ("id", "created_at", "type", "old_status", "new_status", "actor", "message")
_PIECE: Final = 2**20
_ROWS: Final = 50_000


def job_files(
    store: JobStore, job: StoredJob, shown: Callable[[StoredJob], TrainingJob], folder: str, gathering: Gathering
) -> Iterator[File]:
    """The files of one job in `folder`. Reads only."""

    def file(name: str, make: Callable[[], str | bytes]) -> Iterator[File]:
        return gathering.file(f"{folder}/{name}", make)

    def dataset() -> DatasetRef:
        return required(job.data.dataset, "dataset")

    yield from file("job.json", lambda: as_json(shown(job).model_dump(mode="json", exclude={"allowed_actions"})))
    yield from file("events.csv", lambda: _events(store, job.id))
    yield from file("metrics.csv", lambda: str(metrics.series(store, job.id).to_csv(index=False)))
    yield from file("training_sheet.json", lambda: as_json(required(job.data.sheet, "training sheet")))
    yield from file("lineage.json", lambda: as_json(_record(store, job.id)))
    yield from file("dataset.json", lambda: as_json(_dataset(dataset())))
    yield from _manifest(job, folder, gathering)
    yield from file("policy.md", lambda: in_words(dataset().policy))
    yield from file("environment.json", lambda: as_json(_environment(store, job.id)))
    yield from file("revocations.json", lambda: as_json(_revocations(store, job.id)))


def _events(store: JobStore, job_id: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*_EVENT, "data"))
    for event in store.events(job_id, limit=None, newest_first=False)[0]:
        plain = TrainingJobEvent.model_validate(event).model_dump(mode="json")
        data = json.dumps(plain["data"], ensure_ascii=False) if plain["data"] else ""
        writer.writerow((*(plain[name] for name in _EVENT), data))
    return out.getvalue()


def _record(store: JobStore, job_id: str) -> dict[str, Any]:
    return lineage.read(store, job_id).model_dump(mode="json", exclude={"dataset_path"})


def _environment(store: JobStore, job_id: str) -> dict[str, Any]:
    recipe = lineage.read(store, job_id).recipe
    if recipe is None:
        raise NotFound("It is not on record: it is recorded when the model is registered.")
    return {**recipe.model_dump(mode="json"), "configuration_digest": recipe.configuration_digest}


def _dataset(dataset: DatasetRef) -> dict[str, Any]:
    mark = erased(dataset.path)
    return {
        **dataset.model_dump(mode="json", exclude={"path"}),
        "text_erased": None if mark is None else mark.model_dump(mode="json"),
    }


def _manifest(job: StoredJob, folder: str, gathering: Gathering) -> Iterator[File]:
    """The manifest as it is stored, and as CSV; a changed one is given, too, and noted."""
    names = [f"{folder}/{name}" for name in ("manifest.parquet", "pairs.csv")]
    try:
        dataset = required(job.data.dataset, "dataset")
        with pq.ParquetFile(dataset.manifest_file):
            pass
    except PipelineError as error:
        why = error.message
    except (OSError, pa.ArrowException):
        why = "It is gone, or is no manifest any more."
    else:
        if not manifest_is_whole(dataset):
            gathering.note(names[0], "It is in the archive, but its rows are not those that were recorded.")
        yield names[0], _pieces(dataset.manifest_file)
        yield names[1], _rows(dataset.manifest_file)
        return
    for name in names:
        gathering.note(name, why)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _rows(path: Path) -> Iterator[bytes]:
    with pq.ParquetFile(path) as file:
        yield (",".join(file.schema_arrow.names) + "\n").encode()
        for batch in file.iter_batches(batch_size=_ROWS):
            out = pa.BufferOutputStream()
            pc.write_csv(pa.table(batch), out, pc.WriteOptions(include_header=False))
            yield out.getvalue().to_pybytes()


def _revocations(store: JobStore, job_id: str) -> dict[str, Any]:
    found, total = read.page(store, job_id=job_id, limit=_ROWS)
    whole = [RevocationDetails.whole(read.whole(store, one.revocation.id)) for one in found]
    return {"revocations": [one.model_dump(mode="json") for one in whole], "total": total}
