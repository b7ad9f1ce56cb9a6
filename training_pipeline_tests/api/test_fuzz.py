"""Headers may be any bytes; what Schemathesis sends is what the OpenAPI document knows of."""

from __future__ import annotations

from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.testing.jobs.job_life import JOBS
from training_pipeline.testing.soak import examples


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(["X-Request-ID", "Idempotency-Key", "Content-Type", "Accept"]), st.binary(max_size=30)
    )
)
def test_headers(client: TestClient, headers: dict[str, bytes]) -> None:
    clean = {name: value.translate(None, b"\r\n\0") for name, value in headers.items()}
    answer = client.post(JOBS, content=b'{"model_name": "M"}', headers=list(clean.items()))  # type: ignore[arg-type]
    assert answer.status_code in {415, 422}
