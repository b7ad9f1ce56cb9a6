from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, TypeVar

import pytest
from fastapi.testclient import TestClient

from training_pipeline.api.app import create_app
from training_pipeline.api.single_flight import SingleFlight
from training_pipeline.api.turns import Turns
from training_pipeline.app.container import Services
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API, JOBS, accepted, post
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.testing.polling import until
from training_pipeline.training_jobs.lifecycle import new_jobs

T = TypeVar("T")


@pytest.fixture
def default_installation(settings: Settings, default_services: Services) -> Iterator[TestClient]:
    """The app on what a default installation has."""
    with TestClient(create_app(settings, default_services)) as client:
        yield client


FIRST_TRY = {
    "training_sheet_id": "sheet-123",
    "model_name": "test-model",
    "base_model": "databricks-meta-llama-3-1-8b-instruct",
    "train_val_split": 0.8,
    "training_config": {"epochs": 3, "learning_rate": 0.0001},
}


def test_the_request_that_is_tried_first(default_installation: TestClient) -> None:
    refused = default_installation.post(JOBS, json=FIRST_TRY)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/base_model")
    assert "builtin:tiny" in refused.json()["errors"][0]["detail"]
    without = {key: value for key, value in FIRST_TRY.items() if key != "base_model"}
    for body in (without, {**without, "base_model": "builtin:tiny"}):
        made = default_installation.post(JOBS, json=body)
        assert made.status_code == 201
        job = made.json()
        assert made.headers["Location"] == f"{JOBS}/{job['id']}"
        assert (job["base_model"], job["training_config"]["epochs"]) == ("builtin:tiny", 3)
        assert (job["pairs_counted"], job["total_pairs"], job["eligible_pairs"]) == (True, 440, 310)
        assert "auto" not in job["training_config"].values()


@pytest.mark.parametrize("name", ["a" * 300, "/" + "a" * 300, "/etc", "..", "a/../b", "\u202e", "x\n"])
def test_no_name_of_a_base_model_is_more_than_unknown(default_installation: TestClient, name: str) -> None:
    assert default_installation.post(JOBS, json={**FIRST_TRY, "base_model": name}).status_code == 422


def test_counts_that_come_later_are_said_to(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_jobs, "COUNTED_AT_ONCE", 5)
    job = post(client)
    assert (job["pairs_counted"], job["total_pairs"], job["excluded_counts"]) == (False, None, None)


def test_a_dry_run_says_what_would_happen_and_stores_nothing(client: TestClient, services: Services) -> None:
    found = client.post(f"{JOBS}?dry_run=true", json={"training_sheet_id": "small", "model_name": "triage"})
    assert found.status_code == 200
    body = found.json()
    assert (body["export_summary"]["total"], body["export_summary"]["excluded"]["rejected"]) == (40, 1)
    assert (body["split"]["train"], body["split"]["validation"]) == (31, 8)
    assert (body["base_model"], body["planned_steps"]) == ("builtin:tiny", 31)
    assert {"validation_small", "few_pairs"} <= {one["rule"] for one in body["advice"]}
    assert services.store.list()[1] == 0
    assert list(services.settings.snapshots.iterdir()) == list(services.settings.datasets.iterdir()) == []


def test_a_dry_run_is_refused_where_the_launch_would_be(client: TestClient, services: Services) -> None:
    body = {"training_sheet_id": "small", "model_name": "triage"}
    text = (services.settings.sheets / "small.yaml").read_text()
    (services.settings.sheets / "small.yaml").write_text(text.replace("approved", "review"))
    refused = client.post(f"{JOBS}?dry_run=true", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "gate_refused")


def test_jobs_are_listed_newest_first_by_page_and_by_cursor(client: TestClient, services: Services) -> None:
    ids = [services.store.create(new_job(), message="Created.").id for _ in range(5)][::-1]
    first = client.get(JOBS, params={"page_size": 2}).json()
    assert ([job["id"] for job in first["jobs"]], first["total"], first["page"]) == (ids[:2], 5, 1)
    second = client.get(JOBS, params={"page_size": 2, "page": 2}).json()
    third = client.get(JOBS, params={"page_size": 2, "cursor": second["next_cursor"]}).json()
    assert [job["id"] for job in second["jobs"] + third["jobs"]] == ids[2:]
    assert (third["page"], third["next_cursor"], third["total"]) == (None, None, 5)
    beyond = client.get(JOBS, params={"page": 9}).json()
    assert (beyond["jobs"], beyond["total"], beyond["next_cursor"]) == ([], 5, None)


