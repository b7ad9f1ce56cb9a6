"""What an archive holds of the model version that a job registered: its state, evaluations, promotions, decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from training_pipeline.client.audit.gathering import Gathering, as_json
from training_pipeline.domain.errors import NotFound
from training_pipeline.infra.files import sha256
from training_pipeline.infra.zip_stream import File
from training_pipeline.models.evaluation import records as evaluations
from training_pipeline.models.evaluation.records import StoredScores
from training_pipeline.models.promotion.promote import Promotions
from training_pipeline.models.revocations.decisions import Decisions
from training_pipeline.schemas.decision import Decision
from training_pipeline.schemas.evaluation import ModelEvaluations
from training_pipeline.schemas.model_version import ModelVersionDetails
from training_pipeline.schemas.promotion import ModelPromotions
from training_pipeline.training_jobs.store.jobs import JobStore

#: What each file is, for the README.
FILES: Final = {
    "version.json": "the model version: its state and why, who allowed its rows, ancestors, aliases, endpoints, files",
    "evaluations.json": "its evaluations: counts and metrics with their intervals; no question and no answer",
    "scores/*.parquet": "the scores of each evaluation, a row a pair: ids and numbers",
    "promotions.json": "the decisions about the aliases of the model, with the gate, its verdict and who asked",
    "decisions.json": "the decisions about this version where tainted, and whether the chain of hashes is whole",
}
FOLDER: Final = "model"


def model_files(
    store: JobStore,
    decisions: Decisions,
    promotions: Promotions,
    details: Callable[[], ModelVersionDetails],
    name: str,
    version: str,
    gathering: Gathering,
) -> Iterator[File]:
    """The files of one version. Reads only."""

    def file(called: str, make: Callable[[], str | bytes]) -> Iterator[File]:
        return gathering.file(f"{FOLDER}/{called}", make)

    found = evaluations.of_version(store, name, version)
    yield from file("version.json", lambda: as_json(details()))
    yield from file("evaluations.json", lambda: as_json(ModelEvaluations.of(found)))
    for one in sorted(found, key=lambda each: each.id):
        for role, scores in sorted((one.scores or {}).items()):
            yield from file(f"scores/{one.id}-{role}.parquet", lambda scores=scores: _scores(scores))  # type: ignore[misc]
    yield from file("promotions.json", lambda: as_json(ModelPromotions.of(promotions.of_model(name))))
    yield from file("decisions.json", lambda: as_json(_decisions(decisions, name, version)))


def _scores(scores: StoredScores) -> bytes:
    if not scores.path.is_file() or sha256(scores.path) != scores.sha256:
        raise NotFound("The scores are gone, or are not those that were measured.")
    return scores.path.read_bytes()


def _decisions(decisions: Decisions, name: str, version: str) -> dict[str, Any]:
    every, problems = decisions.verify()
    ours = [one for one in every if (one.model_name, one.model_version) == (name, version)]
    by_job = decisions.in_force({one.job_id for one in ours})
    return {
        "decisions": [Decision.of(one, by_job).model_dump(mode="json") for one in ours],
        "chain": {
            "decisions_about_all_models": len(every),
            "last_hash": every[-1].hash if every else None,
            "problems": problems,
        },
    }
