"""Creates one job per idempotency key, and returns the first answer on repetition."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from training_pipeline.app.container import Services
from training_pipeline.domain import job as domain
from training_pipeline.domain.access import Caller
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.training_jobs.lifecycle.service import Also
from training_pipeline.training_jobs.store import idempotency
from training_pipeline.training_jobs.urls import Addresses


def created_once(
    services: Services,
    caller: Caller,
    *,
    key: str | None,
    asked: str,
    create: Callable[[Also | None], domain.TrainingJob],
) -> tuple[idempotency.Answer, bool]:
    """The answer to a request that creates a job, and whether it was given before.

    `asked` is the hash of what is asked for; `create` stores the job, and with it what it is given to write. Raises
    `KeyInUse`, `KeyReused` and whatever `create` does.
    """
    if key is None:
        return _answer(create(None), caller, services), False
    with idempotency.turn(services.store, services.database, who=caller.name, key=key, body_hash=asked) as turn:
        if turn.first_answer is not None:
            return turn.first_answer, True

        def remember(connection: Connection, job: domain.TrainingJob) -> None:
            turn.remember(connection, _answer(job, caller, services))

        return _answer(create(remember), caller, services), False


def _answer(job: domain.TrainingJob, caller: Caller, services: Services) -> idempotency.Answer:
    at = Addresses.of(services.settings)
    return idempotency.Answer(201, TrainingJob.of(job, caller, at).model_dump_json())
