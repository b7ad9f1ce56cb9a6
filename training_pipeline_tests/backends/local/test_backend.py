from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from training_pipeline.backends.local import backend as backend_module
from training_pipeline.backends.local.backend import LocalBackend
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.domain.errors import BackendFailed, Conflict, NotFound, Unavailable
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.json_file import write_json
from training_pipeline.testing.trainers.local_backend import (
    is_gone,
    kill_and_wait,
    stand_in_backend,
    starts,
    submission,
    supervisor_pid,
    trainer_pid,
    until,
    until_over,
    until_status,
    until_step,
)


def run_of(runs: Path, job_id: str = "tj-1") -> RunDirectory:
    return RunDirectory(runs / f"{job_id}-1")


def supervisors_of(run: RunDirectory) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if "training_pipeline.backends.local.supervisor" in command and str(run.path) in command:
            found.append(process.pid)
    return found


def test_a_run_succeeds_and_leaves_its_result(runs: Path) -> None:
    backend = stand_in_backend(runs, steps=4)
    handle = backend.submit(submission())
    assert backend.find("tj-1", 1) == handle
    state = until_over(backend)
    assert (state.status, state.step, state.planned_steps) == (JobStatus.SUCCEEDED, 4, 4)
    result = backend.result("tj-1", 1)
    assert result.steps == 4
    assert result.model_dir == runs / "tj-1-1" / "model"
    assert set(result.model_files) == {"model.safetensors"}
    assert result.custom_metrics["exact_match_after"] == 0.95


def test_everything_in_a_run_is_the_owners_alone(runs: Path) -> None:
    backend = stand_in_backend(runs)
    backend.submit(submission())
    until_over(backend)
    for path in [runs, *runs.rglob("*")]:
        others = stat.S_IMODE(path.stat().st_mode) & 0o077
        assert not others or path.name.startswith("stand_in"), path


def test_the_training_program_reads_the_contract(runs: Path) -> None:
    backend = stand_in_backend(runs)
    backend.submit(submission(timeout_minutes=7))
    config = json.loads(run_of(runs).config.read_text())
    assert config["schema"] == 1
    assert config["run_dir"] == str(runs / "tj-1-1")
    assert config["mlflow"] is None
    assert "timeout_minutes" not in config
    assert "job_id" not in config
    until_over(backend)


def test_an_attempt_is_another_run(runs: Path) -> None:
    backend = stand_in_backend(runs)
    first, second = backend.submit(submission()), backend.submit(submission(attempt=2))
    assert first != second


def test_submitting_a_finished_run_starts_nothing(runs: Path) -> None:
    backend = stand_in_backend(runs)
    handle = backend.submit(submission())
    until_over(backend)
    until(lambda: not supervisors_of(run_of(runs)), "the end of the supervisor")
    assert backend.submit(submission()) == handle
    assert len(starts(run_of(runs))) == 1
    assert not supervisors_of(run_of(runs))


def test_submitting_other_data_under_the_same_attempt_is_refused(runs: Path) -> None:
    backend = stand_in_backend(runs)
    backend.submit(submission(digest="d1"))
    with pytest.raises(Conflict, match="dataset_digest"):
        backend.submit(submission(digest="d2"))
    until_over(backend)


def test_submits_from_several_processes_start_one_supervisor(runs: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from training_pipeline.testing.trainers.local_backend import *\n"
        "backend = stand_in_backend(Path(sys.argv[1]), steps=3, seconds_per_step=0.1)\n"
        "sys.stdin.read(); backend.submit(submission())"
    )
    callers = [
        subprocess.Popen([sys.executable, "-c", code, str(runs)], stdin=subprocess.PIPE, cwd=Path(__file__).parents[3])
        for _ in range(4)
    ]
    for caller in callers:  # they all wait for the end of their input
        assert caller.stdin is not None
        caller.stdin.close()
    assert [caller.wait(120) for caller in callers] == [0] * 4
    assert until_over(stand_in_backend(runs)).status is JobStatus.SUCCEEDED
    assert len(starts(run_of(runs))) == 1
    assert "already" not in run_of(runs).supervisor_log.read_text()


