"""A study from its first trial to its end, and what becomes of it when whoever advances it dies at any moment."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.study import Study, StudyStatus, Trial, TrialStatus
from training_pipeline.infra import advisory_lock
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.studies.trial_life import (
    TrialBackend,
    begin,
    end,
    over,
    report,
    running,
    stored_study,
    tick,
)
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import records


def curve(params: Mapping[str, Any]) -> list[float]:
    """Four evaluations; best at 1e-3 and a rank of 16."""
    off = abs(math.log10(params["learning_rate"]) + 3) + abs(math.log2(params["lora_rank"]) - 4) / 4
    return [1.0 + off + 1.0 / number for number in range(1, 5)]


def steep(params: Mapping[str, Any]) -> list[float]:
    return curve(params)[:2]


def made(services: Services, **values: Any) -> Study:
    return stored_study(services, **values)


def trials(services: Services) -> list[Trial]:
    return records.trials_of(services.store, "s")


def advanced(services: Services) -> Study:
    return services.advance_studies.advance("s")


def test_a_study_from_its_first_trial_to_its_end(services: Services, backend: TrialBackend) -> None:
    pruner = {"startup_trials": 2, "warmup_evaluations": 1}
    made(services, most_trials=6, most_at_once=2, pruner=pruner)
    advanced(services)
    assert [trial.status for trial in trials(services)] == [TrialStatus.RUNNING] * 2
    advanced(services)
    assert len(trials(services)) == 2
    study = over(services, backend, "s", curve)
    assert (study.status, study.why) == (StudyStatus.FINISHED, "all 6 trials were made")
    found = trials(services)
    assert [trial.number for trial in found] == [*range(1, 7)]
    counts = Counter(trial.status for trial in found)
    assert counts.keys() == {TrialStatus.SUCCEEDED, TrialStatus.PRUNED}
    assert len(backend.cancelled) == counts[TrialStatus.PRUNED] > 0
    for trial in found:
        job = services.store.get(trial.job_id or "")
        assert (job.request.model_name, job.request.register_to_uc, job.created_by) == (
            f"s-t{trial.number}",
            False,
            "ada",
        )
        assert job.request.requested_config == trial.params
        events = [event.message for event in services.store.events(job.id)[0]]
        assert f"Trial {trial.number} of the study s." in events
        if trial.status is TrialStatus.PRUNED:
            assert trial.message == job.cancellation.reason
            assert trial.message.startswith(f"pruned at evaluation {trial.pruned_at}: ")
            assert trial.value is None
        else:
            assert trial.value == curve(trial.params)[-1]
    details = services.studies.show("s")
    assert details.best is not None
    assert details.best.value == min(trial.value for trial in found if trial.value is not None)
    assert advanced(services) == study


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def dying(services: Services, monkeypatch: pytest.MonkeyPatch, at: int) -> Iterator[None]:
    """Within the block, this process dies at the point `at`: at the end of a transaction that wrote, and after it.

    To die before a transaction, or in one that only reads, is to die after the last one that has written.
    """
    begins, point = JobStore.begin, -1

    def reached() -> None:
        nonlocal point
        point += 1
        if point == at:
            raise Killed

    def wrote(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if statement.split(None, 1)[0] in {"INSERT", "UPDATE", "DELETE"}:
            connection.info["wrote"] = True

    @contextmanager
    def begin(self: JobStore) -> Iterator[Connection]:
        if self._within is not None:
            yield self._within
            return
        with begins(self) as connection:
            connection.info.pop("wrote", None)
            yield connection
            written = connection.info.pop("wrote", False)
            if written:
                reached()
        if written:
            reached()

    event.listen(services.store.engine, "after_cursor_execute", wrote)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(JobStore, "begin", begin)
            yield
    finally:
        event.remove(services.store.engine, "after_cursor_execute", wrote)


def test_whoever_advances_it_may_die_at_any_moment(
    services: Services, backend: TrialBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"most_trials": 3, "pruner": {"startup_trials": 1, "warmup_evaluations": 0}, "promote": True}
    made(services, name="undisturbed", **values)
    over(services, backend, "undisturbed", steep)
    wanted = records.trials_of(services.store, "undisturbed")
    made(services, **values)
    heard: dict[str, int] = {}
    deaths = 0
    for _ in range(60):
        at = 0
        while True:
            try:
                with dying(services, monkeypatch, at):
                    study = advanced(services)
                break
            except Killed:
                deaths, at = deaths + 1, at + 1
            found = trials(services)
            jobs = {job.id for job in services.jobs.list(limit=None)[0] if job.request.model_name.startswith("s-t")}
            assert {trial.job_id for trial in found if trial.job_id} == jobs
            assert [trial.number for trial in found] == [*range(1, len(found) + 1)]
            assert sum(trial.status in {TrialStatus.ASKED, TrialStatus.RUNNING} for trial in found) <= 1
        if study.ended_at is not None:
            break
        tick(services, backend, "s", steep, heard)
    assert deaths > 20
    assert study.why == "all 3 trials were made"

    def told(trial: Trial) -> tuple[Any, ...]:
        return trial.params, trial.status, trial.value, trial.pruned_at, trial.message

    assert [told(trial) for trial in trials(services)] == [told(trial) for trial in wanted]
    winners = [job.id for job in services.jobs.list(limit=None)[0] if job.request.model_name == "triage"]
    promoted = [trial.promoted_job_id for trial in (*wanted, *trials(services)) if trial.promoted_job_id is not None]
    assert sorted(promoted) == sorted(winners)
    assert len(winners) == 2, "one of each study"
    assert TrialStatus.PRUNED in {trial.status for trial in wanted}
    cancelled = [trial.job_id for trial in trials(services) if trial.status is TrialStatus.PRUNED]
    assert set(cancelled) <= set(backend.cancelled)
    assert not {trial.job_id for trial in trials(services) if trial.value is not None} & set(backend.cancelled)


def test_three_failures_of_one_cause_end_it(services: Services, backend: TrialBackend) -> None:
    made(services, most_trials=9, most_at_once=2)
    causes = iter(["out_of_memory", "other", "out_of_memory", "out_of_memory"])
    for cause in causes:
        advanced(services)
        job_id = running(services, "s")[0].job_id or ""
        begin(services, backend, job_id)
        end(services, job_id, JobStatus.FAILED, error_message=f"It failed: {cause}.", error_details={"code": cause})
    study = advanced(services)
    said = "three trials failed of one cause (out_of_memory): It failed: out_of_memory."
    assert (study.status, study.outcome, study.why) == (StudyStatus.ENDING, StudyStatus.FAILED, said)
    (left,) = running(services, "s")  # goes on as any job does, and counts
    begin(services, backend, left.job_id or "")
    end(services, left.job_id or "", val_loss=1.0)
    study = advanced(services)
    assert (study.status, len(trials(services))) == (StudyStatus.FAILED, 5)
    assert [trial.cause for trial in trials(services)] == [
        "out_of_memory",
        "other",
        "out_of_memory",
        "out_of_memory",
        None,
    ]


@pytest.mark.parametrize("how", ["status", "gone", "job"])
def test_a_sheet_that_loses_permission(services: Services, backend: TrialBackend, how: str) -> None:
    made(services, most_at_once=2)
    advanced(services)
    first, second = running(services, "s")
    for trial in (first, second):
        begin(services, backend, trial.job_id or "")
    end(services, first.job_id or "", val_loss=1.0)
    sheets = services.settings.sheets
    if how == "status":
        write_sheet(sheets, "small", rows(40), status="rejected")
        said = "the training sheet small is rejected and may not be trained on"
    elif how == "gone":
        (sheets / "small.yaml").unlink()
        said = "its training sheet is refused (not_found): "
    else:
        code = {"code": "permission_withdrawn"}
        end(services, second.job_id or "", JobStatus.FAILED, error_message="3 pairs lost it.", error_details=code)
        said = "trial 2 was refused (permission_withdrawn): 3 pairs lost it."
    study = advanced(services)
    assert study.why.startswith(said), study.why
    assert len(trials(services)) == 2
    if how != "job":
        assert study.status is StudyStatus.ENDING
        end(services, second.job_id or "", val_loss=2.0)
        study = advanced(services)
    assert (study.status, len(backend.cancelled)) == (StudyStatus.FAILED, 0)


def test_trials_on_other_pairs_are_not_compared(services: Services, backend: TrialBackend) -> None:
    made(services, most_at_once=3)
    advanced(services)
    first, second, third = running(services, "s")
    begin(services, backend, first.job_id or "")
    advanced(services)
    begin(services, backend, second.job_id or "", digest="e" * 64)
    begin(services, backend, third.job_id or "", digest="e" * 64)
    end(services, third.job_id or "", val_loss=0.1)
    study = advanced(services)
    assert "the training sheet has changed" in study.why
    assert backend.cancelled == [second.job_id]
    end(services, first.job_id or "", val_loss=1.0)
    study = advanced(services)
    assert study.status is StudyStatus.FAILED
    assert [trial.status for trial in trials(services)] == [
        TrialStatus.SUCCEEDED,
        TrialStatus.CANCELLED,
        TrialStatus.FAILED,
    ]
    details = services.studies.show("s")
    assert details.best is not None
    assert details.best.number == 1


def test_it_ends_at_its_budget(services: Services, backend: TrialBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    made(services, hours=2.0, most_at_once=2)
    advanced(services)
    first, second = running(services, "s")
    begin(services, backend, first.job_id or "")
    end(services, first.job_id or "", val_loss=1.0)
    begin(services, backend, second.job_id or "")
    monkeypatch.setattr(services.advance_studies._ending, "_clock", lambda: datetime.now(UTC) + timedelta(hours=2))
    advanced(services)
    study = advanced(services)
    assert (study.status, study.why) == (StudyStatus.FINISHED, "its 2 hours are over")
    assert [trial.status for trial in trials(services)] == [TrialStatus.SUCCEEDED, TrialStatus.CANCELLED]
    assert backend.cancelled == [second.job_id]


@pytest.mark.parametrize("how", ["failures", "let_finish"])
def test_its_hours_hold_while_it_ends(
    services: Services, backend: TrialBackend, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Trials go on for now where three others failed, or where somebody let them finish."""
    made(services, hours=2.0, most_at_once=4)
    advanced(services)
    *failing, last = running(services, "s")
    for trial in failing:
        begin(services, backend, trial.job_id or "")
        if how == "failures":
            end(services, trial.job_id or "", JobStatus.FAILED, error_message="x", error_details={"code": "oom"})
    begin(services, backend, last.job_id or "")
    if how == "let_finish":
        services.studies.stop("s", actor="ada", reason="enough", let_finish=True)
    study = advanced(services)
    assert (study.status, backend.cancelled) == (StudyStatus.ENDING, [])
    monkeypatch.setattr(services.advance_studies._ending, "_clock", lambda: datetime.now(UTC) + timedelta(hours=2))
    advanced(services)
    assert last.job_id in backend.cancelled
    study = advanced(services)
    assert study.status is (StudyStatus.FAILED if how == "failures" else StudyStatus.STOPPED)


