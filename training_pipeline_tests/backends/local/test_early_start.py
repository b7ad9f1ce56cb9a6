"""A trainer that is started before there is anything to train, with whatever may die or be refused meanwhile."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from training_pipeline.backends.local import backend as local
from training_pipeline.backends.local.backend import LocalBackend
from training_pipeline.backends.local.run_directory import EarlyOrders, Orders, Outcome, RunDirectory
from training_pipeline.backends.local.slots import has_room
from training_pipeline.backends.local.supervisor_start import start_supervisor
from training_pipeline.infra.file_lock import is_held, try_lock
from training_pipeline.infra.json_file import read_json, write_json
from training_pipeline.testing.trainers.local_backend import (
    kill_and_wait,
    submission,
    supervisor_pid,
    until,
    until_over,
)

#: A training program that can wait, and notes what it does and who it is.
PROGRAM = """
import json, os, sys
folder = os.path.dirname(os.path.abspath(sys.argv[-1]))
def note(what):
    with open(os.path.join(folder, "notes"), "a") as notes:
        notes.write(f"{what} {os.getpid()}\\n")
if sys.argv[1] == "--wait":
    note("waits")
    if not os.read(int(sys.argv[2]), 1):
        note("ends")
        sys.exit(0)
note("trains")
with open(os.path.join(folder, "result.json"), "w") as result:
    json.dump({"status": "succeeded"}, result)
