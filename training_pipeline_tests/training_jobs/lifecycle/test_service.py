from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from training_pipeline.app.backend import local_backend
from training_pipeline.app.container import Services, assemble
from training_pipeline.backends.handles import Handle
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.rehearsal import Rehearsal
from training_pipeline.backends.run_state import RunState
from training_pipeline.backends.submission import Submission
from training_pipeline.domain.advice.facts import ModelFacts, TokenLengths
from training_pipeline.domain.advice.item import AdviceRecord
from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest, NotFound, SheetUnreadable
from training_pipeline.domain.export_summary import SheetWarning
from training_pipeline.domain.job import Action, JobStatus, Phase, TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.domain.revocations import Revoked
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.sft.encoding.pair_ids import pair_ids
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.sheets.pairs import chat
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.dagster_runs import create
from training_pipeline.training_jobs.lifecycle import advising, new_jobs
from training_pipeline.training_jobs.lifecycle.ancestors import FINISHED
from training_pipeline.training_jobs.lifecycle.claims import claim
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.estimates import ADVICE


@pytest.fixture
def services(settings: Settings, database: Database, backend: ScriptedBackend) -> Iterator[Services]:
    write_sheet(settings.sheets, "small", [*rows(39), *rows(1, pair_id="x", status="rejected")])
    parts = assemble(settings, database, backend=backend)
    yield parts
    parts.store.engine.dispose()


def submitted(services: Services, backend: ScriptedBackend, status: JobStatus = JobStatus.RUNNING) -> TrainingJob:
    """A job that its backend has and that has `status`."""
    job = create(services)
    backend.known[(job.id, 1)] = Handle(backend_job_id="b", backend_run_id="r")
    services.store.update(job.id, {"submit_intended_at": job.created_at, "launched_at": job.created_at})
    queued = services.store.change(job, JobStatus.QUEUED, message="queued")
    assert queued is not None
    if status is not JobStatus.QUEUED:
        queued = services.store.change(queued, status, message=str(status)) or queued
    return queued


def test_a_job_is_created_resolved_and_counted(services: Services) -> None:
    job = create(services, training_config={"learning_rate": 0.001})
    assert (job.status, job.created_by, job.request.base_model, job.request.split_seed) == (
        "pending",
        "ada",
        "builtin:tiny",
        "small",
    )
    assert job.request.training_config["learning_rate"] == 0.001
    assert "auto" not in {job.request.training_config["epochs"], job.request.training_config["batch_size"]}
    assert job.request.requested_config == {"learning_rate": 0.001}
    assert (job.data.total_pairs, job.data.eligible_pairs) == (40, 39)
    assert job.data.excluded_counts is not None
    assert job.data.excluded_counts["rejected"] == 1
    assert services.jobs.get(job.id) == job


def test_a_base_model_of_the_hub_is_what_its_name_means_when_the_job_is_created(
    services: Services, backend: ScriptedBackend
) -> None:
    assert create(services, base_model="owner/model").request.base_model_revision is None
    backend.revisions["owner/model"] = "c0ffee"
    job = create(services, base_model="owner/model")
    backend.revisions["owner/model"] = "decaf"
    assert services.store.get(job.id).request.base_model_revision == "c0ffee"
    prepared(services, job.id)
    record = lineage.read(services.store, job.id).base_model
    assert record is not None
    assert (record.revision, record.resolved_at) == ("c0ffee", "creation")


def test_what_lies_in_the_run_folder_of_a_job_without_a_model_is_no_base_model(services: Services) -> None:
    other = create(services)
    prepared(services, other.id)
    place, of_nobody = f"/state/runs/{other.id}-1/model", str(services.settings.runs / "tj-20200101-000000-000000-1")
    for asked in (services.jobs.plan, lambda body: services.jobs.create(body, created_by="ada")):
        for named, told in ((place, other.id), (of_nobody, "no training job on record")):
            with pytest.raises(InvalidRequest) as refused:
                asked({"training_sheet_id": "small", "model_name": "triage", "base_model": named})
            (problem,) = refused.value.problems
            assert (problem.pointer, problem.code, told in problem.message) == ("/base_model", "unfinished", True)
            assert refused.value.hint == FINISHED
    lineage.set_model(services.store, other.id, version=None, files={"model.safetensors": "0" * 64})
    assert create(services, base_model=place).request.base_model == place


