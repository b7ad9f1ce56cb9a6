"""What is kept of a job: events, metrics, lineage."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import AssetRecord
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.testing.jobs.job_life import JOBS, accepted, post, prepared
from training_pipeline.testing.jobs.jobs import ScriptedBackend, point
from training_pipeline.training_jobs.store import lineage, metrics
from training_pipeline.training_jobs.store.events import EventType


def get(client: TestClient, job_id: str, what: str, **params: Any) -> dict[str, Any]:
    answer = client.get(f"{JOBS}/{job_id}/{what}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_events_come_in_pages_newest_first(client: TestClient, services: Services) -> None:
    job_id = post(client)["id"]
    post(client)
    for number in range(4):
        services.store.record(job_id, EventType.INFO, f"event {number}")
    first = get(client, job_id, "events", page_size=2)
    services.store.record(job_id, EventType.INFO, "later")
    second = get(client, job_id, "events", page_size=2, cursor=first["next_cursor"])
    third = get(client, job_id, "events", page_size=2, cursor=second["next_cursor"])
    messages = [event["message"] for page in (first, second, third) for event in page["events"]]
    assert messages == ["event 3", "event 2", "event 1", "event 0", "Created."]
    assert (first["total"], first["page"], third["total"], third["next_cursor"]) == (5, 1, 6, None)
    assert [event["message"] for event in get(client, job_id, "events", page_size=3, page=2)["events"]][
        -1
    ] == "Created."


def test_the_log_of_a_backend_that_keeps_it_elsewhere(client: TestClient) -> None:
    job_id = post(client)["id"]
    found = get(client, job_id, "log")
    assert found["text"] == ""
    assert "page of the run" in found["unavailable"]
    assert client.get(f"{JOBS}/{job_id}/log", params={"offset": -1}).status_code == 422


def test_what_the_machine_did(client: TestClient, services: Services, backend: ScriptedBackend) -> None:
    job = accepted(services, backend, post(client)["id"], JobStatus.RUNNING)
    assert "page of the run" in get(client, job.id, "system-metrics")["not_measured"]
    metrics.add_points(services.store, job, [point("system/cpu_percent", n, 50.0 + n) for n in range(9)], 9)
    found = get(client, job.id, "system-metrics", resolution=2)
    assert [sample["cpu_percent"] for sample in found["samples"]] == [50.0, 58.0]
    assert (found["samples_total"], found["sampled"], found["not_measured"]) == (9, True, None)
    assert client.get(f"{JOBS}/{job.id}/system-metrics", params={"resolution": 1}).status_code == 422


def test_the_result_of_a_job_that_has_not_ended(client: TestClient) -> None:
    job_id = post(client)["id"]
    found = get(client, job_id, "result", limit=5)
    assert (found["unavailable"], found["losses"], found["texts_shown"]) == ("The job has not succeeded.", [], True)
    assert client.get(f"{JOBS}/{job_id}/result", params={"limit": 0}).status_code == 422


def test_metrics_so_far(client: TestClient, services: Services, backend: ScriptedBackend) -> None:
    job = accepted(services, backend, post(client)["id"], JobStatus.RUNNING)
    points = [point("train_loss", step, 6.0 - step) for step in range(1, 5)]
    points += [point("val_loss", 4, 2.5), point("learning_rate", 4, 0.001), point("val_loss_not_finite", 3, 1.0)]
    metrics.add_points(services.store, job, points, 7)
    found = get(client, job.id, "metrics")
    assert (found["train_loss"], found["val_loss"], found["learning_rate"]) == (2.0, 2.5, 0.001)
    assert (found["tokens_processed"], found["series_total"], found["sampled"]) == (4000, 4, False)
    assert found["training_duration_seconds"] > 0
    assert [(row["step"], row["val_loss"]) for row in found["series"]] == [(1, None), (2, None), (3, None), (4, 2.5)]
    stretch = get(client, job.id, "metrics", from_step=2, to_step=3)
    assert [row["step"] for row in stretch["series"]] == [2, 3]
    backwards = client.get(f"{JOBS}/{job.id}/metrics", params={"from_step": 3, "to_step": 2})
    assert (backwards.status_code, backwards.json()["errors"][0]["pointer"]) == (422, "/to_step")
    coarse = get(client, job.id, "metrics", resolution=2)
    assert (coarse["sampled"], [row["step"] for row in coarse["series"]]) == (True, [1, 4])


def test_lineage_says_what_was_trained_on_and_who_allowed_it(client: TestClient, services: Services) -> None:
    job_id = post(client)["id"]
    assert client.get(f"{JOBS}/{job_id}/lineage").status_code == 404
    prepared(services, job_id)
    record = AssetRecord(partition=job_id, run_id="run", storage_id=7, data_version="v")
    lineage.add_assets(services.store, job_id, {"train_split": record})
    found = get(client, job_id, "lineage")
    assert (found["training_sheet_id"], found["sheet_name"], found["template_version"]) == ("small", "Invoices", "v2")
    assert (found["train_pairs"], found["validation_pairs"], found["excluded_pairs"]) == (31, 8, 1)
    assert len(found["qa_pair_ids"]) == 39
    assert found["assets"] == [{"asset_key": "train_split", **record.model_dump()}]
    assert {pair["reviewed_by"] for pair in found["pairs"]} == {"grace"}
    assert str(services.settings.state_dir) not in str(found)


def test_the_pairs_of_a_lineage_come_in_pages(client: TestClient, services: Services) -> None:
    job_id = post(client)["id"]
    prepared(services, job_id)
    everything: list[str] = []
    for part, count in (("train", 31), ("validation", 8), ("excluded", 1)):
        ids: list[str] = []
        page = get(client, job_id, "lineage", pairs=part, page_size=7)
        while True:
            ids += page["qa_pair_ids"]
            if page["next_cursor"] is None:
                break
            page = get(client, job_id, "lineage", pairs=part, page_size=7, cursor=page["next_cursor"])
        assert (len(ids), ids) == (count, sorted(ids))
        everything += ids
    assert len(set(everything)) == 40
    cursor = get(client, job_id, "lineage", pairs="train", page_size=7)["next_cursor"]
    other = client.get(f"{JOBS}/{job_id}/lineage", params={"pairs": "validation", "cursor": cursor})
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/cursor")


def test_a_manifest_that_is_gone_is_503_and_its_path_is_not_told(client: TestClient, services: Services) -> None:
    job = prepared(services, post(client)["id"])
    assert job.data.dataset is not None
    for path in services.settings.datasets.glob("*/manifest.parquet"):
        path.unlink()
    answer = client.get(f"{JOBS}/{job.id}/lineage")
    assert answer.status_code == 503
    assert str(services.settings.state_dir) not in answer.text


def test_an_answer_stored_before_a_field_was_added_can_be_read(client: TestClient) -> None:
    added = {"advice", "links", "backend_run_url", "mlflow_run_url", "model_url"}
    stored = {name: value for name, value in post(client).items() if name not in added}
    assert TrainingJob.model_validate(stored).links == ()
