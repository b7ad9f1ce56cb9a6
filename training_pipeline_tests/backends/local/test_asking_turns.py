"""Whose turn it is: one question a person, a few at a time, in the order they came, and not too many in line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from training_pipeline.backends.asking import AskLimits
from training_pipeline.backends.local.asking_turns import turn
from training_pipeline.domain.errors import Conflict
from training_pipeline.infra.file_lock import is_held
from training_pipeline.testing.polling import until

PATIENT = AskLimits(seconds=50, memory_mb=200, wait_seconds=30)
HASTY = PATIENT.model_copy(update={"wait_seconds": 0.0})


def in_line(home: Path) -> int:
    return sum(is_held(ticket) for ticket in (home / "turns").glob("*.ticket"))


@contextmanager
def waiting(home: Path, name: str, served: list[str], limits: AskLimits = PATIENT) -> Iterator[None]:
    """Somebody who is in line by now, and says so once served."""

    def ask() -> None:
        with turn(home, name, limits):
            served.append(name)

    before = in_line(home)
    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: in_line(home) == before + 1, what=f"{name} in line")
    yield
    thread.join()


def test_a_second_question_of_the_same_person_is_refused(tmp_path: Path) -> None:
    two = PATIENT.model_copy(update={"at_once": 2})
    with turn(tmp_path, "ada", two) as place:
        assert place.work.is_dir()
        for name in ("ada", "Ada"):  # one person
            with (
                pytest.raises(Conflict, match="is asking the playground another question") as refused,
                turn(tmp_path, name, two),
            ):
                pass
            assert "one at a time" in refused.value.hint
        with turn(tmp_path, "eve", two) as other:  # another one is answered beside
            assert other.work != place.work
    assert not place.work.exists()
    with turn(tmp_path, "ada", two):
        pass


def test_people_are_served_in_the_order_they_came(tmp_path: Path) -> None:
    served: list[str] = []
    with ExitStack() as line, turn(tmp_path, "ada", PATIENT):
        for name in ("eve", "grace", "mallory"):
            line.enter_context(waiting(tmp_path, name, served))
        with (
            pytest.raises(Conflict, match="eve is asking"),
            turn(tmp_path, "eve", PATIENT),
        ):  # also who only waits asks one at a time
            pass
        assert served == []
    assert served == ["eve", "grace", "mallory"]
    assert not [*(tmp_path / "turns").glob("*.ticket")]


def test_the_line_is_bounded_in_length_and_time(tmp_path: Path) -> None:
    served: list[str] = []
    one = PATIENT.model_copy(update={"waiting": 1})
    with ExitStack() as line, turn(tmp_path, "ada", one):
        with pytest.raises(Conflict, match="not your turn within 0 s"), turn(tmp_path, "eve", HASTY):
            pass
        with (
            pytest.raises(Conflict, match="0 people wait for the playground already"),
            turn(tmp_path, "eve", PATIENT.model_copy(update={"waiting": 0})),
        ):
            pass
        line.enter_context(waiting(tmp_path, "eve", served, one))
        with pytest.raises(Conflict, match="1 person waits for the playground already"), turn(tmp_path, "grace", one):
            pass
        assert (in_line(tmp_path), served) == (1, [])
    assert served == ["eve"]


DIES = """
import sys, time
from pathlib import Path
from training_pipeline.backends.asking import AskLimits
from training_pipeline.backends.local.asking_turns import turn
with turn(Path(sys.argv[1]), "ada", AskLimits(seconds=50, memory_mb=200)) as place:
    (place.work / "left").write_text("of its own")
    print("asks", flush=True)
    time.sleep(600)
"""


def test_who_is_killed_leaves_the_line_and_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", DIES, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asks\n"
        with pytest.raises(Conflict, match="not your turn"), turn(tmp_path, "eve", HASTY):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    left = [*tmp_path.rglob("left")]
    assert left
    with turn(tmp_path, "eve", HASTY):
        assert not left[0].exists()
