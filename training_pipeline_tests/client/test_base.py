"""What a `Client` promises, of this installation and over HTTP: every verb, the same answers, the same refusals."""

from __future__ import annotations

import inspect
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services
from training_pipeline.client.base import Client
from training_pipeline.client.config import RemoteService
from training_pipeline.client.http import HttpService
from training_pipeline.client.local import LocalClient
from training_pipeline.client.remote import RemoteClient
from training_pipeline.domain.access import local_caller
from training_pipeline.domain.advice.rules import VERSION
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.model_version import VersionState
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.domain.sheet_change import SheetChange
from training_pipeline.domain.study import StudyStatus
from training_pipeline.schemas.event import TrainingJobEvent
from training_pipeline.schemas.training_job import TrainingJob as Shown
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import accepted, succeeded
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.servers.served_api import served
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.training_jobs.store.queries import JobSort

REQUEST = {"training_sheet_id": "small", "model_name": "triage"}
WHERE = ("local", "remote")
LONG = "r" * 1001
#: Each verb that sends a body, with what it is called with for a body of the wrong form.
WRONG: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "create": (({**REQUEST, "train_val_split": "0.5", "training_config": {"epochs": 99, "x": 1}},), {}),
    "plan": (({"model_name": "No Name", "x": 1},), {}),
    "retry": (("tj-none",), {"changes": {"epochs": "three", "x": 1}}),
    "cancel": (("tj-none",), {"reason": LONG}),
    "annotate": (("tj-none",), {"note": 2 * LONG, "tags": ["a,b"]}),
    "create_suite": (({"name": "No Name", "training_sheet_ids": "small"},), {}),
    "evaluate": (("triage", "1", {"suite": 7, "champion": None, "x": [1]}), {}),
    "promote": (("triage", "1", {"alias": "", "gate": {"x": 1}, "suite": 7}), {}),
    "roll_back": (("triage", {"reason": LONG, "x": True}), {}),
    "preview_revocation": (({"label": 1},), {}),
    "revoke": (({"label": ["one"], "reason": None},), {}),
    "decide": (({"model_name": "m", "model_version": 1, "decision": "forgive", "due": "soon"},), {}),
    "ask": (("triage", "1", {"question": "", "max_tokens": "9"}), {}),
    "add_endpoint": (("triage", "1"), {"url": "u" * 2001}),
    "approve_sheet": (("small", {"digest": "0"}), {}),
    "edit_pairs": (("small", {"pair_ids": "p-1", "status": "perhaps"}), {}),
    "undo_edit": (("small", 1, {}), {}),
    "take_over_sheet": (("small", {"digest": "0"}), {}),
    "create_study": (({"name": "A", "job": {"training_config": {"x": 1}}, "space": {"y": {}}, "most_trials": 0},), {}),
    "plan_study": (({"name": "A", "space": {"y": {}}, "most_trials": 0},), {}),
    "stop_study": (("none",), {"reason": LONG, "let_finish": "no"}),
    "promote_trial": (("none",), {"trial": 0}),
}


