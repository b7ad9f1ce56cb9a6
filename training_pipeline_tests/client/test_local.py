"""Roles and ownership: what of a caller's wishes reaches the services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import least_role
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.errors import Forbidden, InvalidRequest, NotYours
from training_pipeline.domain.job import Action, JobStatus, TrainingJob
from training_pipeline.schemas.sheet_import import ImportTrainingSheet
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.system.installation import with_parts
from training_pipeline.uploads.staging import Upload

UPLOAD = Upload("up-0", "ada", Path("none.csv"))
REQUEST = {"training_sheet_id": "small", "model_name": "triage"}
STUDY = {"name": "s", "job": REQUEST, "space": {"epochs": {"low": 1, "high": 3}}, "most_trials": 3}
VERBS: dict[str, Callable[[LocalClient], Any]] = {
    "create": lambda client: client.create(REQUEST),
    "plan": lambda client: client.plan(REQUEST),
    "list": lambda client: client.list(),
    "active": lambda client: client.active(),
    "get": lambda client: client.get("x"),
    "poll": lambda client: client.poll("x"),
    "cancel": lambda client: client.cancel("x", reason="r"),
    "finish": lambda client: client.finish("x"),
    "annotate": lambda client: client.annotate("x", note="n"),
    "retry": lambda client: client.retry("x", changes={"epochs": 1}),
    "plan_retry": lambda client: client.plan_retry("x", changes={"epochs": 1}),
    "events": lambda client: client.events("x"),
    "metrics": lambda client: client.metrics("x"),
    "result": lambda client: client.result("x"),
    "log": lambda client: client.log("x"),
    "system_metrics": lambda client: client.system_metrics("x"),
    "lineage": lambda client: client.lineage("x"),
    "advice": lambda client: client.advice("x"),
    "estimates": lambda client: client.estimates(),
    "diff": lambda client: client.diff("x", "y"),
    "compare": lambda client: client.compare(["x", "y"]),
    "follow": lambda client: client.follow("x"),
    "training_sheets": lambda client: client.training_sheets(),
    "training_sheet": lambda client: client.training_sheet("small"),
    "preview": lambda client: client.preview("small"),
    "sheet_pairs": lambda client: client.sheet_pairs("small"),
    "pair_conversations": lambda client: client.pair_conversations("small", "p-0001"),
    "sheet_lengths": lambda client: client.sheet_lengths("small"),
    "near_duplicates": lambda client: client.near_duplicates("small"),
    "what_lifting_adds": lambda client: client.what_lifting_adds("small"),
    "sheet_versions": lambda client: client.sheet_versions("small"),
    "sheet_diff": lambda client: client.sheet_diff("small", "small"),
    "discard_upload": lambda client: client.discard_upload("x"),
    "receive_upload": lambda client: client.receive_upload("x"),
    "fetch_upload": lambda client: client.fetch_upload("s3://x/y"),
    "import_prefixes": lambda client: client.import_prefixes(),
    "upload": lambda client: client.upload("x"),
    "look_at_upload": lambda client: client.look_at_upload(UPLOAD, ImportTrainingSheet(id="x")),
    "import_upload": lambda client: client.import_upload(UPLOAD, ImportTrainingSheet(id="x")),
    "approve_sheet": lambda client: client.approve_sheet("small", {"digest": "0" * 64}),
    "edit_pairs": lambda client: client.edit_pairs("small", {"digest": "0" * 64, "pair_ids": ["x"]}),
    "undo_edit": lambda client: client.undo_edit("small", 1, {"digest": "0" * 64}),
    "take_over_sheet": lambda client: client.take_over_sheet("small", {"digest": "0" * 64}),
    "sheet_edits": lambda client: client.sheet_edits("small"),
    "pair_text": lambda client: client.pair_text("small", "x"),
    "base_models": lambda client: client.base_models(),
    "uses": lambda client: client.uses(pair="x"),
    "preview_revocation": lambda client: client.preview_revocation({"label": "x", "reason": "r"}),
    "revoke": lambda client: client.revoke({"label": "x", "reason": "r"}),
    "revocations": lambda client: client.revocations(),
    "revocation": lambda client: client.revocation("x"),
    "decide": lambda client: client.decide(
        {"model_name": "m", "model_version": "1", "decision": "retrain", "reason": "r"}
    ),
    "decisions": lambda client: client.decisions(),
    "verify_decisions": lambda client: client.verify_decisions(),
    "create_suite": lambda client: client.create_suite({"name": "s", "training_sheet_ids": ["small"]}),
    "create_study": lambda client: client.create_study(STUDY),
    "plan_study": lambda client: client.plan_study(STUDY),
    "studies": lambda client: client.studies(),
    "study_facets": lambda client: client.study_facets(),
    "study": lambda client: client.study("x"),
    "stop_study": lambda client: client.stop_study("x", reason="r"),
    "promote_trial": lambda client: client.promote_trial("x"),
    "suites": lambda client: client.suites(),
    "suite": lambda client: client.suite("x"),
    "check_suite": lambda client: client.check_suite("x", "y"),
    "model_versions": lambda client: client.model_versions(),
    "model_version": lambda client: client.model_version("x", "1"),
    "retrain": lambda client: client.retrain("x", "1"),
    "verify_model_version": lambda client: client.verify_model_version("x", "1"),
    "add_endpoint": lambda client: client.add_endpoint("x", "1", url="https://x"),
    "remove_endpoint": lambda client: client.remove_endpoint("x", "1", url="https://x"),
    "evaluate": lambda client: client.evaluate("x", "1", {"suite": "s"}),
    "evaluations": lambda client: client.evaluations("x", "1"),
    "cancel_evaluation": lambda client: client.cancel_evaluation("x", "1", "ev-1"),
    "ask": lambda client: client.ask("x", "1", {"question": "q"}),
    "download_model_file": lambda client: client.download_model_file("x", "1", "f"),
    "playground_limits": lambda client: client.playground_limits(),
    "promote": lambda client: client.promote("x", "1", {}),
    "roll_back": lambda client: client.roll_back("x", {"reason": "r"}),
    "promotions": lambda client: client.promotions("x"),
    "version_facets": lambda client: client.version_facets(),
    "audit_job": lambda client: client.audit_job("x"),
    "audit_model_version": lambda client: client.audit_model_version("x", "1"),
    "facets": lambda client: client.facets(),
    "best_losses": lambda client: client.best_losses(["x"]),
    "waiting": lambda client: client.waiting("x"),
}
OF_STEWARDS = {
    "preview_revocation",
    "revoke",
    "decide",
    "approve_sheet",
    "edit_pairs",
    "undo_edit",
    "take_over_sheet",
    "pair_text",
}
OF_OPERATORS = {
    "fetch_upload",
    "import_prefixes",
    "create",
    "plan",
    "cancel",
    "finish",
    "annotate",
    "retry",
    "plan_retry",
    "add_endpoint",
    "remove_endpoint",
    "create_suite",
    "create_study",
    "plan_study",
    "stop_study",
    "promote_trial",
    "discard_upload",
    "receive_upload",
    "upload",
    "look_at_upload",
    "import_upload",
    "retrain",
    "evaluate",
    "ask",
    "download_model_file",
    "cancel_evaluation",
    "promote",
    "roll_back",
}
OF_JOBS = ("create", "plan", "poll", "cancel", "finish", "retry", "plan_retry")


def test_every_verb_is_tried_here_and_says_whom_it_is_for() -> None:
    verbs = {name for name in dir(LocalClient) if not name.startswith("_")} - {"shown"}
    assert set(VERBS) == verbs
    assert {name for name in verbs if least_role(getattr(LocalClient, name)) is Role.OPERATOR} == OF_OPERATORS
    assert {name for name in verbs if least_role(getattr(LocalClient, name)) is Role.STEWARD} == OF_STEWARDS
    assert set(Action) <= verbs


@pytest.mark.parametrize("verb", sorted(OF_OPERATORS))
def test_a_viewer_is_refused_before_anything_is_looked_at(verb: str) -> None:
    """There are no services: what would ask them fails otherwise."""
    client = object.__new__(LocalClient)
    client.caller = Caller("ada", Role.VIEWER)
    with pytest.raises(Forbidden, match="requires the role operator; ada has the role viewer"):
        VERBS[verb](client)


@pytest.mark.parametrize("verb", sorted(OF_STEWARDS))
@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.ADMIN])
def test_nobody_but_a_steward_decides_on_data(verb: str, role: Role) -> None:
    client = object.__new__(LocalClient)
    client.caller = Caller("ada", role)
    with pytest.raises(Forbidden, match=f"requires the role steward; ada has the role {role}"):
        VERBS[verb](client)


class Recording:
    """A `JobService`, or what stores jobs, that knows one job, of ada, and keeps what it is asked to do."""

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, Any]] = {}

    def get(self, job_id: str) -> TrainingJob:
        return new_job(created_by="ada")

    def __getattr__(self, verb: str) -> Any:
        def ask(*_: object, **arguments: Any) -> TrainingJob:
            self.asked[verb] = arguments
            return new_job(created_by="ada")

        return ask


def done_by(services: Services, caller: Caller) -> dict[str, dict[str, Any]]:
    """What of everything that can be asked for reaches the service of jobs."""
    recording = Recording()
    client = LocalClient(with_parts(services, jobs=recording, store=Recording()), caller)
    for verb in OF_JOBS:
        try:
            VERBS[verb](client)
        except (Forbidden, AttributeError):  # what is recorded is no plan
            continue
    return recording.asked


@pytest.mark.parametrize(
    ("caller", "verbs"),
    [
        (Caller("ada", Role.VIEWER), {"poll"}),
        (Caller("eve", Role.OPERATOR), {"poll", "create", "plan"}),
        (Caller("ada", Role.OPERATOR), set(OF_JOBS)),
        (Caller("eve", Role.ADMIN), set(OF_JOBS)),
    ],
)
def test_only_what_the_caller_may_reaches_the_service(services: Services, caller: Caller, verbs: set[str]) -> None:
    assert done_by(services, caller).keys() == verbs


def test_the_caller_is_the_actor(services: Services) -> None:
    asked = done_by(services, Caller("eve", Role.ADMIN))
    assert asked["create"]["created_by"] == asked["cancel"]["actor"] == asked["retry"]["actor"] == "eve"


def test_whose_job_it_is_is_said(services: Services) -> None:
    job = services.jobs.create(REQUEST, created_by="ada")
    with pytest.raises(NotYours, match="belongs to ada"):
        LocalClient(services, Caller("eve", Role.OPERATOR)).cancel(job.id, reason="r")
    assert services.jobs.get(job.id).status is JobStatus.PENDING


def test_what_a_retry_would_come_to(services: Services) -> None:
    client = LocalClient(services, Caller("ada", Role.OPERATOR))
    job = client.create({**REQUEST, "training_config": {"epochs": 2, "seed": 7}}).job
    client.cancel(job.id, reason="wrong seed")
    plan = client.plan_retry(job.id, changes={"seed": 8})
    assert (plan.training_config["epochs"], plan.training_config["seed"]) == (2, 8)
    assert (plan.training_sheet_id, plan.export_summary.eligible) == ("small", 39)
    with pytest.raises(InvalidRequest) as caught:
        client.plan_retry(job.id, changes={"seed": "8"})
    assert [problem.pointer for problem in caught.value.problems] == ["/training_config/seed"]
    assert client.list().total == 1


def test_the_values_that_jobs_may_be_filtered_by(services: Services, done: TrainingJob) -> None:
    found = LocalClient(services, Caller("eve", Role.VIEWER)).facets()
    assert (found.training_sheet_ids, found.creators) == (("small",), ("ada",))
    assert found.statuses[JobStatus.SUCCEEDED] == 1
