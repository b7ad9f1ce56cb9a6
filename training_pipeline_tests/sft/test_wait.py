"""The training program that waits: nothing happens without the word, and with it what would have happened anyway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from training_pipeline.sft import program, wait
from training_pipeline.sft.errors import SUCCEEDED
from training_pipeline.testing.trainers.trainer_runs import new_run


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the program did."""
    done: list[str] = []

    def trained(arguments: list[str]) -> int:
        done.append(f"trained {arguments}")
        return 7

    monkeypatch.setattr(wait, "set_environment", lambda model: done.append(f"environment for {model}"))
    monkeypatch.setattr(program, "imported", lambda: done.append("imported"))
    monkeypatch.setattr(program, "main", trained)
    return done


def test_it_trains_on_the_word_alone(done: list[str]) -> None:
    before = ["environment for ['builtin:tiny']", "imported"]
    for word, code, after in ((b"", SUCCEEDED, []), (b"!", 7, ["trained ['c.json']"])):
        hear, say = os.pipe()
        os.write(say, word)
        os.close(say)
        assert wait.main([str(hear), "builtin:tiny", "c.json"]) == code
        assert done == [*before, *after]
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(hear)
        done.clear()


@pytest.mark.slow
def test_the_real_program_trains_as_if_it_had_not_waited(tmp_path: Path) -> None:
    run = new_run(tmp_path, allow_never_stops=True)
    path = run.folder / "config.json"
    hear, say = os.pipe()
    command = [sys.executable, "-m", "training_pipeline.sft", "--wait", str(hear), run.config["base_model"], str(path)]
    process = subprocess.Popen(command, pass_fds=[hear], stderr=subprocess.PIPE, text=True)
    os.close(hear)
    path.write_text(json.dumps(run.config), encoding="utf-8")
    os.write(say, b"!")
    os.close(say)
    assert process.wait(timeout=120) == SUCCEEDED, process.communicate()[1]
    process.communicate()
    assert run.read("result.json")["status"] == "succeeded"