def test_jobs_are_filtered(client: TestClient, services: Services) -> None:
    job = post(client)
    client.post(f"{JOBS}/{job['id']}/cancel")
    post(client)
    cases: list[tuple[dict[str, Any], int]] = [
        ({"status": "cancelled"}, 1),
        ({"status": ["pending", "cancelled"]}, 2),
        ({"training_sheet_id": "small", "created_by": "local", "status": "pending"}, 1),
        ({"training_sheet_id": "other"}, 0),
        ({"created_by": "eve"}, 0),
    ]
    for params, expected in cases:
        assert client.get(JOBS, params=params).json()["total"] == expected, params
    assert client.get(f"{API}/active").json()["total"] == 1


def test_no_job_is_skipped_or_repeated_while_others_are_created(client: TestClient, services: Services) -> None:
    before = [services.store.create(new_job(), message="Created.").id for _ in range(9)]
    seen, cursor = [], None
    for _ in range(20):
        params = {"page_size": 2, **({"cursor": cursor} if cursor else {})}
        page = client.get(JOBS, params=params).json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
        services.store.create(new_job(), message="Created.")
        if cursor is None:
            break
    assert seen == before[::-1]


def test_cancel_is_requested_confirmed_and_refused(
    client: TestClient, services: Services, backend: ScriptedBackend
) -> None:
    job = post(client)
    accepted(services, backend, job["id"], JobStatus.RUNNING)
    backend.state = RunState(status=JobStatus.RUNNING)
    asked = client.post(f"{JOBS}/{job['id']}/cancel", json={"reason": "wrong sheet"})
    assert (asked.status_code, asked.json()["cancel_reason"]) == (202, "wrong sheet")
    assert asked.json()["cancel_requested_by"] == "local"
    backend.state = RunState(status=JobStatus.CANCELLED)
    assert client.post(f"{JOBS}/{job['id']}/cancel").status_code == 200
    assert client.post(f"{JOBS}/{job['id']}/cancel").json()["status"] == "cancelled"
    over = accepted(services, backend, post(client)["id"], JobStatus.FAILED)
    refused = client.post(f"{JOBS}/{over.id}/cancel", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


def test_a_cancel_that_comes_too_late_is_refused(
    client: TestClient, services: Services, backend: ScriptedBackend
) -> None:
    job = accepted(services, backend, post(client)["id"], JobStatus.RUNNING)
    backend.state = RunState(status=JobStatus.FAILED, error="out of memory")
    assert client.post(f"{JOBS}/{job.id}/cancel").status_code == 409
    assert client.get(f"{JOBS}/{job.id}").json()["error_message"] == "out of memory"


def test_a_retry_changes_what_it_is_told_to(client: TestClient) -> None:
    job = post(client, training_config={"epochs": 3, "learning_rate": 0.01})
    assert client.post(f"{JOBS}/{job['id']}/retry").status_code == 409
    client.post(f"{JOBS}/{job['id']}/cancel")
    again = client.post(f"{JOBS}/{job['id']}/retry", json={"training_config": {"epochs": 2}})
    assert again.status_code == 201
    assert again.headers["Location"] == f"{JOBS}/{again.json()['id']}"
    assert (again.json()["retry_of"], again.json()["attempt"]) == (job["id"], 2)
    assert again.json()["requested_config"] == {"epochs": 2, "learning_rate": 0.01}
    assert client.post(f"{JOBS}/{job['id']}/retry", json={"training_config": {"epochs": 0}}).status_code == 422


def test_one_key_makes_one_job(client: TestClient) -> None:
    key, body = {"Idempotency-Key": "monday-1"}, {"training_sheet_id": "small", "model_name": "triage"}
    first = client.post(JOBS, json=body, headers=key)
    again = client.post(JOBS, json={"model_name": "triage", "training_sheet_id": "small"}, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    other = client.post(JOBS, json={**body, "model_name": "other"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert client.get(JOBS).json()["total"] == 1
    client.post(f"{first.headers['Location']}/cancel")
    retried = [client.post(f"{first.headers['Location']}/retry", headers={"Idempotency-Key": "r"}) for _ in range(2)]
    assert retried[0].json() == retried[1].json()
    assert client.get(JOBS).json()["total"] == 2


def test_a_refused_request_leaves_its_key_free(client: TestClient) -> None:
    key, body = {"Idempotency-Key": "k"}, {"training_sheet_id": "small", "model_name": "triage"}
    assert client.post(JOBS, json={**body, "training_sheet_id": "none"}, headers=key).status_code == 404
    assert client.post(JOBS, json=body, headers=key).status_code == 201


def test_one_key_at_the_same_moment_makes_one_job(client: TestClient) -> None:
    body = {"training_sheet_id": "small", "model_name": "triage"}
    answers = together(8, lambda: client.post(JOBS, json=body, headers={"Idempotency-Key": "k"}))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency_key_in_use"}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert client.get(JOBS).json()["total"] == 1


class SlowPlan(ScriptedBackend):
    """Plans a job only when it is let, and counts how many it plans at once."""

    def __init__(self) -> None:
        super().__init__()
        self.let, self.planning, self.most, self.lock = threading.Event(), 0, 0, threading.Lock()

    def plan(self, base_model: str | None, config: TrainingConfig, *, train_pairs: int | None) -> Plan:
        with self.lock:
            self.planning += 1
            self.most = max(self.most, self.planning)
        assert self.let.wait(120)
        with self.lock:
            self.planning -= 1
        return super().plan(base_model, config, train_pairs=train_pairs)


class TestBurst:
    BODY: ClassVar = {"training_sheet_id": "small", "model_name": "triage"}

    @pytest.fixture
    def backend(self) -> SlowPlan:
        return SlowPlan()

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"api_creates_at_once": 2})

    def test_a_burst_is_created_in_turns_while_others_are_answered(self, client: TestClient, backend: SlowPlan) -> None:
        with ThreadPoolExecutor(100) as pool:
            asking = [pool.submit(client.post, JOBS, json=self.BODY) for _ in range(60)]
            until(lambda: backend.planning == 2, what="that two are at work")
            assert client.get("/healthz").status_code == 200
            assert client.get(JOBS).json()["total"] == 0  # which needs a thread
            backend.let.set()
            assert {one.result().status_code for one in asking} == {201}
        assert (client.get(JOBS).json()["total"], backend.most) == (60, 2)

    def test_beyond_those_who_wait_it_is_503_at_once_and_nothing_is_lost_or_doubled(
        self, client: TestClient, backend: SlowPlan
    ) -> None:
        client.app.state.creates = Turns(2, waiting=3, wait_seconds=120)  # type: ignore[attr-defined]
        refused = threading.Event()

        def create(number: int) -> int:
            while True:
                answer = client.post(JOBS, json=self.BODY, headers={"Idempotency-Key": f"job-{number}"})
                if answer.status_code == 201:
                    return number
                assert (answer.status_code, answer.json()["code"]) == (503, "too_many_creates")
                assert answer.headers["Retry-After"].isdigit()
                refused.set()

        with ThreadPoolExecutor(40) as pool:
            asking = [pool.submit(create, number) for number in range(40)]
            assert refused.wait(120)
            backend.let.set()
            assert [one.result() for one in asking] == list(range(40))
        assert client.get(JOBS).json()["total"] == 40

    def test_a_repetition_joins_the_request_that_is_at_work(self, client: TestClient, backend: SlowPlan) -> None:
        key = {"Idempotency-Key": "k"}
        turns = client.app.state.creates = Joining(2, wait_seconds=120)  # type: ignore[attr-defined]
        with ThreadPoolExecutor(8) as pool:
            asking = [pool.submit(client.post, JOBS, json=self.BODY, headers=key) for _ in range(8)]
            until(lambda: turns.asked == 8, what="that all ask")
            other = client.post(JOBS, json={**self.BODY, "model_name": "another"}, headers=key)
            assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_in_use")
            backend.let.set()
            answers = [one.result() for one in asking]
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sorted(answer.headers.get("Idempotent-Replayed", "no") for answer in answers) == ["no", *["true"] * 7]
        assert client.get(JOBS).json()["total"] == 1


class Joining(Turns[T]):
    """Counts who asks."""

    asked = 0

    async def take(self, call: Callable[[], T], *, key: tuple[str, ...] | None = None) -> tuple[T, bool]:
        self.asked += 1
        return await super().take(call, key=key)


class Slow(ScriptedBackend):
    """Answers only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.asking, self.let = 0, threading.Event(), threading.Event()

    def status(self, job_id: str, attempt: int) -> RunState:
        self.asked += 1
        self.asking.set()
        assert self.let.wait(120)
        return super().status(job_id, attempt)


class Counting(SingleFlight[T]):
    """Counts who asks."""

    asking = 0

    async def run(self, key: str, call: Callable[[], T], *, anew: bool = False) -> T:
        self.asking += 1
        return await super().run(key, call, anew=anew)


class TestPoll:
    @pytest.fixture
    def backend(self) -> Slow:
        return Slow()

    def test_the_backend_is_asked_once_for_all_who_ask(
        self, client: TestClient, services: Services, backend: Slow
    ) -> None:
        job = accepted(services, backend, post(client)["id"], JobStatus.RUNNING)
        backend.state = RunState(status=JobStatus.RUNNING, step=5, planned_steps=10)
        polls = client.app.state.polls = Counting()  # type: ignore[attr-defined]
        with ThreadPoolExecutor(100) as pool:
            asking = [pool.submit(client.post, f"{JOBS}/{job.id}/poll") for _ in range(100)]
            until(lambda: polls.asking == 100)
            assert client.get("/healthz").status_code == 200  # threads are left for the others
            assert client.get(f"{JOBS}/{job.id}").status_code == 200
            backend.let.set()
            answers = [one.result() for one in asking]
        assert backend.asked == 1
        assert {(answer.status_code, answer.json()["progress_percent"]) for answer in answers} == {(200, 50.0)}

    def test_another_process_waits_for_the_answer(self, client: TestClient, services: Services, backend: Slow) -> None:
        job = accepted(services, backend, post(client)["id"], JobStatus.RUNNING)
        backend.state = RunState(status=JobStatus.RUNNING, step=5, planned_steps=10)
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(services.jobs.poll, job.id)
            assert backend.asking.wait(120)
            second = pool.submit(services.jobs.poll, job.id)  # no single flight between these two: only the lock
            with pytest.raises(TimeoutError):
                second.result(timeout=0.3)
            backend.let.set()
            assert first.result().progress.percent == second.result().progress.percent == 50.0
        assert backend.asked == 1


def test_a_silent_backend_is_503(client: TestClient, services: Services, backend: ScriptedBackend) -> None:
    job = accepted(services, backend, post(client)["id"], JobStatus.RUNNING)
    backend.state = Unavailable("10.0.0.7 refused the connection")
    silent = client.post(f"{JOBS}/{job.id}/poll")
    assert (silent.status_code, silent.json()["code"]) == (503, "backend_unavailable")
    assert "10.0.0.7" not in silent.text
    assert silent.headers["Retry-After"]
    backend.state = RunState(status=JobStatus.RUNNING)
    assert client.post(f"{JOBS}/{job.id}/poll").status_code == 200


def test_what_is_not_there_is_404(client: TestClient) -> None:
    for path in ("", "/events", "/metrics", "/lineage"):
        assert client.get(f"{JOBS}/none{path}").json()["code"] == "not_found"
    for verb in ("poll", "cancel", "finish", "retry"):
        assert client.post(f"{JOBS}/none/{verb}").status_code == 404


def together(count: int, call: Callable[[], T]) -> list[T]:
    """What `count` threads get that call at the same moment."""
    barrier = threading.Barrier(count)

    def one() -> T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(count)]]
