"""What the supervisor does when it is called by hand; `test_backend.py` sees the rest from outside."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from training_pipeline.backends.error_types import UNANSWERED
from training_pipeline.backends.local import supervised_run, supervisor
from training_pipeline.backends.local.run_directory import NEWS, Orders, Outcome, RunDirectory
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.file_lock import try_lock
from training_pipeline.infra.json_file import write_json
from training_pipeline.infra.retry import RetryPolicy
from training_pipeline.testing.trainers.local_backend import (
    kill_and_wait,
    reap,
    stand_in_backend,
    stand_in_program,
    starts,
    submission,
    supervisor_pid,
    until,
    until_over,
    until_step,
)

MODULE = (sys.executable, "-m", "training_pipeline.backends.local.supervisor")


def submitted(runs: Path, **behaviour: object) -> RunDirectory:
    run = RunDirectory(runs / "tj-1-1")
    run.path.mkdir(parents=True)
    run.config.write_text(json.dumps({"run_dir": str(run.path), "epochs": 1}))
    run.write_orders(Orders(stand_in_program(**behaviour), 1, 2, 5.0, 60.0, time.time()))
    return run


def by_hand(run: RunDirectory) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MODULE, str(run.path)], capture_output=True, text=True, timeout=30, cwd=Path(__file__).parents[3]
    )


def test_by_hand_it_stays_until_the_outcome(runs: Path) -> None:
    run = submitted(runs)
    assert by_hand(run).returncode == 0
    outcome = run.outcome()
    assert outcome is not None
    assert outcome.status == "succeeded"
    assert by_hand(run).returncode == 0
    assert len(starts(run)) == 1


def test_it_tells_when_it_asks_when_it_trains_and_when_it_is_over(runs: Path) -> None:
    run = submitted(runs)
    orders = run.orders()
    assert orders is not None
    run.write_orders(replace(orders, asks_permission=True))
    news = runs / NEWS
    process = subprocess.Popen([*MODULE, str(run.path)], cwd=Path(__file__).parents[3])
    until(news.exists, what="the question")
    supervision = run.supervision()
    assert supervision is not None
    assert supervision.asks_since is not None
    asked = news.stat().st_mtime_ns
    write_json(run.permission, {"asked": supervision.asks_since})
    until(lambda: news.stat().st_mtime_ns > asked, what="the training")
    supervision = run.supervision()
    assert supervision is not None
    assert supervision.has_run
    assert process.wait(timeout=30) == 0
    outcome = run.outcome()
    assert outcome is not None
    assert news.stat().st_mtime > outcome.finished_at - 0.1  # the clock of files is a coarse one


def test_what_nobody_answers_holds_no_slot_for_ever(runs: Path) -> None:
    run = submitted(runs)
    orders = run.orders()
    assert orders is not None
    run.write_orders(replace(orders, asks_permission=True, answer_seconds=0.0))
    assert by_hand(run).returncode == 0
    outcome = run.outcome()
    assert outcome is not None
    assert (outcome.status, outcome.error_details) == ("failed", {"error_type": UNANSWERED})
    assert "was given no questions" in (outcome.error or "")
    assert starts(run) == []


def test_a_second_one_leaves_the_run_alone(runs: Path) -> None:
    run = submitted(runs)
    lock = try_lock(run.supervisor_lock)
    assert lock is not None
    assert "has a supervisor already" in by_hand(run).stderr
    os.close(lock)
    assert run.supervision() is None


def test_without_orders_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"orders\.json"):
        supervisor.supervise(RunDirectory(tmp_path))


def test_it_imports_nothing_heavy() -> None:
    code = "import sys, training_pipeline.backends.local.supervisor; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pydantic", "torch", "ibis", "sqlalchemy", "dagster"} & set(loaded)


def test_a_full_disk_only_delays_the_outcome(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = submitted(runs)
    attempts: list[Outcome] = []
    write = RunDirectory.write_outcome

    def full_at_first(self: RunDirectory, outcome: Outcome) -> None:
        attempts.append(outcome)
        if len(attempts) < 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, outcome)

    monkeypatch.setattr(RunDirectory, "write_outcome", full_at_first)
    monkeypatch.setattr(supervisor, "_WRITES", RetryPolicy(first=0.01, longest=0.01))
    worker = supervised_run.SupervisedRun(run, run.orders())  # type: ignore[arg-type]
    supervisor._write(run, worker, Outcome("succeeded", 1.0))
    assert len(attempts) == 3
    assert run.outcome() == attempts[0]


def test_running_time_adds_up_over_supervisors(runs: Path) -> None:
    backend = stand_in_backend(runs, hang_at_step=2)
    backend.submit(submission(timeout_minutes=1.0 / 60))
    run = RunDirectory(runs / "tj-1-1")
    until_step(backend, 1)
    kill_and_wait(supervisor_pid(run))
    began = starts(run)[0]["time"]
    until(lambda: time.time() > began + 1.0, "the time limit")
    recovered_at = time.time()
    assert backend.recover("tj-1", 1)
    outcome = until(run.outcome, "the outcome")
    assert outcome.status == "timeout"
    assert outcome.ran_seconds >= 1.0
    assert outcome.finished_at - recovered_at < 1.0, "the trainer's time without a supervisor counts"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("only root may mount a small file system")
    yield disk
    reap(disk)
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_makes_a_training_wait_and_it_goes_on_from_its_checkpoint(small_disk: Path) -> None:
    """That costs no resume, however often it is full; the cause is told, also by a supervisor that comes later."""
    backend = stand_in_backend(small_disk / "runs", resumes=1, steps=6, checkpoint_bytes=2**20)
    other = small_disk / "of other people"
    other.write_bytes(b"x" * (6 * 2**20))
    backend.submit(submission())
    run = RunDirectory(small_disk / "runs" / "tj-1-1")
    for again in range(2):
        waits = until(lambda: backend.status("tj-1", 1).waits_for, "the wait for room")
        assert f"The disk that holds {run.path} is full. Free at least " in waits
        assert backend.status("tj-1", 1).status is JobStatus.RUNNING
        before = supervisor_pid(run)
        kill_and_wait(before)
        if again == 0:
            assert backend.recover("tj-1", 1)
            assert supervisor_pid(run) != before
    other.unlink()
    (run.path / "recoveries.json").unlink()
    assert until_over(backend, recovering=True).status is JobStatus.SUCCEEDED
    assert starts(run)[-1]["from_step"] > 0
    supervision = run.supervision()
    assert supervision is not None
    assert supervision.resumes == 0
