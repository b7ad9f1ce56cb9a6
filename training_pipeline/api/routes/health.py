"""Liveness and readiness. No authentication, since probes have no token."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from training_pipeline.api.deps import CurrentServices
from training_pipeline.api.problems import problem
from training_pipeline.app.readiness import readiness
from training_pipeline.schemas.health import Check, Health, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="getHealth")
async def get_health() -> Health:
    """Liveness of this process; checks no dependencies."""
    return Health()


@router.get("/readyz", operation_id="getReadiness", response_model=Readiness)
def get_readiness(request: Request, services: CurrentServices) -> Readiness | Response:
    """Readiness: database and migrations, backend, free disk space, and Dagster's daemon, each with what is wrong."""
    checks = readiness(services)
    wrong = [f"{check.name}: {check.detail}" for check in checks if not check.ok]
    if wrong:
        found = [asdict(check) for check in checks]
        return problem(request.url.path, 503, "not_ready", " ".join(wrong), checks=found)
    return Readiness(checks=[Check.model_validate(check) for check in checks])