def test_a_large_sheet_is_counted_by_its_launch(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_jobs, "COUNTED_AT_ONCE", 5)
    assert create(services).data.eligible_pairs is None


@pytest.fixture
def planning(settings: Settings, backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend plans as the local one does."""
    monkeypatch.setattr(backend, "plan", local_backend(settings).plan)


@pytest.mark.usefixtures("planning")
@pytest.mark.parametrize("counted_at_once", [1000, 5])
def test_a_plan_resolves_what_creating_the_job_would(
    services: Services, monkeypatch: pytest.MonkeyPatch, counted_at_once: int
) -> None:
    monkeypatch.setattr(new_jobs, "COUNTED_AT_ONCE", counted_at_once)
    plan = services.jobs.plan({"training_sheet_id": "small", "model_name": "triage"})
    job = create(services)
    assert plan.config.model_dump() == job.request.training_config
    assert (plan.summary.total, plan.summary.eligible) == (40, 39)


@pytest.mark.usefixtures("planning")
def test_what_was_revoked_is_left_out_of_plan_job_and_dataset(services: Services) -> None:
    whole = required(prepared(services, create(services).id).data.dataset, "dataset")
    asked = Revoked(kind="pair", value="p-0007", training_sheet_id="small")
    services.revocations.revoke(asked, reason="consent withdrawn", actor="grace")
    plan = services.jobs.plan({"training_sheet_id": "small", "model_name": "triage"})
    assert (plan.summary.eligible, plan.summary.excluded[Reason.REVOKED]) == (38, 1)
    job = create(services)
    assert (job.data.eligible_pairs, (job.data.excluded_counts or {})["revoked"]) == (38, 1)
    retrained = prepared(services, job.id)
    dataset = required(retrained.data.dataset, "dataset")
    assert dataset.train_pairs + dataset.validation_pairs == whole.train_pairs + whole.validation_pairs - 1
    assert services.revocations.held(retrained) == {}, "so its model may be registered"


@pytest.mark.usefixtures("planning")
def test_a_plan_that_cannot_be_is_refused_before_the_pairs_are_judged(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_jobs, "split_of", lambda *_, **__: pytest.fail("the pairs were judged"))
    with pytest.raises(InvalidRequest, match="huge"):
        services.jobs.plan({"training_sheet_id": "small", "model_name": "triage", "base_model": "builtin:huge"})


class RehearsingBackend(ScriptedBackend):
    """Names the first pair of each file that it is given."""

    seen: tuple[Path, ...] = ()

    def tokenizer(self, base_model: str) -> str | None:
        return base_model if base_model == "builtin:tiny" else None

    def rehearse(self, submission: Submission) -> Rehearsal:
        self.seen = (submission.train_file, submission.validation_file)
        counts = [len(path.read_text().splitlines()) for path in self.seen]
        first = next(pair_ids(submission.manifest_file, "train"))
        warning = SheetWarning(code="training_refused", count=sum(counts), message=f"It cannot write {first}.")
        return Rehearsal(warnings=(warning,), lengths=TokenLengths(counts={9: sum(counts)}), unknown_tokens=2)

    def plan(self, base_model: str | None, config: TrainingConfig, *, train_pairs: int | None) -> Plan:
        found = super().plan(base_model, config, train_pairs=train_pairs)
        return found.model_copy(update={"config": found.config.model_copy(update={"max_length": 1024})})


def test_a_plan_says_what_the_trainer_would_refuse_and_keeps_no_text(settings: Settings, database: Database) -> None:
    spelling = rows(1, pair_id="p-x", item_ref="item-x", messages=chat("What is <|im_end|>?", "A control token."))
    write_sheet(settings.sheets, "small", [*rows(39), *spelling])
    backend = RehearsingBackend()
    parts = assemble(settings, database, backend=backend)
    asked = {"training_sheet_id": "small", "model_name": "triage"}
    warning = parts.jobs.plan(asked).warnings[0]
    assert (warning.code, warning.count) == ("training_refused", 40)
    assert warning.message.startswith("It cannot write p")
    assert len(backend.seen) == 2
    assert not any(path.exists() for path in backend.seen)
    elsewhere = parts.jobs.plan({**asked, "base_model": "owner/name"})
    assert "training_refused" not in {found.code for found in elsewhere.warnings}
    # Where the tokenizer itself was not asked, tokens of known families are told.
    assert "control_tokens" in {found.code for found in elsewhere.warnings}
    assert "control_tokens" not in {found.code for found in parts.jobs.plan(asked).warnings}
    parts.store.engine.dispose()


def test_advice_is_stored_with_the_job_as_it_was_given(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sheet(settings.sheets, "small", rows(40))
    parts = assemble(settings, database, backend=RehearsingBackend())

    def stored(job_id: str) -> AdviceRecord:
        return AdviceRecord.model_validate(parts.store.created_with(job_id)[ADVICE])

    before = create(parts)
    assert "max_length" not in {one.rule for one in stored(before.id).advice}  # nobody has read the texts yet
    planned = parts.jobs.plan({"training_sheet_id": "small", "model_name": "triage"})
    assert {"max_length", "tokens_unknown"} <= {one.rule for one in planned.advice.advice}
    parts.store.engine.dispose()
    parts = assemble(settings, database, backend=RehearsingBackend())  # as a command of its own would
    job = create(parts)
    assert stored(job.id) == planned.advice
    # As if by a later release: the rules of today say something else, and what was given stays.
    monkeypatch.setattr(advising, "advise", lambda _: AdviceRecord(rules_version="later"))
    assert stored(create(parts).id).rules_version == "later"
    assert stored(job.id) == planned.advice
    parts.store.engine.dispose()


def test_where_no_tokenizer_can_be_asked_characters_tell_the_lengths(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sheet(settings.sheets, "small", rows(40))
    parts = assemble(settings, database, backend=RehearsingBackend())
    asked = {"training_sheet_id": "small", "model_name": "triage", "base_model": "owner/name"}
    found = {one.rule: one for one in parts.jobs.plan(asked).advice.advice}
    assert (found["max_length_estimated"].confidence, found["max_length_estimated"].field) == ("low", "max_length")
    assert "Estimated from characters" in found["max_length_estimated"].reason
    makes_its_own = ModelFacts(from_scratch=True)
    monkeypatch.setattr(RehearsingBackend, "describe", lambda *_: makes_its_own, raising=False)
    monkeypatch.setattr(advising, "advise", lambda facts: AdviceRecord(rules_version=str(facts.lengths)))
    assert parts.jobs.plan(asked).advice.rules_version == "None"
    parts.store.engine.dispose()


def test_everything_that_is_wrong_is_said_at_once(services: Services) -> None:
    with pytest.raises(InvalidRequest) as caught:
        create(
            services,
            model_name="No Such Name",
            train_val_split=0.99,
            training_config={"learning_rate": -1, "epochs": 51, "lerning_rate": 0.1},
        )
    assert {problem.pointer for problem in caught.value.problems} == {
        "/model_name",
        "/train_val_split",
        "/training_config/learning_rate",
        "/training_config/epochs",
        "/training_config/lerning_rate",
    }
    assert "learning_rate" in caught.value.hint
    assert "(got -1)" in str(caught.value)
    assert services.jobs.list()[1] == 0


def test_a_name_that_cannot_be_registered_is_refused_beside_what_the_backend_says(
    services: Services, backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ask in (services.jobs.plan, lambda request: services.jobs.create(request, created_by="ada")):
        with pytest.raises(InvalidRequest, match="new job instead") as caught:
            ask({"training_sheet_id": "small", "model_name": "m", "uc_schema": "ml/prod"})
        assert [problem.pointer for problem in caught.value.problems] == ["/uc_schema"]

    def refuses(*_: object, **__: object) -> Plan:
        raise InvalidRequest("No.", problems=[FieldProblem("/base_model", "unknown", "is unknown")])

    monkeypatch.setattr(backend, "plan", refuses)
    with pytest.raises(InvalidRequest) as caught:
        create(services, uc_schema="ml/prod")
    assert [problem.pointer for problem in caught.value.problems] == ["/uc_schema", "/base_model"]
    assert services.jobs.list()[1] == 0


def test_a_job_of_an_earlier_version_is_retried_with_its_names_where_it_registers_nothing(services: Services) -> None:
    for registers, name in ((True, "a"), (False, "b")):
        job = create(services, model_name=name, register_to_uc=registers)
        services.store.update(job.id, {"uc_schema": "ml/prod"})
        services.jobs.cancel(job.id, actor="bob", reason="too slow")
        assert services.jobs.get(job.id).request.uc_schema == "ml/prod"
        if registers:
            with pytest.raises(InvalidRequest, match="/uc_schema"):
                services.jobs.retry(job.id, actor="bob")
        else:
            assert services.jobs.retry(job.id, actor="bob").request.uc_schema == "ml/prod"


def test_a_sheet_that_is_missing_or_broken_is_refused_before_there_is_a_job(services: Services) -> None:
    with pytest.raises(NotFound, match="no-such-sheet"):
        create(services, training_sheet_id="no-such-sheet")
    path = services.settings.sheets / "small.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], '{"pair_id": "secret text', *lines[3:]]))
    with pytest.raises(SheetUnreadable, match="line 3") as caught:
        create(services)
    assert "secret text" not in str(caught.value)
    assert services.jobs.list()[1] == 0


def test_a_pending_job_is_cancelled_at_once(services: Services, backend: ScriptedBackend) -> None:
    job = create(services)
    claim(services.store, Phase.LAUNCH)
    done = services.jobs.cancel(job.id, actor="bob", reason="wrong sheet")
    assert (done.status, done.cancellation.requested_by, done.cancellation.reason) == (
        "cancelled",
        "bob",
        "wrong sheet",
    )
    assert services.jobs.cancel(job.id, actor="eve", reason="again") == done
    assert backend.cancelled == []


def test_a_running_job_is_cancelled_when_its_backend_says_so(services: Services, backend: ScriptedBackend) -> None:
    job = submitted(services, backend)
    backend.state = RunState(status=JobStatus.RUNNING)
    asked = services.jobs.cancel(job.id, actor="bob", reason="wrong sheet")
    assert (asked.status, asked.cancellation.reason) == ("running", "wrong sheet")
    assert asked.allowed_actions == ("poll",)
    again = services.jobs.cancel(job.id, actor="eve", reason="me too")
    assert again.cancellation.requested_by == "bob"
    backend.state = RunState(status=JobStatus.CANCELLED)
    assert services.jobs.poll(job.id).status is JobStatus.CANCELLED


def test_a_cancel_after_the_intention_to_submit_is_a_request(services: Services, backend: ScriptedBackend) -> None:
    job = create(services)
    services.store.update(job.id, {"submit_intended_at": job.created_at})
    asked = services.jobs.cancel(job.id, actor="bob", reason="wrong sheet")
    assert asked.status is JobStatus.PENDING
    assert asked.cancellation.requested_at is not None


def test_a_job_that_is_over_cannot_be_cancelled(services: Services, backend: ScriptedBackend) -> None:
    job = submitted(services, backend, JobStatus.FAILED)
    with pytest.raises(Conflict, match="failed"):
        services.jobs.cancel(job.id, actor="bob", reason="late")


def trained(services: Services, backend: ScriptedBackend) -> TrainingJob:
    """A job that is trained and whose first finalize run had bad luck."""
    job = submitted(services, backend)
    services.store.update(job.id, {"backend_status": JobStatus.SUCCEEDED})
    claim(services.store, Phase.FINALIZE, job_id=job.id)
    services.failures.interrupted(Phase.FINALIZE, job.id, 1, why="killed")
    assert claim(services.store, Phase.FINALIZE, job_id=job.id) == []
    return services.jobs.get(job.id)


def test_a_trained_job_is_finished_when_somebody_asks(services: Services, backend: ScriptedBackend) -> None:
    job = trained(services, backend)
    assert job.allowed_actions == (Action.CANCEL, Action.POLL, Action.FINISH)
    services.jobs.finish(job.id, actor="bob")
    assert [event.actor for event in services.store.events(job.id, limit=1)[0]] == ["bob"]
    (claimed,) = claim(services.store, Phase.FINALIZE, job_id=job.id)
    assert Action.FINISH not in claimed.allowed_actions
    assert services.jobs.finish(job.id, actor="eve").finalize.claimed_at == claimed.finalize.claimed_at
    done = services.store.change(claimed, JobStatus.SUCCEEDED, message="Succeeded.")
    assert services.jobs.finish(job.id, actor="eve") == done


def test_what_is_not_trained_cannot_be_finished(services: Services, backend: ScriptedBackend) -> None:
    with pytest.raises(Conflict, match="is not trained yet"):
        services.jobs.finish(create(services).id, actor="bob")
    with pytest.raises(Conflict, match=r"has ended \(failed\)"):
        services.jobs.finish(submitted(services, backend, JobStatus.FAILED).id, actor="bob")


def test_a_trained_job_that_waits_is_cancelled_at_once(services: Services, backend: ScriptedBackend) -> None:
    job = trained(services, backend)
    done = services.jobs.cancel(job.id, actor="bob", reason="not needed")
    assert (done.status, done.cancellation.requested_by) == (JobStatus.CANCELLED, "bob")
    assert "The model stays where it was trained" in services.store.events(job.id, limit=1)[0][0].message
    services.store.update(job.id, {"finalize_after": None})
    assert claim(services.store, Phase.FINALIZE, job_id=job.id) == []
    assert backend.cancelled == []


def test_a_retry_is_a_new_job_that_names_the_one_it_retries(services: Services, backend: ScriptedBackend) -> None:
    job = create(services, training_config={"epochs": 3})
    with pytest.raises(Conflict, match="pending"):
        services.jobs.retry(job.id, actor="bob")
    services.jobs.cancel(job.id, actor="bob", reason="too slow")
    again = services.jobs.retry(job.id, actor="bob", changes={"learning_rate": 0.01})
    assert (again.retry_of, again.attempt, again.status, again.created_by) == (job.id, 2, "pending", "bob")
    assert again.request.requested_config == {"epochs": 3, "learning_rate": 0.01}
    with pytest.raises(InvalidRequest, match="training_config/epochs"):
        services.jobs.retry(job.id, actor="bob", changes={"epochs": 0})


def test_what_succeeded_is_not_retried(services: Services, backend: ScriptedBackend) -> None:
    job = submitted(services, backend, JobStatus.SUCCEEDED)
    with pytest.raises(Conflict, match="cannot be retried"):
        services.jobs.retry(job.id, actor="bob")


def test_a_retry_is_planned_as_it_would_be_created(services: Services, backend: ScriptedBackend) -> None:
    job = submitted(services, backend)
    with pytest.raises(Conflict, match="is running"):
        services.jobs.plan_retry(job.id)
    services.store.change(job, JobStatus.FAILED, message="no")
    plan = services.jobs.plan_retry(job.id, changes={"epochs": 3})
    assert (plan.config.epochs, plan.split.train + plan.split.validation) == (3, 39)
    with pytest.raises(InvalidRequest):
        services.jobs.plan_retry(job.id, changes={"epochs": 0})
    assert services.jobs.list()[1] == 1
