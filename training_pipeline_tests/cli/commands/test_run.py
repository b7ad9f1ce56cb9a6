from __future__ import annotations

import json
import resource
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.backends.local.backend import LocalBackend
from training_pipeline.settings import Settings
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.command_line import Command
from training_pipeline.testing.trainers.local_backend import stand_in_program


def jobs(command: Command) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(command("jobs", "list", "--json")[1])["jobs"]
    return found


def test_a_job_is_driven_to_its_end(installed: Settings, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    early: list[tuple[str, int, bool]] = []

    def start_early(_: LocalBackend, job_id: str, attempt: int, **__: str) -> None:
        early.append((job_id, attempt, "training_pipeline.cli.system.driver" in sys.modules))

    monkeypatch.setattr(LocalBackend, "start_early", start_early)
    monkeypatch.delitem(sys.modules, "training_pipeline.cli.system.driver", raising=False)
    write_sheet(installed.sheets, "small", rows(40))
    code, out, _ = command("run", "small", "--epochs", "2", "--config", "seed=7", "--json")
    job = json.loads(out)
    # Once right after the job is created, before anything is imported to launch it.
    assert early == [(job["id"], 1, False), (job["id"], 1, True)]
    assert (code, job["status"], job["model_name"]) == (0, "succeeded", "small")
    assert (job["training_config"]["epochs"], job["training_config"]["seed"]) == (2, 7)
    code, out, _ = command("jobs", "show", job["id"])
    assert "Succeeded." in out
    code, _, err = command("jobs", "cancel", job["id"])
    assert (code, "cannot be cancelled" in err) == (1, True)


REFUSED = {
    "nothing-labeled": (rows(30, status="pending"), ["unlabeled", "30", "Review more pairs"]),
    "one-component": (rows(30, item_ref="the same"), ["One side of the split would be empty"]),
}


@pytest.mark.parametrize("sheet", REFUSED)
def test_what_governance_refuses_is_a_failed_job_with_its_reason(
    installed: Settings, command: Command, sheet: str
) -> None:
    pairs, said = REFUSED[sheet]
    write_sheet(installed.sheets, sheet, pairs)
    code, _, err = command("run", sheet)
    assert code == 1
    assert "Traceback" not in err
    assert [word for word in said if word not in err] == []
    job = jobs(command)[0]
    assert job["status"] == "failed"
    assert said[0] in job["error_message"]
    assert list(installed.datasets.glob("[!.]*")) == []


def test_a_training_that_fails_says_why(installed: Settings, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_LOCAL_TRAINER", shlex.join(stand_in_program(fail="The weights are broken.")))
    write_sheet(installed.sheets, "small", rows(40))
    code, _, err = command("run", "small")
    assert code == 1
    assert "The weights are broken." in err
    assert "Traceback" not in err
    assert (jobs(command)[0]["status"], jobs(command)[0]["error_message"]) == ("failed", "The weights are broken.")


def test_a_job_that_is_cancelled_meanwhile_ends_the_wait(
    installed: Settings, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = stand_in_program(steps=500, seconds_per_step=0.1)
    monkeypatch.setenv("TRAINING_PIPELINE_LOCAL_TRAINER", shlex.join(slow))
    write_sheet(installed.sheets, "small", rows(40))
    assert command("run", "small", "--no-wait")[0] == 0
    job_id = jobs(command)[0]["id"]
    assert command("jobs", "cancel", job_id, "--reason", "wrong sheet")[0] == 0
    code, out, _ = command("jobs", "watch", job_id)
    assert code == 1
    assert f"{job_id}: cancelled" in out
    code, out, _ = command("jobs", "retry", job_id)
    assert (code, jobs(command)[0]["retry_of"]) == (0, job_id)


def write_lines(directory: Path, name: str, text: bytes) -> None:
    write_sheet(directory, name, rows(1))
    (directory / f"{name}.jsonl").write_bytes(text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such"], ["no training sheet 'no-such'", "sheet-123"]),
        (["empty"], ["holds no pairs"]),
        (["broken"], ["line 3", "is not JSON"]),
        (["unknown-column"], ["allowd_uses", "did you mean 'allowed_uses'"]),
        (["sheet-123", "--learning-rate", "-1"], ["/training_config/learning_rate", "-1"]),
        (["sheet-123", "--base-model", "/no/such"], ["/base_model", "/no/such", "builtin:tiny"]),
        (["sheet-123", "--split", "0.99"], ["/train_val_split"]),
        (["sheet-123", "--config", "lerning_rate=1"], ["lerning_rate", "learning_rate"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused_before_there_is_a_job(
    installed: Settings, command: Command, arguments: list[str], said: list[str]
) -> None:
    lines = [json.dumps(row).encode() for row in rows(5)]
    write_lines(installed.sheets, "empty", b"")
    write_lines(installed.sheets, "broken", b"\n".join([*lines[:2], b'{"pair_id": "secret', *lines[3:]]))
    write_sheet(installed.sheets, "unknown-column", rows(5, allowd_uses=["training"]))
    code, _, err = command("run", *arguments)
    assert code == 1
    assert [word for word in said if word not in err] == []
    assert "Traceback" not in err
    assert "secret" not in err
    assert jobs(command) == []


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writing more than `size` bytes to a file fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_a_failed_job_and_leaves_no_half_of_a_dataset(
    installed: Settings, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_MAX_ATTEMPTS", "1")
    answer = {"role": "assistant", "content": "a long answer " * 1000}
    pairs = [{**row, "messages": [row["messages"][0], answer]} for row in rows(100)]
    write_sheet(installed.sheets, "long", pairs)
    with largest_file(500_000):
        code, _, err = command("run", "long")
    assert code == 1
    assert "Traceback" not in err
    assert "a long answer" not in err
    assert str(installed.datasets) in err
    job = jobs(command)[0]
    assert job["status"] == "failed"
    assert str(installed.datasets) in job["error_message"]
    assert list(installed.datasets.glob("[!.]*")) == []


def test_a_state_directory_that_cannot_be_used_is_named(installed: Settings, command: Command) -> None:
    installed.state_dir.mkdir()
    installed.datasets.write_text("not a directory")
    code, _, err = command("run", "sheet-123")
    assert code == 1
    assert str(installed.datasets) in err
    assert "unforeseen" not in err
    assert "Traceback" not in err


def test_an_unreachable_database_is_one_sentence_without_its_password(
    installed: Settings, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_DATABASE_URL", "postgresql://me:sekret@127.0.0.1:1/db")
    code, _, err = command("run", "sheet-123")
    assert code == 1
    assert "db on 127.0.0.1:1 does not answer" in err
    assert "sekret" not in err
    assert "Traceback" not in err
