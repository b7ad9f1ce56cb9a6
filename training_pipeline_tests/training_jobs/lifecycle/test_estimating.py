from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from training_pipeline.domain.estimate.prices import PriceList
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.json_file import write_json
from training_pipeline.testing.jobs.advice_facts import LLAMA_8B, config, facts, lengths
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.lifecycle.estimating import Estimator, read_prices
from training_pipeline.training_jobs.store.history import MACHINE
from training_pipeline.training_jobs.store.jobs import JobStore

HERE = LLAMA_8B.model_copy(update={"machine": "here"})
PRICES = "currency: EUR\nas_of: 2025-01-01\nper_hour: {local: 36}\n"


def test_an_estimate_from_history_and_prices(store: JobStore, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    figures = {"duration_seconds": 100.0, "train_pairs": 800, "val_pairs": 200, "current_epoch": 3.0}
    job = new_job(
        status=JobStatus.SUCCEEDED, base_model="/models/llama", training_config=config().model_dump(), **figures
    )
    store.create(job, message="Created.", data={MACHINE: "here"})
    estimator = Estimator(store, tmp_path / "prices.yaml", clock=lambda: datetime(2026, 11, 28, tzinfo=UTC))
    found = estimator.estimate(facts(model=HERE), "sheet-123")
    assert (found.time.middle, found.cost.middle) == pytest.approx((100, 1))
    assert found.currency == "EUR"
    assert "696 days old" in found.notes[0]


def test_without_history_prices_or_a_machine(store: JobStore, tmp_path: Path) -> None:
    found = Estimator(store).estimate(facts(), "sheet-123")
    assert "machine is not known" in found.time.reason
    assert "no price list" in found.cost.reason
    write_json(tmp_path / "speed.json", {"here": {"operations_per_second": 1e13}})
    known = facts(model=HERE, lengths=lengths(100))
    assert Estimator(store, speed_file=tmp_path / "speed.json").estimate(known, "sheet-123").time.middle


def test_a_price_file_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    assert "cannot be read" in str(read_prices(file))
    file.write_text("currency: [EUR")
    assert "line" in str(read_prices(file))
    file.write_bytes(b"currency: caf\xe9")
    assert "is not UTF-8" in str(read_prices(file))
    file.write_bytes(b"#" * 2**20)
    assert "is larger than 256 KiB" in str(read_prices(file))
    assert "is a directory; expected a file" in str(read_prices(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    assert "is a named pipe; expected a file" in str(read_prices(tmp_path / "pipe"))
    file.write_text(PRICES)
    assert isinstance(read_prices(file), PriceList)


def test_an_hour_on_databricks_in_dbu(store: JobStore, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(
        "currency: EUR\nas_of: 2026-11-01\nper_hour: {local: 1}\ndbu_per_hour: {GPU_1xH100: 72}\nper_dbu: 0.5\n"
    )
    asked = config(accelerator="GPU_1xH100", accelerator_count=1)
    there = LLAMA_8B.model_copy(update={"machine": "1x H100"})
    figures = {"duration_seconds": 100.0, "train_pairs": 800, "val_pairs": 200, "current_epoch": 3.0}
    job = new_job(status=JobStatus.SUCCEEDED, base_model="/models/llama", training_config=asked.model_dump(), **figures)
    store.create(job, message="Created.", data={MACHINE: "1x H100"})
    estimator = Estimator(store, tmp_path / "prices.yaml", clock=lambda: datetime(2026, 11, 28, tzinfo=UTC))
    found = estimator.estimate(facts(model=there, accelerator="GPU_1xH100", accelerator_count=1), "sheet-123")
    assert found.cost.middle == pytest.approx(1.0)
    assert (found.cost.basis, found.notes) == ("36 EUR an hour, as of 2026-11-01", ())
    (tmp_path / "prices.yaml").write_text("currency: EUR\nas_of: 2026-11-01\nper_hour: {local: 1, GPU_1xH10: 2}\n")
    missing = estimator.estimate(facts(model=there, accelerator="GPU_1xH100", accelerator_count=1), "sheet-123")
    assert missing.cost.reason == "the price list has no price for 'GPU_1xH100'; did 'GPU_1xH10' mean it?"
    assert "prices of what is not here: GPU_1xH10" in missing.notes[0]