def test_no_trial_starts_that_its_cost_does_not_allow(services: Services, backend: TrialBackend) -> None:
    study = made(services)
    records.change(
        services.store,
        "s",
        {"request": {**study.request.model_dump(mode="json"), "cost": 2.5}},
        status=StudyStatus.RUNNING,
    )
    for number in (1, 2):
        advanced(services)
        (trial,) = running(services, "s")
        assert trial.number == number
        records.change_trial(services.store, trial, {"estimated_cost": 1.0}, where={"number": number})
        begin(services, backend, trial.job_id or "")
        end(services, trial.job_id or "", val_loss=1.0)
    study = advanced(services)
    assert study.status is StudyStatus.FINISHED
    assert study.why == "its budget is used up: 2.00 of 2.5, by estimate, and one trial more would exceed it"


@pytest.mark.parametrize("let_finish", [False, True])
def test_it_is_stopped(services: Services, backend: TrialBackend, let_finish: bool) -> None:
    made(services, most_at_once=2)
    advanced(services)
    for trial in running(services, "s"):
        begin(services, backend, trial.job_id or "")
    services.studies.stop("s", actor="eve", reason="enough", let_finish=let_finish)
    study = advanced(services)
    assert study.why == "stopped by eve: enough"
    assert len(backend.cancelled) == (0 if let_finish else 2)
    assert advanced(services).status is (StudyStatus.ENDING if let_finish else StudyStatus.STOPPED)
    if let_finish:
        services.studies.stop("s", actor="eve", reason="now")
        advanced(services)
        assert advanced(services).status is StudyStatus.STOPPED
    assert services.studies.stop("s", actor="eve", reason="again").why == "stopped by eve: enough"
    reasons = {services.store.get(trial.job_id or "").cancellation.reason for trial in trials(services)}
    assert reasons == {"the study s ends: stopped by eve: enough"}


