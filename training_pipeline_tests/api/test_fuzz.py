"""Whatever a client sends, the answer is one that the OpenAPI document describes, and never 5xx."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.domain.job import JobRequest, TrainingConfig
from training_pipeline_tests.api.life import API, JOBS
from training_pipeline_tests.api.test_openapi import DOCUMENT, operations

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[]), max_size=20)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
CONFIG = st.dictionaries(st.sampled_from(sorted(TrainingConfig.model_fields)) | st.text(), SCALARS, max_size=4)
BODIES = st.fixed_dictionaries(
    {"training_sheet_id": st.sampled_from(["small", "none"]), "model_name": st.sampled_from(["m", "M"])},
    optional={
        "training_config": CONFIG | VALUES,
        **{
            name: VALUES
            for name in JobRequest.model_fields
            if name not in {"training_config", "training_sheet_id", "model_name"}
        },
    },
)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def described(method: str, template: str, status: int) -> bool:
    return status < 500 and str(status) in DOCUMENT["paths"][template][method.lower()]["responses"]


@FUZZ
@given(
    BODIES | VALUES, st.sampled_from(["/jobs?dry_run=true", "/jobs/none/cancel", "/jobs/none/retry", "/jobs/none/poll"])
)
def test_bodies(client: TestClient, body: Any, path: str) -> None:
    template = (API + path.partition("?")[0]).replace("none", "{job_id}")
    answer = client.post(API + path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert described("POST", template, answer.status_code), answer.text


@FUZZ
@given(
    st.sampled_from([template for method, template, _ in operations() if method == "GET" and template.startswith(API)]),
    st.text(min_size=1, max_size=30).filter(lambda text: "/" not in text and text not in {".", ".."}),
    st.dictionaries(
        st.sampled_from(
            ["page", "page_size", "cursor", "status", "created_by", "from_step", "resolution", "pairs", "limit"]
        ),
        st.text(max_size=10) | st.integers().map(str),
    ),
)
def test_paths_and_queries(client: TestClient, template: str, text: str, params: dict[str, str]) -> None:
    path = template.replace("{job_id}", quote(text, safe="")).replace("{training_sheet_id}", quote(text, safe=""))
    answer = client.get(path, params=params)
    assert described("GET", template, answer.status_code), answer.text


@FUZZ
@given(
    st.dictionaries(
        st.sampled_from(["X-Request-ID", "Idempotency-Key", "Content-Type", "Accept"]), st.binary(max_size=30)
    )
)
def test_headers(client: TestClient, headers: dict[str, bytes]) -> None:
    clean = {name: value.translate(None, b"\r\n\0") for name, value in headers.items()}
    answer = client.post(JOBS, content=b'{"model_name": "M"}', headers=list(clean.items()))  # type: ignore[arg-type]
    assert answer.status_code in {415, 422}
