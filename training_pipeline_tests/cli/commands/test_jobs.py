"""Each command on training jobs, on this installation and behind its REST API: the same answers."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx2
import pytest

from training_pipeline.app.container import Services
from training_pipeline.cli.user import user
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.rules.policy import GATE_POLICY_VERSION
from training_pipeline.testing.jobs.job_life import JOBS, succeeded
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.command_line import Command

NAMES = (
    "create",
    "advise",
    "list",
    "show",
    "watch",
    "cancel",
    "finish",
    "retry",
    "events",
    "metrics",
    "lineage",
    "diff",
)
WHERE = ("local", "remote")


def both(command: Command, url: str, *arguments: str) -> Any:
    """What the command answers on this installation, as JSON, having seen that the service answers the same."""
    here = command("jobs", *arguments, "--json")
    there = command("jobs", *arguments, "--json", "--url", url)
    assert here == there
    assert (here[0], here[2]) == (0, "")
    return json.loads(here[1])


def get(url: str, path: str, **params: Any) -> Any:
    """What the REST API itself answers."""
    return httpx2.get(f"{url}{JOBS}{path}", params=params, trust_env=False, timeout=60).raise_for_status().json()


def test_what_is_read_is_what_the_rest_api_answers(command: Command, url: str, done: TrainingJob) -> None:
    of_job = f"/{done.id}"
    assert both(command, url, "show", done.id) == get(url, of_job)
    assert both(command, url, "list", "--sheet", "small", "--by", "ada") == get(
        url, "", training_sheet_id="small", created_by="ada", page_size=20
    )
    assert both(command, url, "list", "--status", "failed", "--active")["jobs"] == []
    page = both(command, url, "events", done.id, "--limit", "5")
    assert page == get(url, f"{of_job}/events", page_size=5)
    further = both(command, url, "events", done.id, "--cursor", page["next_cursor"], "--limit", "1000")
    assert len(page["events"]) + len(further["events"]) == page["total"] == 36
    assert both(command, url, "metrics", done.id) == get(url, f"{of_job}/metrics")
    some = both(command, url, "metrics", done.id, "--from-step", "5", "--to-step", "50", "--resolution", "8")
    assert some == get(url, f"{of_job}/metrics", from_step=5, to_step=50, resolution=8)
    assert both(command, url, "lineage", done.id) == get(url, f"{of_job}/lineage")
    page = both(command, url, "lineage", done.id, "--pairs", "train", "--limit", "20")
    assert page == get(url, f"{of_job}/lineage", pairs="train", page_size=20)
    last = both(command, url, "lineage", done.id, "--pairs", "train", "--cursor", page["next_cursor"])
    assert len(page["qa_pair_ids"]) + len(last["qa_pair_ids"]) == page["train_pairs"]


def test_more_rows_than_a_page_holds(
    command: Command, url: str, done: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training_pipeline.cli.commands.paging.MOST_ROWS", 7)
    found = both(command, url, "events", done.id, "--limit", "30")
    whole = get(url, f"/{done.id}/events", page_size=30)
    assert found == whole


@pytest.mark.parametrize("where", WHERE)
def test_what_a_person_sees(command: Command, url: str, done: TrainingJob, where: str) -> None:
    at = ["--url", url] if where == "remote" else []
    seen = {}
    for name in ("show", "events", "metrics", "lineage"):
        code, seen[name], err = command("jobs", name, done.id, *at)
        assert (code, err) == (0, "")
    assert all(
        word in seen["show"]
        for word in (done.id, "succeeded", "Sheet small (small)", "event [29]", "the last 20 of 36 events")
    )
    assert all(word in seen["events"] for word in ("system", "event [29]", "--cursor"))
    assert all(word in seen["metrics"] for word in ("1.000, validation 1.167", "▁", "60.000 → 1.000", "--csv"))
    record = (
        f"policy {GATE_POLICY_VERSION}",
        "Invoices (invoices)",
        "Triage (triage)",
        "version 2",
        "model.safetensors",
        "--pairs train",
    )
    assert [word for word in record if word not in seen["lineage"]] == []
    _, pairs, _ = command("jobs", "lineage", done.id, "--pairs", "excluded", *at)
    assert "rejected" in pairs
    _, listed, _ = command("jobs", "list", *at)
    assert all(word in listed for word in (done.id, "succeeded", "100 %", "ada"))
    assert "No training jobs match." in command("jobs", "list", "--active", *at)[1]


def test_what_changed_between_two_jobs(command: Command, url: str, done: TrainingJob, services: Services) -> None:
    pairs = [*rows(30), *rows(1, pair_id="x")]
    write_sheet(services.settings.sheets, "small", pairs, prompt_template={"id": "triage", "version": "v3"})
    later = succeeded(services)
    found = both(command, url, "diff", done.id, later.id, "--limit", "4")
    assert found == get(url, f"/{done.id}/diff/{later.id}", page_size=4)
    rest = both(command, url, "diff", done.id, later.id, "--cursor", found["next_cursor"])
    assert len(found["pairs"]) + len(rest["pairs"]) >= found["counts"]["removed"] == 9
    removed = both(command, url, "diff", done.id, later.id, "--change", "removed", "--limit", "100")["pairs"]
    assert len(removed) == found["counts"]["removed"]
    _, seen, _ = command("jobs", "diff", done.id, later.id)
    told = ("removed", "template_version", "v3", "not in the sheet", "sam")
    assert [word for word in told if word not in seen] == []
    assert "template_version" not in command("jobs", "diff", done.id, later.id, "--cursor", found["next_cursor"])[1]
    assert "Nothing else differs." in command("jobs", "diff", done.id, done.id)[1]


def test_jobs_side_by_side(command: Command, url: str, done: TrainingJob, services: Services) -> None:
    later = succeeded(services)
    found = both(command, url, "compare", done.id, later.id)
    assert found == get(url, "/compare", jobs=f"{done.id},{later.id}")
    _, seen, _ = command("jobs", "compare", done.id, later.id)
    told = ("It is unknown", "tokenizer", "what differs", "split_predecessor", later.id)
    assert [word for word in told if word not in seen] == []
    code, _, err = command("jobs", "compare", done.id, done.id, "nobody")
    assert code != 0
    assert all(word in err for word in ("/jobs/1", "/jobs/2", "nobody"))


def test_every_step_as_csv(command: Command, url: str, done: TrainingJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training_pipeline.client.jobs.every_step.MOST_POINTS", 10)  # so that stretches are halved
    asked = ("jobs", "metrics", done.id, "--csv", "--resolution", "10")
    here = command(*asked)
    assert here == command(*asked, "--url", url)
    assert (here[0], here[2]) == (0, "")
    steps = list(csv.DictReader(io.StringIO(here[1])))
    assert [int(row["step"]) for row in steps] == list(range(1, 61))
    assert [row["val_loss"] for row in steps[8:10]] == ["", "7.0"]
    assert command("jobs", "metrics", done.id, "--csv", "--json")[0] == 2


@pytest.mark.parametrize("where", WHERE)
def test_a_job_is_created_cancelled_and_retried(command: Command, url: str, services: Services, where: str) -> None:
    at = ["--url", url] if where == "remote" else []
    asked = ["create", "small", "--model-name", "triage", "--split", "0.75", "--config", "seed=7", "--no-register"]
    code, out, _ = command("jobs", *asked, "--epochs", "2", "--split-seed", "s", "--uc-catalog", "ml", *at, "--json")
    job = json.loads(out)
    stored = services.store.get(job["id"])
    assert (code, stored.request.train_val_split, stored.request.split_seed, stored.request.uc_catalog) == (
        0,
        0.75,
        "s",
        "ml",
    )
    assert (stored.request.requested_config, stored.request.register_to_uc) == ({"epochs": 2, "seed": 7}, False)
    assert stored.created_by == (services.settings.local_user if where == "remote" else user())
    code, out, _ = command("jobs", "cancel", stored.id, "--reason", "wrong sheet", *at)
    assert (code, out) == (0, f"{stored.id}: cancelled\n")
    assert json.loads(command("jobs", "cancel", stored.id, *at, "--json")[1])["cancel_reason"] == "wrong sheet"
    code, out, _ = command("jobs", "retry", stored.id, "--config", "learning_rate=0.00005", *at, "--json")
    again = services.store.get(json.loads(out)["id"])
    assert (
        again.retry_of,
        again.request.requested_config["learning_rate"],
        again.request.requested_config["seed"],
    ) == (
        stored.id,
        0.00005,
        7,
    )
    trained = {"backend_status": "succeeded", "launched_at": again.created_at}
    services.store.update(again.id, trained)
    code, out, _ = command("jobs", "finish", again.id, *at)
    assert (code, out) == (0, f"{again.id}: the running system finishes it now\n")
    code, out, _ = command("jobs", "create", "small", *at)
    assert code == 0
    assert "39 of 40 pairs may be trained on" in out
    assert services.jobs.list()[1] == 3


@pytest.mark.parametrize("where", WHERE)
def test_a_key_makes_one_job(command: Command, url: str, services: Services, where: str) -> None:
    at = ["--url", url] if where == "remote" else []
    first = command("jobs", "create", "small", "--idempotency-key", "monday", "--json", *at)
    assert command("jobs", "create", "small", "--idempotency-key", "monday", "--json", *at) == first
    code, _, err = command("jobs", "create", "small", "--idempotency-key", "monday", "--epochs", "3", *at)
    assert (code, "used for another request" in err) == (1, True)
    job_id = json.loads(first[1])["id"]
    command("jobs", "cancel", job_id, *at)
    again = command("jobs", "retry", job_id, "--idempotency-key", "tuesday", "--json", *at)
    assert command("jobs", "retry", job_id, "--idempotency-key", "tuesday", "--json", *at) == again
    assert services.jobs.list()[1] == 2


def test_a_plan_stores_nothing(command: Command, url: str, services: Services) -> None:
    plan = both(command, url, "create", "small", "--dry-run")
    assert (plan["split"]["train"], plan["export_summary"]["eligible"], plan["dry_run"]) == (31, 39, True)
    _, here, _ = command("jobs", "create", "small", "--dry-run")
    _, there, _ = command("jobs", "create", "small", "--dry-run", "--url", url)
    assert here == there
    assert all(word in here for word in ("31 train + 8 validation", "rejected", "With 8 validation pairs"))
    assert services.jobs.list()[1] == 0
    assert command("jobs", "create", "small", "--dry-run", "--watch")[0] == 2


def test_advice_before_a_job_and_after_it(command: Command, url: str, done: TrainingJob, services: Services) -> None:
    asked = ("small", "--config", "method=lora", "--learning-rate", "0.05")
    assert both(command, url, "advise", *asked) == both(command, url, "create", *asked, "--dry-run")
    _, here, _ = command("jobs", "advise", *asked)
    assert here == command("jobs", "advise", *asked, "--url", url)[1]
    told = ["builtin:tiny, 31 training and 8 validation pairs", "The built-in model", "confidence high"]
    told += ["measured with the bundled sample", "Training time: not known", "TRAINING_PIPELINE_PRICE_FILE"]
    assert [word for word in [*told, "Take it with", "--config learning_rate="] if word not in here] == []
    services.store.update(done.id, {"val_accuracy": 1.0, "custom_metrics": {"exact_match_after": 0.0}})
    _, shown, _ = command("jobs", "show", done.id)
    assert "Every token is predicted right" in shown


def test_the_speed_of_this_machine_is_measured_when_it_is_asked_for(
    command: Command, url: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = '{"operations_per_second": 1e11}'
    monkeypatch.setattr("training_pipeline.backends.local.speed.PROGRAM", ("printf", said))
    assert command("jobs", "advise", "small", "--probe", "--url", url)[0] == 2
    assert not services.settings.machine_speed.exists()
    assert command("jobs", "advise", "small", "--probe")[0] == 0
    assert "100000000000" in services.settings.machine_speed.read_text()


WRONG = {
    "fields": ["create", "small", "--model-name", "No Name", "--split", "2", "--epochs", "99", "--config", "sed=1"],
    "sheet": ["create", "no-such"],
    "base model": ["create", "small", "--base-model", "/no/such"],
    "job": ["show", "tj-none"],
    "no id": ["cancel", "../../etc"],
    "cursor": ["list", "--cursor", "nonsense"],
    "pairs": ["lineage", "tj-none", "--pairs", "train"],
    "change": ["retry", "tj-none", "--config", "epochs=many"],
}
SAID = {
    "fields": ["/model_name", "/train_val_split", "/training_config/epochs", "/training_config/sed", "learning_rate"],
    "sheet": ["no training sheet 'no-such'"],
    "base model": ["/base_model", "/no/such", "builtin:tiny"],
    "job": ["no training job 'tj-none'", "jobs list"],
    "no id": ["no training job '../../etc'"],
    "cursor": ["/cursor", "next_cursor"],
    "pairs": ["no training job 'tj-none'"],
    "change": ["/training_config/epochs", "many"],
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_refused_reads_alike(command: Command, url: str, what: str) -> None:
    for at in ([], ["--url", url]):
        code, out, err = command("jobs", *WRONG[what], *at)
        assert (code, out) == (1, "")
        assert [word for word in SAID[what] if word not in err] == []
        assert "Traceback" not in err
        assert "unforeseen" not in err
        assert ("Request id: req-" in err) == (at != [] and what != "no id")


@pytest.mark.parametrize("name", NAMES)
def test_wrong_usage_is_exit_code_2(command: Command, name: str) -> None:
    assert command("jobs", name, "--nonsense")[0] == 2