"""


@pytest.fixture
def program(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "program.py").write_text(PROGRAM)
    return (sys.executable, "-S", str(tmp_path / "program.py"))


@pytest.fixture
def run(runs: Path) -> RunDirectory:
    run = RunDirectory(runs / "tj-1-1")
    run.path.mkdir(parents=True)
    return run


@pytest.fixture
def launching(run: RunDirectory) -> int:
    """The lock of a launch run that is at work."""
    lock = try_lock(run.launching_lock)
    assert lock is not None
    return lock


@pytest.fixture
def waiting(run: RunDirectory, launching: int, program: tuple[str, ...]) -> int:
    """The process id of a trainer that waits."""
    run.write_early_orders(EarlyOrders(program, "builtin:tiny", 1, time.time()))
    supervised(run)
    until(lambda: notes(run), "the early start")
    assert is_held(run.launching_lock)
    return notes(run)[0][1]


def notes(run: RunDirectory) -> list[tuple[str, int]]:
    """What trainers of the run did, and which."""
    path = run.path / "notes"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(what, int(pid)) for what, pid in (line.split() for line in lines)]


def supervised(run: RunDirectory) -> None:
    """Give the run a supervisor, as the backend does."""
    lock = try_lock(run.supervisor_lock)
    assert lock is not None
    start_supervisor(run, lock)
    os.close(lock)


def submitted(run: RunDirectory, program: tuple[str, ...], *, asks: bool = False) -> None:
    write_json(run.config, {})
    run.write_orders(Orders(program, 1, 2, 5.0, 60.0, time.time(), asks_permission=asks))


def question(run: RunDirectory) -> float | None:
    """When the supervisor asked whether the run may begin, if it has."""
    supervision = run.supervision()
    return None if supervision is None else supervision.asks_since


def outcome(run: RunDirectory) -> Outcome:
    return until(run.outcome, "the outcome")


def all_free(run: RunDirectory) -> bool:
    """Whether nothing of the run lives, and its slot can be had."""
    return not is_held(run.supervisor_lock) and not is_held(run.trainer_lock) and has_room(run.slots, 1)


def test_it_waits_in_a_slot_and_trains_once_the_run_is_submitted(
    run: RunDirectory, program: tuple[str, ...], waiting: int
) -> None:
    assert not has_room(run.slots, 1)
    assert run.supervision() is None
    assert not run.trainer.exists()
    submitted(run, program)
    assert outcome(run).status == "succeeded"
    assert notes(run) == [("waits", waiting), ("trains", waiting)]
    assert (read_json(run.trainer) or {})["pid"] == waiting
    until(lambda: all_free(run), "the end")


def test_it_asks_before_it_trains(run: RunDirectory, program: tuple[str, ...], waiting: int) -> None:
    submitted(run, program, asks=True)
    asked = until(lambda: question(run), "the question")
    assert notes(run) == [("waits", waiting)]
    supervision = run.supervision()
    assert supervision is not None
    assert not supervision.has_run
    write_json(run.permission, {"asked": asked})
    assert outcome(run).status == "succeeded"
    assert notes(run)[1:] == [("trains", waiting)]


def test_nothing_is_left_of_a_launch_that_fails_and_the_next_one_trains(
    run: RunDirectory, launching: int, program: tuple[str, ...], waiting: int
) -> None:
    os.close(launching)
    until(lambda: all_free(run), "the end")
    assert notes(run) in ([("waits", waiting)], [("waits", waiting), ("ends", waiting)])
    assert run.supervision() is None
    assert run.outcome() is None
    submitted(run, program)
    supervised(run)
    assert outcome(run).status == "succeeded"
    assert [what for what, pid in notes(run) if pid != waiting] == ["trains"]


@pytest.mark.parametrize("when", ["before the submission", "after it"])
def test_another_trainer_is_started_where_it_dies(
    run: RunDirectory, program: tuple[str, ...], waiting: int, when: str
) -> None:
    if when == "before the submission":
        kill_and_wait(waiting)
        until(lambda: all_free(run), "the end")
        submitted(run, program)
        supervised(run)
    else:
        submitted(run, program, asks=True)
        asked = until(lambda: question(run), "the question")
        kill_and_wait(waiting)
        write_json(run.permission, {"asked": asked})
    assert outcome(run).status == "succeeded"
    assert [what for what, _ in notes(run)] == ["waits", "trains"]
    supervision = run.supervision()
    assert supervision is not None
    assert supervision.resumes == 0


def test_it_ends_without_the_word_where_the_run_is_cancelled(
    run: RunDirectory, program: tuple[str, ...], waiting: int
) -> None:
    submitted(run, program, asks=True)
    write_json(run.cancel, {"requested_at": time.time()})
    assert outcome(run).status == "cancelled"
    until(lambda: all_free(run), "the end")
    assert "trains" not in [what for what, _ in notes(run)]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends once it has imported everything")
def test_it_ends_with_its_supervisor_and_a_submission_trains_anew(
    run: RunDirectory, program: tuple[str, ...], waiting: int
) -> None:
    submitted(run, program, asks=True)
    first = until(lambda: question(run), "the question")
    kill_and_wait(supervisor_pid(run))
    until(lambda: all_free(run), "the end")
    assert "trains" not in [what for what, _ in notes(run)]
    supervised(run)
    asked = until(lambda: at if (at := question(run)) != first else None, "another question")
    write_json(run.permission, {"asked": asked})
    assert outcome(run).status == "succeeded"
    assert [what for what, pid in notes(run) if pid != waiting] == ["trains"]


def test_nothing_is_started_where_no_slot_is_free(run: RunDirectory, launching: int, program: tuple[str, ...]) -> None:
    run.slots.mkdir(parents=True)
    slot = try_lock(run.slots / "slot-1.lock")
    assert slot is not None
    assert is_held(run.launching_lock)
    run.write_early_orders(EarlyOrders(program, "builtin:tiny", 1, time.time()))
    supervised(run)
    until(lambda: not is_held(run.supervisor_lock), "the end")
    assert notes(run) == []
    os.close(slot)
    assert list(run.slots.glob("*.ticket")) == []


def test_it_gives_its_slot_to_a_run_that_is_submitted_and_starts_anew_after_that(
    runs: Path, run: RunDirectory, program: tuple[str, ...], waiting: int
) -> None:
    other = RunDirectory(runs / "tj-2-1")
    other.path.mkdir()
    submitted(other, program)
    supervised(other)
    assert outcome(other).status == "succeeded"
    until(lambda: all_free(run), "the end of the one that waited")
    assert run.supervision() is None
    submitted(run, program)
    supervised(run)
    assert outcome(run).status == "succeeded"
    assert [what for what, pid in notes(run) if pid != waiting] == ["trains"]


def test_the_backend_starts_it_once_and_submits_to_it(
    runs: Path, program: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    off = LocalBackend(runs, 1, 2, 5.0, program)
    off.start_early("tj-1", 1, base_model="builtin:tiny")
    on = LocalBackend(runs, 1, 2, 5.0, program, early_start=True)
    on.start_early("tj-1", 1, base_model="builtin:tiny")  # a program that is not ours cannot wait
    assert not runs.exists()
    monkeypatch.setattr(local, "PROGRAM", program)
    run = RunDirectory(runs / "tj-1-1")
    on.start_early("tj-1", 1, base_model="builtin:tiny")
    until(lambda: notes(run), "the early start")
    on.start_early("tj-1", 1, base_model="builtin:tiny")
    on.start_early("tj-2", 1, base_model="builtin:tiny")  # there is no slot for it
    assert on.find("tj-1", 1) is None
    on.submit(submission())
    on.submit(submission())
    assert not is_held(run.launching_lock)
    assert until_over(on).status == "succeeded"
    assert [what for what, _ in notes(run)] == ["waits", "trains"]
    assert not (runs / "tj-2-1").exists()
