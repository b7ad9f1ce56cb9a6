from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from training_pipeline.domain.errors import FieldProblem, InvalidRequest, NotFound, SheetUnreadable
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.sheets.importing.request import ImportRequest
from training_pipeline.uploads.child import Task, carry_out
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.process import Failure, UploadNotRead, failure_of

#: Before another program stands in for it.
PYTHON = sys.executable


def task(tmp_path: Path, **limits: float) -> Task:
    file = tmp_path / "up" / "a.jsonl"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"question": "Who?", "answer": "Ada."}) + "\n")
    return Task(
        do="look",
        request=ImportRequest(file=file, id="a"),
        limits=UploadLimits.model_validate(limits),
        policy=GatePolicy(),
        sheets=tmp_path / "sheets",
    )


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that stands in for the one that reads."""
    file = tmp_path / "program"
    monkeypatch.setattr(sys, "executable", str(file))
    return file


def stand_in(program: Path, source: str) -> None:
    program.write_text(f"#!{PYTHON}\nimport os, signal, sys, time\n{source}\n")
    program.chmod(0o700)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "of memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its reader crashed"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", "took more time"),
        ("sys.exit(3)", "the process that read it died"),
        ("open(sys.argv[-1], 'w').write('{')", "the process that read it died"),
        ("time.sleep(60)", "was not read within 0.5 seconds"),
    ],
)
def test_the_death_of_the_reader_is_an_error_and_leaves_nothing(
    program: Path, tmp_path: Path, source: str, said: str
) -> None:
    stand_in(program, source)
    asked = task(tmp_path, seconds=0.5 if "sleep" in source else 30)
    with pytest.raises(UploadNotRead, match=said):
        carry_out(asked)
    assert [path.name for path in asked.request.file.parent.iterdir()] == ["a.jsonl"]


def test_the_reader_is_given_no_secret(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_DATABASE_URL", "postgresql://u:secret@h/d")
    stand_in(program, f"open({str(tmp_path / 'seen')!r}, 'w').write(repr(dict(os.environ)))")
    with pytest.raises(UploadNotRead):
        carry_out(task(tmp_path))
    assert "secret" not in (tmp_path / "seen").read_text()


def test_an_error_is_told_without_what_it_may_hold() -> None:
    assert failure_of(ValueError("the text of a pair")) == Failure(kind="ValueError", message="")
    assert failure_of(MemoryError()).kind == "MemoryError"
    told = failure_of(InvalidRequest("No.", problems=[FieldProblem("--allow", "c", "m")]))
    assert (told.kind, told.problems) == ("InvalidRequest", (("/allow", "c", "m"),))
    assert failure_of(NotFound("x")).kind == SheetUnreadable.__name__


@pytest.mark.parametrize("is_gone", ["before its turn", "while it is read"])
def test_an_upload_that_was_deleted_is_not_found_and_not_made_again(
    program: Path, tmp_path: Path, is_gone: str
) -> None:
    asked = task(tmp_path)
    folder = asked.request.file.parent
    stand_in(program, f"import shutil; shutil.rmtree({str(folder)!r})")
    if is_gone == "before its turn":
        shutil.rmtree(folder)
    with pytest.raises(NotFound, match="no upload 'up'"):
        carry_out(asked)
    assert not folder.exists()
