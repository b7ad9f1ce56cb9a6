"""Whatever a client sends, the answer is one that the OpenAPI document describes, and never a fault of ours.

Schemathesis makes the requests from the document: valid ones, ones with something wrong in them, and ones with every
boundary. They go to the real app on real PostgreSQL, in this process. Deterministic: a run that fails fails again.
`make soak` sends every case, else of the operation with very many a share is sent.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeAlias, cast

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.python.asgi import ASGIClient, get_client

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services
from training_pipeline.domain.access import Role
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.servers.bearers import bearer
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.soak import SOAKING
from training_pipeline.testing.system.installation import stand_in_services
from training_pipeline.training_jobs.store import lineage

#: The stream of a job that is not over has no end. What has happened comes at once, so one event is there.
EVENTS = 1
#: Of an operation with very many cases, of which each that is valid judges a training sheet, this share is sent, or all
#: by `make soak`.
CREATE, ONE_OF = "POST /api/v1/training/jobs", 8
#: All requests come from one caller, as fast as they can.
UNHURRIED = {"api_requests_per_second": 1e6, "api_failures_per_minute": 1e6}
Case: TypeAlias = "schemathesis.Case[Any]"
JOBS = ["tj-pending", "tj-running", "tj-failed", "tj-lineage"]
CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 1,
        "request-timeout": 60,  # 10 s by default, which a busy machine needs for nothing at all
        "generation": {"deterministic": True, "max-examples": 10},
        "dictionaries": {
            "jobs": {"values": JOBS},
            "sheets": {"values": ["small"]},
            "names": {"values": ["triage"]},
            "versions": {"values": ["1"]},
        },
        "parameters": {
            "path.job_id": {"dictionary": "jobs", "probability": 0.7},
            "path.training_sheet_id": {"dictionary": "sheets", "probability": 0.7},
            "path.name": {"dictionary": "names", "probability": 0.8},
            "path.version": {"dictionary": "versions", "probability": 0.8},
        },
        "checks": {
            # What a field may be is not all that must hold: a sheet must exist, batches be divisible, keys be known.
            "positive_data_acceptance": {"enabled": False},
            # Job ids are made by the server, and a cancelled job is still there.
            "use_after_free": {"enabled": False},
            "ensure_resource_availability": {"enabled": False},
        },
        "operations": [
            # OpenAPI 3.1 says of a stream that it is text, and no more; Schemathesis takes that for what an event is.
            {
                "include-name": "GET /api/v1/training/jobs/{job_id}/events/stream",
                "checks": {"response_schema_conformance": {"enabled": False}},
            },
            # No Dagster runs here, and to say so is what this one is for.
            {
                "include-name": "GET /readyz",
                "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", "503"]}},
            },
        ],
    }
)
#: Read from the app, not asked of it: it would run for that, on whatever database this machine's user has.
DOCUMENTS = {
    auth: schemathesis.openapi.from_dict(create_app(Settings(auth=auth)).openapi(), config=CONFIG)
    for auth in ("none", "token")
}


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    """Real parts but for the trainer, with a sheet and jobs at several points of their life."""
    with stand_in_services(settings, database) as parts:
        write_sheet(settings.sheets, "small", rows(40))
        status = {"tj-running": JobStatus.RUNNING, "tj-failed": JobStatus.FAILED}
        for job_id in JOBS:
            values: dict[str, Any] = {"training_sheet_id": "small", "status": status.get(job_id, JobStatus.PENDING)}
            parts.store.create(new_job(id=job_id, backend="local", **values), message="Created.")
        prepared(parts, "tj-lineage")
        lineage.set_model(parts.store, "tj-lineage", version="1", files={"model.safetensors": "0" * 64})
        yield parts


def session_of(app: FastAPI) -> AbstractContextManager[ASGIClient]:
    """A client of the app. What Schemathesis takes for the type of an app has `dict` where ASGI has any mapping."""
    return get_client(cast("Any", app), max_stream_events=EVENTS)


@pytest.fixture
def open_session(settings: Settings, services: Services) -> Iterator[ASGIClient]:
    """A client of an app that asks nobody who is there."""
    with session_of(create_app(settings.model_copy(update=UNHURRIED), services)) as client:
        yield client


@pytest.fixture
def known_session(settings: Settings, services: Services) -> Iterator[ASGIClient]:
    """A client with an admin's token, of an app that asks; requests without it and with a wrong one are tried too."""
    asking = settings.model_copy(update={"auth": "token", **UNHURRIED})
    with session_of(create_app(asking, services)) as client:
        client.headers.update(bearer(services, "ada", Role.ADMIN))
        yield client


def is_sent(case: Case) -> bool:
    """Whether a case is one of those that are sent; the same case always is or never."""
    if SOAKING or case.operation.label != CREATE:
        return True
    parts = [case.body, case.query, case.headers, case.cookies, case.media_type]
    return zlib.crc32(json.dumps(parts, default=lambda part: type(part).__name__).encode()) % ONE_OF == 0


def answers(case: Case, session: ASGIClient) -> None:
    """The check itself: it may ask the app again, beside the session, as somebody without a token."""
    if not is_sent(case):
        return
    case.operation.schema.app = case.operation.app = session.app
    case.call_and_validate(session=session)


@DOCUMENTS["none"].parametrize()
@settings(deadline=None, max_examples=10, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_described(case: Case, open_session: ASGIClient) -> None:
    answers(case, open_session)


@DOCUMENTS["token"].parametrize()
@settings(deadline=None, max_examples=10, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_to_those_who_are_asked_who_they_are_is_described(case: Case, known_session: ASGIClient) -> None:
    answers(case, known_session)
