"""What stands in for revocations, and models that come from others, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord, ModelOrigin


@dataclass(slots=True)
class RevokedAs:
    """Revocations that every job holds so many rows of."""

    rows: dict[str, int] = field(default_factory=dict)

    def version(self) -> int:
        """How many there are."""
        return len(self.rows)

    def held(self, job: TrainingJob) -> Mapping[str, int]:
        """The same of every job."""
        del job
        return self.rows


def trained_from(*job_ids: str) -> BaseModelRecord:
    """A base model that these jobs trained, the last one from the one before, and so on; the nearest first."""
    return BaseModelRecord(
        reference="base",
        ancestors=tuple(
            ModelOrigin(job_id=job_id, model_name="triage", model_version="1", base_model="base") for job_id in job_ids
        ),
    )
