from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.domain.training_config import JobRequest
from training_pipeline.schemas.request_like import request_like
from training_pipeline.testing.jobs.api_answers import job

OTHERWISE: dict[str, Any] = {
    "training_sheet_id": "cases",
    "model_name": "triage",
    "base_model": "org/model",
    "train_val_split": 0.70000001,
    "split_seed": "2026-11",
    "split_predecessor": "tj-20261123-072145-9f3a2c",
    "fresh_split": True,
    "register_to_uc": False,
    "uc_catalog": "ml",
    "uc_schema": "models",
    "tags": ["a", "k:v"],
}


def test_no_field_is_lost() -> None:
    assert {*OTHERWISE, "training_config", "note"} == set(JobRequest.model_fields)
    request = JobRequest.model_validate({**OTHERWISE, "note": "of that job", "training_config": {"epochs": 3}})
    assert request_like(request, {"epochs": 3}) == {**OTHERWISE, "training_config": {"epochs": 3}}


def test_what_is_as_by_default_is_not_stated() -> None:
    asked = {"training_sheet_id": "sheet-123", "model_name": "triage", "base_model": "builtin:tiny"}
    assert request_like(job(), {"accelerator": None}) == {**asked, "training_config": {}}


@pytest.mark.parametrize("seed", ["sheet-123", "another"])
def test_the_seed_of_a_job(seed: str) -> None:
    assert request_like(job(split_seed=seed), {}).get("split_seed") == (None if seed == "sheet-123" else seed)
