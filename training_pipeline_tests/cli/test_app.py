from __future__ import annotations

import inspect
import stat
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import pytest
from pydantic import ValidationError

from training_pipeline.cli import app
from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.settings import Settings

#: Exit code, output and errors of `training-pipeline ARGUMENTS` in an environment.
Run: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line as a process of its own does, which `test_a_process_of_its_own` starts."""

    def main(*arguments: str, **environment: str) -> tuple[int, str, str]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["training-pipeline", *arguments])
        with pytest.raises(SystemExit) as exited:
            app.main()
        shown = capsys.readouterr()
        return int(exited.value.code or 0), shown.out, shown.err

    return main


def test_a_process_of_its_own() -> None:
    command = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()", "nonsense"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def fail_with(error: BaseException) -> int:
    def command() -> None:
        raise error

    code: int = app.guarded(command)
    return code


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom training_pipeline.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "print('LOADED', [m for m in ('dagster', 'mlflow', 'torch', 'ibis', 'sqlalchemy') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.endswith("LOADED []\n")
    assert all(name in output for name in app.COMMANDS)


def test_the_version_is_printed_whatever_is_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIRECTORY", "misspelt")
    assert app.guarded(lambda: app.app(["--version"])) == 0
    assert capsys.readouterr().out == f"training-pipeline {version('training_pipeline')}\n"


@pytest.mark.parametrize("name", app.COMMANDS)
def test_the_help_line_is_the_commands_own(name: str) -> None:
    command = app.load(name)
    assert inspect.cleandoc(command.help).splitlines()[0].startswith(app.COMMANDS[name][1].rstrip("."))


@pytest.mark.parametrize("arguments", [["nonsense"], ["up", "--port", "0"], ["status", "--nonsense"]])
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_what_a_person_can_mend_is_said_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [FieldProblem("/epochs", "range", "expected 1 to 50")]
    assert fail_with(InvalidRequest("No.", hint="Do this.", problems=problems)) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Error: No.\n  /epochs: expected 1 to 50\nDo this.\n")


def test_what_nobody_foresaw_is_one_sentence_and_a_closed_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(tmp_path / "state"))
    assert fail_with(ZeroDivisionError("deep inside")) == 1
    (log,) = (tmp_path / "state" / "logs").iterdir()
    message = capsys.readouterr().err
    assert str(log) in message
    assert message.count("\n") == 1
    assert "deep inside" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_where_the_state_directory_is_the_problem_the_details_go_elsewhere(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(tmp_path / "file"))
    assert fail_with(ZeroDivisionError()) == 1
    written = Path(capsys.readouterr().err.strip().rsplit(" ", 1)[1].rstrip("."))
    assert "ZeroDivisionError" in written.read_text()
    written.unlink()


def test_interruption_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail_with(KeyboardInterrupt()) == 130
    assert capsys.readouterr() == ("", "")


def test_exit_codes_of_commands_are_kept() -> None:
    assert fail_with(SystemExit(3)) == 3
    assert app.guarded(lambda: None) == 0


def test_wrong_settings_are_named_all_at_once_without_their_values(run: Run) -> None:
    wrong = {"TRAINING_PIPELINE_MIN_PAIRS": "s3cr3t", "TRAINING_PIPELINE_WEBSERVER_PORT": "0"}
    code, _, err = run("status", **wrong)
    assert code == 1
    assert all(name in err for name in wrong)
    assert "Traceback" not in err
    assert "s3cr3t" not in err


@pytest.mark.parametrize(
    ("judges", "said"),
    [
        ('{"a": s3cr3t', "TRAINING_PIPELINE_JUDGES: must be JSON"),
        ('{"a": {"url": "https://h/v1", "model": "m", "key": "s3cr3t"}}', "TRAINING_PIPELINE_JUDGES: a.key: Extra"),
        ('{"a": {"url": "https://u:s3cr3t@h/v1", "model": "m"}}', "TRAINING_PIPELINE_JUDGES: a.url: must not contain"),
    ],
)
def test_a_wrong_setting_in_json_is_named_and_not_quoted(
    judges: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_JUDGES", judges)
    assert app.guarded(Settings) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "s3cr3t" not in told


def test_only_settings_are_blamed_on_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic import BaseModel

    class Other(BaseModel):
        number: int

    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(tmp_path))
    with pytest.raises(ValidationError) as caught:
        Other(number="x")
    assert fail_with(caught.value) == 1
    assert len(list((tmp_path / "logs").iterdir())) == 1


def test_the_settings_title_is_what_the_guard_looks_for() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(min_pairs=0)
    assert caught.value.title == "Settings"


def test_a_setting_that_does_not_exist_is_refused_by_all_but_the_command_that_stops_and_help(
    run: Run, tmp_path: Path
) -> None:
    mistyped = {"TRAINING_PIPELINE_STATE_DIR": str(tmp_path), "TRAINING_PIPELINE_AUHT": "token"}
    for command in (["env"], ["serve"], ["sheets", "list"]):
        code, out, err = run(*command, **mistyped)
        assert (code, out) == (1, "")
        assert "did you mean TRAINING_PIPELINE_AUTH?" in err
    assert "did you mean" not in run("down", **mistyped)[2]
    for command in (["env", "--help"], ["sheets", "list", "--help"]):
        code, _, err = run(*command, **mistyped)
        assert (code, err) == (0, ""), "what it says is what helps to mend it"
    assert run("sheets", "show", "--", "--help", **mistyped)[0] == 1
