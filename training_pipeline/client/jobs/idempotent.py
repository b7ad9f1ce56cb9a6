"""A new job, created once for each key, with the answer that its creator got first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from training_pipeline.client.jobs.base import Created
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.training_jobs.store import idempotency

if TYPE_CHECKING:
    from training_pipeline.app.container import Services
    from training_pipeline.domain.job import TrainingJob as StoredJob
    from training_pipeline.training_jobs.lifecycle.new_jobs import Also

_CREATED = 201


def create_once(
    services: Services,
    *,
    who: str,
    key: str | None,
    body_hash: str,
    create: Callable[[Also | None], StoredJob],
    shown: Callable[[StoredJob], TrainingJob],
) -> Created:
    """The job that `create` stores; with a key that `who` has used for the same request, the one stored then.

    `create` stores, together with the job, what it is given to write; `shown` is the job as `who` sees it. Raises
    `KeyInUse`, `KeyReused` where the key came with another `body_hash`, and whatever `create` does.
    """
    if key is None:
        return Created(shown(create(None)), replayed=False)
    answer, replayed = idempotency.once(
        services.store,
        services.database,
        who=who,
        key=key,
        body_hash=body_hash,
        create=create,
        answer=lambda job: idempotency.Answer(_CREATED, shown(job).model_dump_json()),
    )
    return Created(TrainingJob.model_validate_json(answer.body), replayed)