def refusing(error: Exception) -> Callable[..., Any]:
    def create(*_: object, **__: object) -> Any:
        raise error

    return create


def test_what_people_and_accidents_do_to_trials(
    services: Services, backend: TrialBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(services, most_trials=3, space={"lora_rank": {"choices": [4, 8, 16]}})
    advanced(services)
    services.jobs.cancel(trials(services)[0].job_id or "", actor="eve", reason="not this one")
    with monkeypatch.context() as patch:
        down = Unavailable("The Hub does not answer.")
        patch.setattr(services.jobs, "create", refusing(down))
        study = advanced(services)
    assert study.message == "The Hub does not answer."
    assert [trial.status for trial in trials(services)] == [TrialStatus.CANCELLED, TrialStatus.ASKED]
    study = advanced(services)
    assert study.message == ""
    (second,) = running(services, "s")
    report(services, begin(services, backend, second.job_id or "").id, [2.0])
    end(services, second.job_id or "")
    advanced(services)
    assert [trial.cause for trial in trials(services)][:2] == [None, "no_val_loss"]
    (third,) = running(services, "s")
    begin(services, backend, third.job_id or "")
    end(services, third.job_id or "", JobStatus.TIMEOUT, error_message="Too slow.")
    study = advanced(services)
    assert (study.status, study.why) == (StudyStatus.FAILED, "all 3 trials were made; no trial has succeeded")
    assert [trial.message for trial in trials(services)] == [
        "Its job was cancelled: not this one",
        "It has no validation loss.",
        "Too slow.",
    ]
    assert {trial.params["lora_rank"] for trial in trials(services)} == {4, 8, 16}


def test_a_study_of_an_earlier_version_is_read_and_goes_on_whatever_its_names(services: Services) -> None:
    made(services, job={"training_sheet_id": "small", "model_name": "triage", "uc_schema": "ml/prod"})
    assert advanced(services).request.job.uc_schema == "ml/prod"
    (trial,) = trials(services)
    assert services.store.get(trial.job_id or "").request.uc_schema == "ml/prod"
    assert [study.name for study, _ in services.studies.page(limit=9)[0]] == ["s"]


def test_a_study_that_cannot_be_read_stops_no_other(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("s", "t"):
        made(services, name=name)
    with services.store.begin() as connection:
        connection.execute(text("UPDATE studies SET request = '{}' WHERE name = 's'"))
    assert services.advance_studies.all() == 2
    assert len(records.trials_of(services.store, "t")) == 1
    assert "the study s cannot be carried on" in caplog.text


def test_one_at_a_time_advances_a_study_and_one_stops_no_other(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(services)
    with advisory_lock.hold(services.database, "study:s"):
        assert advanced(services).status is StudyStatus.RUNNING
    assert trials(services) == []
    made(services, name="t")
    asked: list[str] = []

    def advance(name: str) -> None:
        asked.append(name)
        raise Unavailable("later")

    monkeypatch.setattr(services.advance_studies, "advance", advance)
    assert services.advance_studies.all() == 2
    assert asked == ["s", "t"]
