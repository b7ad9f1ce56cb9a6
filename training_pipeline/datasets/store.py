"""Stored datasets: one directory each, named by its digest, written once and shared by jobs that have the same rows.

`train.jsonl` and `validation.jsonl` hold the text of included pairs in the order of their pair ids, `manifest.parquet`
a row for every pair of the sheet and no text, `dataset.json` the reference.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from training_pipeline.domain.errors import Lost, NotFound, Unavailable
from training_pipeline.domain.manifest import RowsDigest
from training_pipeline.domain.refs import HEAD, MANIFEST, TRAIN, VALIDATION, DatasetRef
from training_pipeline.infra.files import sha256
from training_pipeline.infra.reading import unreadable

_HINT: Final = "Retry the job: a damaged dataset is then prepared again from its sheet."


def dataset_digest(*, train_sha256: str, validation_sha256: str, manifest_sha256: str, policy_version: str) -> str:
    """SHA-256 (hex) over what a dataset is made of; no engine's or file format's version is in it."""
    content = f"{train_sha256}\n{validation_sha256}\n{manifest_sha256}\n{policy_version}\n"
    return hashlib.sha256(content.encode()).hexdigest()


def read_dataset(path: Path) -> DatasetRef:
    """The reference stored in `path`; raises `NotFound`. Reads only its head: see `verify`."""
    try:
        head = json.loads((path / HEAD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(
            f"There is no dataset in {path}.", hint="Retry the job: the dataset is then prepared again from its sheet."
        ) from None
    return DatasetRef.model_validate({**head, "path": path})


def every(root: Path) -> tuple[list[DatasetRef], list[Path]]:
    """The datasets below `root`, by name, and the directories whose head cannot be read. Reads only."""
    found: list[DatasetRef] = []
    broken: list[Path] = []
    for path in sorted(path for path in root.glob("*") if (path / HEAD).is_file()):
        try:
            found.append(read_dataset(path))
        except (NotFound, OSError, ValueError, TypeError):
            broken.append(path)
    return found, broken


def verify(dataset: DatasetRef) -> None:
    """Read every byte again; raises `Lost` naming each file that is not what its digest says. Reads only.

    Raises `Unavailable` where they cannot be read now.
    """
    try:
        damaged = [
            name
            for name, stored, expected in [
                (TRAIN, sha256(dataset.train_file), dataset.train_sha256),
                (VALIDATION, sha256(dataset.validation_file), dataset.validation_sha256),
                (MANIFEST, manifest_sha256(dataset.manifest_file), dataset.manifest_sha256),
                (HEAD, dataset.digest, dataset.path.name),
                (HEAD, _digest_of(dataset), dataset.digest),
            ]
            if stored != expected
        ]
    except (OSError, ValueError) as error:
        raise unreadable(f"Dataset {dataset.path}", error, dataset.path.parent, hint=_HINT) from error
    if damaged:
        reason = f"other content than recorded in {', '.join(dict.fromkeys(damaged))}"
        raise Lost(f"Dataset {dataset.path} is damaged: {reason}.", hint=_HINT)


def is_whole(path: Path) -> bool:
    """Whether `path` holds an undamaged dataset. Reads only."""
    try:
        verify(read_dataset(path))
    except (NotFound, Unavailable, OSError, ValueError):
        return False
    return True


def manifest_is_whole(dataset: DatasetRef) -> bool:
    """Whether the manifest is there and undamaged. Reads only."""
    try:
        return manifest_sha256(dataset.manifest_file) == dataset.manifest_sha256
    except (OSError, ValueError):
        return False


def _digest_of(dataset: DatasetRef) -> str:
    return dataset_digest(
        train_sha256=dataset.train_sha256,
        validation_sha256=dataset.validation_sha256,
        manifest_sha256=dataset.manifest_sha256,
        policy_version=dataset.policy.version,
    )


def manifest_sha256(path: Path) -> str:
    """The digest of the rows of a manifest. Reads it all; raises `OSError` or `ValueError` where it is none."""
    with pq.ParquetFile(path) as file:
        digest = RowsDigest(file.schema_arrow)  # an older one has fewer columns
        for batch in file.iter_batches(batch_size=100_000):
            digest.update(batch)
    return digest.hexdigest()