def test_a_submit_that_died_before_the_start_is_finished_by_the_next(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = stand_in_backend(runs)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for owner, line in ((RunDirectory, "write_orders"), (backend_module, "ensure_supervisor")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, line, die)
            with pytest.raises(KeyboardInterrupt):
                backend.submit(submission())
        assert (backend.find("tj-1", 1) is None) == (line == "write_orders")
    assert backend.status("tj-1", 1).lost
    backend.submit(submission())
    assert until_over(backend).status is JobStatus.SUCCEEDED
    assert len(starts(run_of(runs))) == 1


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_run_survives_the_process_group_that_started_it(runs: Path, signum: signal.Signals) -> None:
    code = (
        "import sys, time; from pathlib import Path; from training_pipeline.testing.trainers.local_backend import *\n"
        "stand_in_backend(Path(sys.argv[1]), steps=20, seconds_per_step=0.02).submit(submission())\n"
        "print('submitted', flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(runs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
        start_new_session=True,
    )
    with starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"submitted\n"
        os.killpg(starter.pid, signum)
    backend = stand_in_backend(runs)
    assert until_over(backend).status is JobStatus.SUCCEEDED
    assert len(starts(run_of(runs))) == 1


def test_the_supervisor_is_no_child_and_holds_nothing_of_its_starter(runs: Path, tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        backend = stand_in_backend(runs, hang_at_step=1)
        backend.submit(submission())
        supervisor = psutil.Process(supervisor_pid(run_of(runs)))
        trainer = psutil.Process(trainer_pid(run_of(runs)))
        assert supervisor.pid not in {child.pid for child in psutil.Process().children(recursive=True)}
        for process in (supervisor, trainer):
            assert os.getsid(process.pid) == supervisor.pid
            assert file.name not in {opened.path for opened in process.open_files()}
            assert process.cwd() == str(run_of(runs).path)
        assert os.getpgid(trainer.pid) == trainer.pid


def test_a_killed_trainer_is_resumed_from_its_checkpoint(runs: Path) -> None:
    backend = stand_in_backend(runs, die_at_step=3, die_times=2)
    backend.submit(submission())
    assert until_over(backend).status is JobStatus.SUCCEEDED
    assert [start["from_step"] for start in starts(run_of(runs))] == [0, 2, 2]


def test_a_trainer_that_keeps_dying_fails_the_run_with_the_end_of_its_log(runs: Path) -> None:
    backend = stand_in_backend(runs, resumes=1, die_at_step=2, die_times=9, log_lines=50)
    backend.submit(submission())
    state = until_over(backend)
    assert state.status is JobStatus.FAILED
    assert not state.lost
    assert state.error is not None
    assert "was killed" in state.error
    assert "resumed 1 time" in state.error
    assert "line 50 of the log" in state.error
    assert "line 30 of the log" not in state.error
    assert state.error_details is not None
    assert state.error_details["exit_code"] == -9
    assert len(starts(run_of(runs))) == 2
    with pytest.raises(BackendFailed, match="was killed"):
        backend.result("tj-1", 1)


def test_an_exit_without_a_result_is_a_death(runs: Path) -> None:
    backend = stand_in_backend(runs, die_at_step=2, exit_code=1)
    backend.submit(submission())
    assert until_over(backend).status is JobStatus.SUCCEEDED
    assert len(starts(run_of(runs))) == 2


def test_a_reason_that_recurs_fails_at_once(runs: Path) -> None:
    backend = stand_in_backend(runs, fail="No example has a trained token.")
    backend.submit(submission())
    state = until_over(backend)
    assert (state.status, state.error) == (JobStatus.FAILED, "No example has a trained token.")
    assert len(starts(run_of(runs))) == 1


def test_a_program_that_does_not_exist_fails_the_run(runs: Path) -> None:
    backend = LocalBackend(runs, 1, 2, 1.0, program=("/no/such/program",))
    backend.submit(submission())
    state = until_over(backend)
    assert state.status is JobStatus.FAILED
    assert "/no/such/program" in (state.error or "")


def test_a_result_that_is_no_json_fails_the_run(runs: Path) -> None:
    script = (
        "import json,sys,pathlib; pathlib.Path(json.load(open(sys.argv[1]))['run_dir'],'result.json').write_text('{')"
    )
    backend = LocalBackend(runs, 1, 2, 1.0, program=(sys.executable, "-c", script))
    backend.submit(submission())
    state = until_over(backend)
    assert state.status is JobStatus.FAILED
    assert "result.json is not JSON" in (state.error or "")


def test_one_slot_makes_a_true_queue(runs: Path) -> None:
    backend = stand_in_backend(runs, hang_at_step=2)
    backend.submit(submission("tj-1"))
    until_status(backend, JobStatus.RUNNING, "tj-1")
    for job_id in ("tj-2", "tj-3"):
        backend.submit(submission(job_id))
        until(lambda job_id=job_id: run_of(runs, job_id).supervision(), "a supervisor")  # type: ignore[misc]
        assert backend.status(job_id, 1).status is JobStatus.QUEUED
    assert not starts(run_of(runs, "tj-2"))
    backend.cancel("tj-1", 1)
    until_status(backend, JobStatus.RUNNING, "tj-2")  # the older one first
    assert backend.status("tj-3", 1).status is JobStatus.QUEUED


def test_two_slots_run_two(runs: Path) -> None:
    backend = stand_in_backend(runs, slots=2, hang_at_step=2)
    for job_id in ("tj-1", "tj-2", "tj-3"):
        backend.submit(submission(job_id))
    until_status(backend, JobStatus.RUNNING, "tj-1")
    until_status(backend, JobStatus.RUNNING, "tj-2")
    assert backend.status("tj-3", 1).status is JobStatus.QUEUED


def test_a_queued_run_is_cancelled_without_ever_training(runs: Path) -> None:
    backend = stand_in_backend(runs, hang_at_step=2)
    backend.submit(submission("tj-1"))
    until_status(backend, JobStatus.RUNNING, "tj-1")
    backend.submit(submission("tj-2"))
    backend.cancel("tj-2", 1)
    assert until_over(backend, "tj-2").status is JobStatus.CANCELLED
    assert not starts(run_of(runs, "tj-2"))


def test_a_running_run_stops_gently(runs: Path) -> None:
    backend = stand_in_backend(runs, hang_at_step=2, cancel_grace_seconds=60)
    backend.submit(submission())
    until_step(backend, 1)
    backend.cancel("tj-1", 1)
    backend.cancel("tj-1", 1)
    assert until_over(backend).status is JobStatus.CANCELLED
    assert json.loads(run_of(runs).result.read_text())["status"] == "stopped"
    with pytest.raises(BackendFailed, match="cancelled"):
        backend.result("tj-1", 1)


def test_a_trainer_that_does_not_listen_is_killed_with_its_group(runs: Path) -> None:
    backend = stand_in_backend(runs, hang_at_step=2, ignore_sigterm=True, spawn=True, cancel_grace_seconds=0.3)
    backend.submit(submission())
    until_step(backend, 1)
    child = int((run_of(runs).path / "stand_in_child").read_text())
    backend.cancel("tj-1", 1)
    assert until_over(backend).status is JobStatus.CANCELLED
    assert is_gone(trainer_pid(run_of(runs)))
    until(lambda: is_gone(child), "the death of the trainer's child")


def test_what_a_trainer_started_ends_with_it(runs: Path) -> None:
    backend = stand_in_backend(runs, spawn=True)
    backend.submit(submission())
    assert until_over(backend).status is JobStatus.SUCCEEDED
    until(lambda: is_gone(int((run_of(runs).path / "stand_in_child").read_text())), "the death of the trainer's child")


def test_cancelling_a_run_that_is_over_changes_nothing(runs: Path) -> None:
    backend = stand_in_backend(runs)
    backend.submit(submission())
    until_over(backend)
    backend.cancel("tj-1", 1)
    assert not run_of(runs).cancel.exists()
    assert backend.status("tj-1", 1).status is JobStatus.SUCCEEDED


def test_the_time_limit_counts_running_time_only(runs: Path) -> None:
    backend = stand_in_backend(runs, hang_at_step=2)
    backend.submit(submission("tj-1"))
    until_status(backend, JobStatus.RUNNING, "tj-1")
    backend.submit(submission("tj-2", timeout_minutes=0.3 / 60))
    until(lambda: run_of(runs, "tj-2").supervision(), "a supervisor")
    backend.cancel("tj-1", 1)
    state = until_over(backend, "tj-2")
    assert state.status is JobStatus.TIMEOUT
    assert "timeout_minutes" in (state.error or "")
    outcome = run_of(runs, "tj-2").outcome()
    assert outcome is not None
    assert 0.3 <= outcome.ran_seconds < 5


def test_a_killed_supervisor_leaves_a_lost_run_whose_trainer_goes_on(runs: Path) -> None:
    backend = stand_in_backend(runs, steps=40, seconds_per_step=0.02)
    backend.submit(submission())
    run = run_of(runs)
    trainer = trainer_pid(run)
    kill_and_wait(supervisor_pid(run))
    state = backend.status("tj-1", 1)
    assert (state.status, state.lost) == (JobStatus.FAILED, True)
    assert "gone and left no outcome" in (state.error or "")
    assert not is_gone(trainer)
    assert backend.recover("tj-1", 1)
    assert backend.recover("tj-1", 1), "a run that is watched over again is well"
    assert backend.status("tj-1", 1).status is JobStatus.RUNNING
    assert until_over(backend).status is JobStatus.SUCCEEDED
    assert [start["pid"] for start in starts(run)] == [trainer]


def test_supervisor_and_trainer_killed_together_resume_from_the_checkpoint(runs: Path) -> None:
    backend = stand_in_backend(runs, steps=40, seconds_per_step=0.02)
    backend.submit(submission())
    run = run_of(runs)
    until_step(backend, 3)
    kill_and_wait(supervisor_pid(run))
    kill_and_wait(trainer_pid(run))
    assert backend.submit(submission()) == backend.find("tj-1", 1)
    assert backend.status("tj-1", 1).lost, "submitting again is not recovering"
    assert backend.recover("tj-1", 1)
    assert until_over(backend).status is JobStatus.SUCCEEDED
    assert len(starts(run)) == 2
    assert starts(run)[1]["from_step"] >= 3
    assert not (run.path / "stand_in_overlap").exists()


def test_a_trainer_that_finished_alone_is_not_trained_again(runs: Path) -> None:
    backend = stand_in_backend(runs, steps=20)
    backend.submit(submission())
    run = run_of(runs)
    until_step(backend, 1)
    kill_and_wait(supervisor_pid(run))
    until(run.result.exists, "the trainer's result")
    assert until_over(backend, recovering=True).status is JobStatus.SUCCEEDED
    assert len(starts(run)) == 1


def test_a_lost_run_keeps_its_slot_while_its_trainer_lives(runs: Path) -> None:
    backend = stand_in_backend(runs, hang_at_step=2)
    backend.submit(submission("tj-1"))
    until_step(backend, 1)
    backend.submit(submission("tj-2"))
    until(lambda: run_of(runs, "tj-2").supervision(), "a supervisor")
    kill_and_wait(supervisor_pid(run_of(runs, "tj-1")))
    assert backend.recover("tj-1", 1)
    until_status(backend, JobStatus.RUNNING, "tj-1")
    assert backend.status("tj-2", 1).status is JobStatus.QUEUED
    backend.cancel("tj-1", 1)
    assert until_over(backend, "tj-1").status is JobStatus.CANCELLED
    until_status(backend, JobStatus.RUNNING, "tj-2")


def test_a_queued_run_whose_supervisor_is_killed_waits_again(runs: Path) -> None:
    backend = stand_in_backend(runs, hang_at_step=2)
    backend.submit(submission("tj-1"))
    until_status(backend, JobStatus.RUNNING, "tj-1")
    backend.submit(submission("tj-2"))
    kill_and_wait(supervisor_pid(run_of(runs, "tj-2")))
    assert backend.status("tj-2", 1).lost
    assert backend.recover("tj-2", 1)
    assert backend.status("tj-2", 1).status is JobStatus.QUEUED
    backend.cancel("tj-1", 1)
    until_status(backend, JobStatus.RUNNING, "tj-2")


def test_a_run_lost_too_often_fails_for_good_and_leaves_no_trainer(runs: Path) -> None:
    backend = stand_in_backend(runs, resumes=1, hang_at_step=2)
    backend.submit(submission())
    run = run_of(runs)
    trainer = trainer_pid(run)
    kill_and_wait(supervisor_pid(run))
    assert backend.recover("tj-1", 1)
    until_status(backend, JobStatus.RUNNING)
    kill_and_wait(supervisor_pid(run))
    assert not backend.recover("tj-1", 1)
    state = backend.status("tj-1", 1)
    assert (state.status, state.lost) == (JobStatus.FAILED, False)
    assert "although it was resumed 1 time" in (state.error or "")
    until(lambda: is_gone(trainer), "the death of the trainer")
    assert not backend.recover("tj-1", 1)


def test_a_lost_run_that_was_to_be_cancelled_is_cancelled(runs: Path) -> None:
    backend = stand_in_backend(runs, hang_at_step=2)
    backend.submit(submission())
    run = run_of(runs)
    trainer = trainer_pid(run)
    kill_and_wait(supervisor_pid(run))
    backend.cancel("tj-1", 1)
    assert until_over(backend, recovering=True).status is JobStatus.CANCELLED
    assert is_gone(trainer)


def test_a_supervisor_told_to_stop_is_not_counted_as_lost(runs: Path) -> None:
    backend = stand_in_backend(runs, resumes=0, steps=40, seconds_per_step=0.02)
    backend.submit(submission())
    run = run_of(runs)
    until_step(backend, 3)
    trainer = trainer_pid(run)
    kill_and_wait(supervisor_pid(run), signal.SIGTERM)
    assert is_gone(trainer), "it ended the trainer first"
    assert backend.status("tj-1", 1).lost
    assert backend.recover("tj-1", 1)
    assert until_over(backend).status is JobStatus.SUCCEEDED
    assert starts(run)[1]["from_step"] >= 3


def test_a_recycled_process_id_is_not_the_trainer(runs: Path) -> None:
    backend = stand_in_backend(runs, resumes=0, hang_at_step=2)
    backend.submit(submission())
    run = run_of(runs)
    trainer = trainer_pid(run)
    kill_and_wait(supervisor_pid(run))
    kill_and_wait(trainer)
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        session = os.getsid(stranger.pid)
        write_json(run.trainer, {"pid": stranger.pid, "started": 1.0, "session": session + 1})
        assert not backend.recover("tj-1", 1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_metrics_go_on_where_the_last_look_ended(runs: Path) -> None:
    backend = stand_in_backend(runs, steps=3, nan_at_step=2)
    backend.submit(submission())
    until_over(backend)
    points, offset = backend.metrics("tj-1", 1, 0)
    seen = {(point.name, point.step): point.value for point in points}
    assert seen[("train_loss", 1)] == 5.0
    assert seen[("train_loss_not_finite", 2)] == 1.0
    assert ("train_loss", 2) not in seen
    assert len(points) == 6
    assert backend.metrics("tj-1", 1, offset) == ([], offset)


def test_an_unknown_attempt_is_not_found(runs: Path) -> None:
    backend = stand_in_backend(runs)
    assert backend.find("tj-9", 1) is None
    for ask in (backend.status, backend.cancel, backend.result, backend.recover):
        with pytest.raises(NotFound, match="tj-9"):
            ask("tj-9", 1)
    with pytest.raises(NotFound, match="no job id"):
        backend.status("../tj-9", 1)


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(Unavailable, match="cannot be used: Not a directory"):
        stand_in_backend(blocked / "runs").submit(submission())


def test_a_full_disk_leaves_no_half_written_run(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    backend = stand_in_backend(runs)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match="No space left on device"):
            backend.submit(submission())
    assert [path.name for path in run_of(runs).path.iterdir()] == ["run.lock"]
    assert backend.find("tj-1", 1) is None
    backend.submit(submission())
    assert until_over(backend).status is JobStatus.SUCCEEDED


def test_a_model_file_that_is_gone_is_named(runs: Path) -> None:
    backend = stand_in_backend(runs)
    backend.submit(submission())
    until_over(backend)
    (run_of(runs).path / "model" / "model.safetensors").unlink()
    with pytest.raises(BackendFailed, match=r"model\.safetensors"):
        backend.result("tj-1", 1)


def asked(backend: LocalBackend, job_id: str = "tj-1") -> float:
    """When the run asked whether it may begin."""
    return until(lambda: backend.status(job_id, 1).asks_since, f"the question of {job_id}")


def test_a_run_begins_once_it_has_its_slot_and_was_let(runs: Path) -> None:
    backend = stand_in_backend(runs, asks_permission=True, hold_after_step=1)
    for job_id in ("tj-1", "tj-2"):
        backend.submit(submission(job_id))
    first = asked(backend)
    assert backend.status("tj-1", 1).status is JobStatus.QUEUED
    assert backend.status("tj-2", 1).asks_since is None, "it has no slot yet"
    backend.allow("tj-1", 1, asked=first - 1.0)
    assert starts(run_of(runs)) == [], "that answers an earlier question"
    backend.allow("tj-1", 1, asked=first)
    assert until_status(backend, JobStatus.RUNNING).asks_since is None
    backend.cancel("tj-1", 1)
    until_over(backend)
    second = asked(backend, "tj-2")
    backend.cancel("tj-2", 1)
    backend.allow("tj-2", 1, asked=second)
    assert until_over(backend, "tj-2").status is JobStatus.CANCELLED
    assert starts(run_of(runs, "tj-2")) == []


def test_whoever_gets_the_slot_anew_asks_anew(runs: Path) -> None:
    backend = stand_in_backend(runs, asks_permission=True)
    backend.submit(submission())
    before = asked(backend)
    kill_and_wait(supervisor_pid(run_of(runs)))
    assert backend.status("tj-1", 1).lost
    backend.allow("tj-1", 1, asked=before)
    backend.recover("tj-1", 1)
    now = until(lambda: (at := backend.status("tj-1", 1).asks_since) != before and at, "another question")
    assert starts(run_of(runs)) == []
    backend.allow("tj-1", 1, asked=float(now))
    assert until_over(backend).status is JobStatus.SUCCEEDED
