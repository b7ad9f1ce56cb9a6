"""Model versions and base models as they are asked: where their files are, and what these must be."""

from __future__ import annotations

from typing import Final, Literal

from training_pipeline.backends.asking import AskedModel
from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.domain.errors import Conflict
from training_pipeline.domain.refs import required
from training_pipeline.models.versions import files
from training_pipeline.models.versions.verify import Subject

#: The alias of the version in use.
CHAMPION: Final = "champion"
_BUILT_IN: Final = "builtin:tiny"


def asked_version(backend: FineTuningBackend, role: Literal["tuned", "champion"], subject: Subject) -> AskedModel:
    """The version; raises `Conflict` where its files are not here. Looks for them."""
    version = subject.version
    where = files.place(backend, subject.job, version.name, version.version)
    if where.folder is None:
        raise Conflict(
            f"{version.name} version {version.version} cannot be asked: {where.unreadable}",
            hint="Restore its files, or ask a version whose files are here.",
        )
    return AskedModel(role=role, source=str(where.folder), files=subject.record.model_files or None)


def asked_base(subject: Subject) -> AskedModel:
    """What the version was trained from. Pure."""
    reference, record = subject.job.request.base_model, subject.record.base_model
    if reference == _BUILT_IN:
        config = subject.job.request.training_config
        dataset = required(subject.job.data.dataset, "dataset")
        made = {"train_file": str(dataset.train_file), "max_length": config["max_length"], "seed": config["seed"]}
        return AskedModel(role="base", source=reference, built_in=made)
    facts = {} if record is None else {"revision": record.revision, "files": record.files}
    return AskedModel.model_validate({"role": "base", "source": reference, **facts})