def verbs(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_both_clients_have_every_verb() -> None:
    assert verbs(RemoteClient) == verbs(Client)
    # What only pages ask, and the way a job is shown.
    only_local = {"plan_retry", "facets", "version_facets", "study_facets", "shown"}
    only_local |= {"best_losses", "pair_text", "playground_limits", "waiting"}
    # A file comes in as it is sent, which no client of ours does.
    only_local |= {"discard_upload", "receive_upload", "upload", "look_at_upload", "import_upload"}
    only_local |= {"fetch_upload", "import_prefixes"}
    assert verbs(LocalClient) - verbs(Client) == only_local


@pytest.fixture(params=WHERE)
def client(request: pytest.FixtureRequest, settings: Settings, services: Services) -> Iterator[Client]:
    if request.param == "local":
        yield LocalClient(services, local_caller(settings.local_user))
        return
    with served(create_app(settings, services)) as app, HttpService(RemoteService(url=app.url)) as service:
        yield RemoteClient(service)


@pytest.fixture
def local(settings: Settings, services: Services) -> LocalClient:
    """The one whose answers every other client's equal."""
    return LocalClient(services, local_caller(settings.local_user))


def error_of(client: Client, verb: str, *arguments: object, **named: object) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        getattr(client, verb)(*arguments, **named)
    return caught.value


def test_a_job_is_created_once_for_a_key(client: Client, services: Services) -> None:
    first = client.create(REQUEST, idempotency_key="monday")
    again = client.create(REQUEST, idempotency_key="monday")
    assert (first.replayed, again.replayed, again.job) == (False, True, first.job)
    assert services.jobs.get(first.job.id).created_by == services.settings.local_user
    changed = {**REQUEST, "train_val_split": 0.5}
    assert error_of(client, "create", changed, idempotency_key="monday").code == "idempotency_key_reused"
    assert not client.create(REQUEST).replayed
    client.cancel(first.job.id, reason="")
    retried = [client.retry(first.job.id, changes={"seed": 1}, idempotency_key="tuesday") for _ in range(2)]
    assert [one.replayed for one in retried] == [False, True]
    assert (retried[0].job, retried[0].job.retry_of) == (retried[1].job, first.job.id)
    assert retried[0].job.requested_config == {"seed": 1}
    assert client.list().total == 3


def test_a_plan_stores_nothing(client: Client, local: LocalClient) -> None:
    plan = client.plan(REQUEST)
    assert plan == local.plan(REQUEST)
    assert (plan.split.train + plan.split.validation, plan.export_summary.eligible) == (39, 39)
    assert client.list().total == 0


def test_everything_that_is_wrong_is_said_at_once(client: Client, services: Services) -> None:
    body = {"model_name": "No Name", "train_val_split": "0.5", "training_config": {"epochs": 99, "x": 1}}
    for verb in ("create", "plan"):
        error = error_of(client, verb, body)
        assert error.code == "invalid_request"
        assert {problem.pointer for problem in error.problems} == {
            "/training_sheet_id",
            "/model_name",
            "/train_val_split",
            "/training_config/epochs",
            "/training_config/x",
        }
        assert "Known keys of training_config: epochs," in error.hint
    assert services.jobs.list()[1] == 0


def test_the_bodies_of_every_verb_are_held_against_both_clients() -> None:
    def sends_a_body(verb: str) -> bool:
        return re.search(r"body=|_create\(", inspect.getsource(getattr(RemoteClient, verb))) is not None

    assert {verb for verb in verbs(RemoteClient) if sends_a_body(verb)} == set(WRONG)


def test_a_body_of_the_wrong_form_is_refused_in_the_same_words(client: Client, local: LocalClient) -> None:
    for verb, (arguments, named) in WRONG.items():
        error, expected = (error_of(each, verb, *arguments, **named) for each in (client, local))
        said = "\n".join(line for line in error.hint.splitlines() if not line.startswith("Request id: "))
        assert (error.code, error.message) == ("invalid_request", "The request is invalid."), verb
        assert (error.message, error.problems, said) == (expected.message, expected.problems, expected.hint), verb
        assert error.problems, verb


def test_jobs_are_listed_by_every_filter(client: Client, local: LocalClient, services: Services) -> None:
    made = [local.create({**REQUEST, "model_name": f"model-{number}"}).job for number in range(3)]
    services.jobs.create(REQUEST, created_by="ada")
    local.cancel(made[0].id, reason="")
    for filters, expected in (
        ({}, 4),
        ({"statuses": [JobStatus.CANCELLED]}, 1),
        ({"statuses": [JobStatus.CANCELLED, JobStatus.PENDING], "training_sheet_id": "small"}, 4),
        ({"training_sheet_id": "other"}, 0),
        ({"created_by": "ada"}, 1),
        ({"search": "MODEL-"}, 3),
        ({"sort": JobSort.MODEL_NAME, "descending": False}, 4),
        ({"page": 2, "page_size": 3}, 4),
    ):
        found = client.list(**filters)
        assert found == local.list(**filters)
        assert found.total == expected, filters
    by_name = client.list(sort=JobSort.MODEL_NAME, descending=False).jobs
    assert [job.model_name for job in by_name] == ["model-0", "model-1", "model-2", "triage"]
    assert client.active() == local.active()
    assert client.active().total == 3


def test_pages_lead_from_one_to_the_next(client: Client, done: TrainingJob) -> None:
    for _ in range(4):
        client.create(REQUEST)
    whole = client.list()
    first = client.list(page_size=3)
    second = client.list(page_size=3, cursor=first.next_cursor)
    assert [*first.jobs, *second.jobs] == whole.jobs
    assert (first.page, second.page, second.next_cursor) == (1, None, None)
    assert client.list(page=2, page_size=3).jobs == second.jobs
    active = client.active()
    first_active = client.active(page_size=3)
    last_active = client.active(cursor=first_active.next_cursor)
    assert [*first_active.jobs, *last_active.jobs] == active.jobs
    assert (len(first_active.jobs), first_active.total, last_active.total) == (3, active.total, active.total)
    assert (active.next_cursor, last_active.next_cursor) == (None, None)
    events = client.events(done.id, page_size=20)
    rest = client.events(done.id, page_size=20, cursor=events.next_cursor)
    assert [*events.events, *rest.events] == client.events(done.id, page_size=200).events
    assert client.events(done.id, page=2, page_size=20).events == rest.events
    pairs = client.lineage(done.id, pairs="train", page_size=20)
    further = client.lineage(done.id, pairs="train", cursor=pairs.next_cursor)
    assert len(pairs.pairs) + len(further.pairs) == pairs.train_pairs


def test_model_versions_and_where_they_are_served(client: Client, local: LocalClient, done: TrainingJob) -> None:
    found = client.model_versions(name="triage", state=VersionState.REGISTERED, sheet="small", page_size=1)
    assert found == local.model_versions(name="triage", state=VersionState.REGISTERED, sheet="small", page_size=1)
    assert [(one.name, one.version, one.job_id) for one in found.model_versions] == [("triage", "2", done.id)]
    assert client.model_versions(alias="champion").total == 0
    assert client.verify_model_version("triage", "2") == local.verify_model_version("triage", "2")
    url = "https://models.example.org/a?b=c d".replace(" ", "%20")
    assert client.add_endpoint("triage", "2", url=url).endpoints == local.add_endpoint("triage", "2", url=url).endpoints
    assert client.model_version("triage", "2") == local.model_version("triage", "2")
    assert [one.until is None for one in client.remove_endpoint("triage", "2", url=url).endpoints] == [False]
    for verb in ("model_version", "verify_model_version"):
        assert error_of(client, verb, "main.ml.triage", "2").code == "not_found"
    assert error_of(client, "add_endpoint", "triage", "2", url="x").code == "invalid_request"
    assert error_of(client, "remove_endpoint", "triage", "2", url=url).code == "not_found"


def test_a_page_that_cannot_be_is_refused(client: Client, done: TrainingJob) -> None:
    client.create(REQUEST)
    cursor = client.list(page_size=1).next_cursor
    for verb, arguments, named, code in (
        ("list", (), {"cursor": "nonsense"}, "bad_cursor"),
        ("list", (), {"cursor": cursor, "page": 1}, "page_and_cursor"),
        ("list", (), {"cursor": cursor, "sort": JobSort.STATUS}, "cursor_and_sort"),
        ("events", (done.id,), {"cursor": cursor}, "bad_cursor"),
        ("events", (done.id,), {"cursor": cursor, "page": 1}, "page_and_cursor"),
        ("lineage", (done.id,), {"cursor": cursor}, "bad_cursor"),
        ("metrics", (done.id,), {"from_step": 9, "to_step": 8}, "no_stretch"),
    ):
        error = error_of(client, verb, *arguments, **named)
        assert (error.code, [problem.code for problem in error.problems]) == ("invalid_request", [code]), (verb, named)
    other = client.lineage(done.id, pairs="train", page_size=1).next_cursor
    assert error_of(client, "lineage", done.id, pairs="excluded", cursor=other).code == "invalid_request"


def test_what_changed_between_two_jobs(
    client: Client, local: LocalClient, done: TrainingJob, services: Services
) -> None:
    write_sheet(services.settings.sheets, "small", [*rows(35), *rows(1, pair_id="x")])
    later = succeeded(services)
    found = client.diff(done.id, later.id)
    assert found == local.diff(done.id, later.id)
    assert (found.first_job_id, found.second_job_id) == (done.id, later.id)
    assert {field.field for field in found.fields} == {
        "dataset_digest",
        "split_predecessor",
        "training_sheet_digest",
    }
    gone = client.diff(done.id, later.id, changes=[PairChange.REMOVED]).pairs
    assert [pair.pair_id for pair in gone] == [f"p-{number:04d}" for number in range(35, 39)]
    assert all(pair.before and pair.before.reviewed_by == "grace" and pair.after is None for pair in gone)
    back = client.diff(later.id, done.id)
    assert (back.counts.added, back.counts.removed) == (found.counts.removed, found.counts.added)
    first = client.diff(done.id, later.id, page_size=2)
    rest = client.diff(done.id, later.id, cursor=first.next_cursor)
    assert [*first.pairs, *rest.pairs] == found.pairs
    for named in ({"cursor": "x"}, {"cursor": first.next_cursor, "changes": [PairChange.MOVED]}):
        error = error_of(client, "diff", done.id, later.id, **named)
        assert [problem.code for problem in error.problems] == ["bad_cursor"]
    assert error_of(client, "diff", later.id, done.id, cursor=first.next_cursor).code == "invalid_request"
    fresh = client.create(REQUEST).job.id
    for pair in ((done.id, fresh), (fresh, done.id), (done.id, "tj-20260101-000000-aaaaaa")):
        assert error_of(client, "diff", *pair).code == "not_found"


def test_what_is_on_record_of_a_job(client: Client, local: LocalClient, done: TrainingJob) -> None:
    assert client.get(done.id) == local.get(done.id)
    assert client.metrics(done.id) == local.metrics(done.id)
    some = client.metrics(done.id, from_step=5, to_step=50, resolution=8)
    assert some == local.metrics(done.id, from_step=5, to_step=50, resolution=8)
    assert (some.series_total, some.sampled) == (46, True)
    assert client.lineage(done.id) == local.lineage(done.id)
    assert [pair.pair_id for pair in client.lineage(done.id, pairs="excluded").pairs] == ["x"]
    assert [pair.pair_id for pair in client.lineage(done.id, pairs="excluded", search="X").pairs] == ["x"]
    assert client.lineage(done.id, pairs="excluded", search="nowhere").pairs == []


def test_a_job_is_polled_and_cancelled(client: Client, services: Services, backend: ScriptedBackend) -> None:
    job = client.create(REQUEST).job
    accepted(services, backend, job.id, JobStatus.RUNNING)
    polled = client.poll(job.id)
    assert (polled.id, polled.backend_run_id) == (job.id, services.jobs.get(job.id).handles.backend_run_id)
    asked = client.cancel(job.id, reason="wrong sheet")
    assert (asked.cancel_reason, asked.cancel_requested_by) == ("wrong sheet", services.settings.local_user)
    assert backend.cancelled == [job.id]
    pending = client.create(REQUEST).job
    assert client.cancel(pending.id, reason="").status is JobStatus.CANCELLED
    assert client.cancel(pending.id, reason="again").status is JobStatus.CANCELLED


def test_a_trained_job_is_finished(client: Client, services: Services, backend: ScriptedBackend) -> None:
    job = client.create(REQUEST).job
    accepted(services, backend, job.id, JobStatus.RUNNING)
    assert error_of(client, "finish", job.id).code == "conflict"
    services.store.update(job.id, {"backend_status": JobStatus.SUCCEEDED, "finalize_attempt": 1})
    assert client.finish(job.id).allowed_actions == ("cancel", "poll", "finish")


def test_what_people_write_on_a_job(client: Client, local: LocalClient, done: TrainingJob) -> None:
    made = client.annotate(done.id, note="first try", tags=["baseline", "ticket:ML-17"])
    assert (made.note, made.tags) == ("first try", ("baseline", "ticket:ML-17"))
    assert client.annotate(done.id, tags=["baseline"]).note == "first try"
    assert local.get(done.id).tags == ("baseline",)
    assert [job.id for job in client.list(tags=["baseline"]).jobs] == [done.id]
    assert client.list(tags=["baseline", "other"]).total == 0
    assert error_of(client, "annotate", done.id, note="x" * 2001).code == "invalid_request"
    assert error_of(client, "annotate", done.id, tags=["a,b"]).code == "invalid_request"
    assert error_of(client, "annotate", "tj-none", note="n").code == "not_found"


def test_a_job_is_followed_to_its_end(client: Client, done: TrainingJob) -> None:
    newest = client.events(done.id, page_size=3).events
    told = list(client.follow(done.id, after=newest[-1].id))
    assert [update.id for update in told if isinstance(update, TrainingJobEvent)] == [newest[1].id, newest[0].id]
    assert [update.status for update in told if isinstance(update, Shown)] == [JobStatus.SUCCEEDED]


def test_the_advice_on_a_job(client: Client, local: LocalClient, done: TrainingJob) -> None:
    found = client.advice(done.id)
    assert found == local.advice(done.id)
    assert found.rules_version == VERSION
    assert {one.rule for one in found.advice if one.kind == "warning"} >= {"few_pairs", "validation_small"}
    plan = client.plan(REQUEST)
    # Only the dry run has read the texts.
    assert {one.rule for one in plan.advice} - {one.rule for one in found.advice} == {"max_length_estimated"}
    assert found.estimate is not None
    assert "machine is not known" in found.estimate.time.reason
    assert "TRAINING_PIPELINE_PRICE_FILE" in plan.estimate.cost.reason
    assert found.actual_seconds == client.get(done.id).duration_seconds


def test_how_good_estimates_have_been(client: Client, local: LocalClient, done: TrainingJob) -> None:
    found = client.estimates()
    assert found == local.estimates()
    assert (found.overall.jobs, found.jobs) == (0, [])
    assert found.without >= 1


def test_the_audit_export(client: Client, local: LocalClient, done: TrainingJob) -> None:
    """Files of the same names, and of the same bytes but for the one that has the time."""
    for made, ours in (
        (client.audit_job(done.id), local.audit_job(done.id)),
        (client.audit_model_version("triage", "2"), local.audit_model_version("triage", "2")),
    ):
        theirs, own = (zipfile.ZipFile(io.BytesIO(b"".join(pieces))) for pieces in (made, ours))
        assert theirs.namelist() == own.namelist()
        same = set(own.namelist()) - {"README.md", "SHA256SUMS", "model/version.json"}
        assert {name: theirs.read(name) for name in same} == {name: own.read(name) for name in same}
    with pytest.raises(PipelineError, match="has no version '9'"):
        list(client.audit_model_version("triage", "9"))


def test_a_file_of_a_version_that_is_not_here(client: Client, done: TrainingJob) -> None:
    with pytest.raises(PipelineError, match="is not on this machine") as caught:
        list(client.download_model_file("triage", "2", "model.safetensors"))
    assert caught.value.code == "conflict"
    with pytest.raises(PipelineError, match="has no file"):
        list(client.download_model_file("triage", "2", "a/é.txt"))


@pytest.mark.parametrize("verb", ["advice", "get", "poll", "finish", "retry", "events", "metrics", "lineage"])
def test_a_job_that_is_not_there(client: Client, verb: str) -> None:
    error = error_of(client, verb, "tj-none")
    assert (error.code, "no training job 'tj-none'" in error.message) == ("not_found", True)


def test_what_a_job_does_not_take_now(client: Client, done: TrainingJob) -> None:
    assert error_of(client, "cancel", done.id, reason="").code == "conflict"
    assert error_of(client, "retry", done.id).code == "conflict"
    assert error_of(client, "cancel", "tj-none", reason="").code == "not_found"


def test_training_sheets_and_base_models(client: Client, local: LocalClient) -> None:
    sheets = client.training_sheets()
    assert sheets == local.training_sheets()
    assert "small" in {sheet.id for sheet in sheets.training_sheets}
    found = client.training_sheet("small")
    assert found == local.training_sheet("small")
    assert (found.export_summary.total, found.export_summary.eligible) == (40, 39)
    assert len(client.preview("small", limit=3).lines) == 3
    assert client.preview("small") == local.preview("small")
    assert client.sheet_versions("small") == local.sheet_versions("small")
    changed = client.sheet_diff("sheet-123", "small", changes=[SheetChange.ADDED], page_size=2)
    assert changed == local.sheet_diff("sheet-123", "small", changes=[SheetChange.ADDED], page_size=2)
    assert (changed.total, len(changed.pairs), changed.next_cursor is None) == (40, 2, False)
    assert [model.id for model in client.base_models().models] == ["builtin:tiny"]
    assert error_of(client, "training_sheet", "none").code == "not_found"


def test_studies(client: Client, local: LocalClient) -> None:
    asked = {"name": "s", "job": REQUEST, "space": {"epochs": {"choices": [1, 2]}}, "most_trials": 2, "hours": 1}
    made = client.create_study(asked)
    assert made == local.create_study(asked) == client.study("s")
    assert client.studies() == local.studies()
    assert client.plan_study(asked) == local.plan_study(asked)
    assert (
        client.studies(statuses=[StudyStatus.RUNNING], training_sheet_id="small", created_by=local.caller.name).total
        == 1
    )
    assert client.studies(page=2, page_size=1) == local.studies(page=2, page_size=1)
    assert error_of(client, "studies", cursor="x").problems[0].pointer.endswith("/cursor")
    assert client.studies(statuses=[StudyStatus.FAILED, StudyStatus.STOPPED]).total == 0
    found = error_of(client, "create_study", {**asked, "name": "A", "space": {"x": 1}})
    assert [problem.pointer for problem in found.problems] == ["/name", "/space/x"]
    assert error_of(client, "promote_trial", "s").code == "conflict"
    assert error_of(client, "promote_trial", "s", trial=3).code == "not_found"
    assert client.stop_study("s", reason="enough").why == f"stopped by {local.caller.name}: enough"
