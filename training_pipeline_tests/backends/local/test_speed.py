from __future__ import annotations

import sys
from pathlib import Path

import pytest

from training_pipeline.backends.local import speed
from training_pipeline.backends.local.speed import measure, measured_speed
from training_pipeline.domain.errors import Unavailable


def test_a_measured_speed_is_of_its_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "state" / "speed.json"
    said = '{"operations_per_second": 1e11, "device": "cpu", "precision": "fp32"}'
    monkeypatch.setattr(speed, "PROGRAM", (sys.executable, "-S", "-c", f"print({said!r})"))
    assert measured_speed(file, "here") is None
    assert measure(file, "here") == 1e11
    assert (measured_speed(file, "here"), measured_speed(file, "elsewhere")) == (1e11, None)


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "print('x')", "print('{}')", "print('[]')"])
def test_a_speed_that_cannot_be_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    monkeypatch.setattr(speed, "PROGRAM", (sys.executable, "-S", "-c", code))
    with pytest.raises(Unavailable, match="could not be measured"):
        measure(tmp_path / "speed.json", "here")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"here": 3}', '{"here": {"operations_per_second": "fast"}}', '{"here": {}}']
)
def test_a_damaged_file_is_no_speed(tmp_path: Path, content: str) -> None:
    (tmp_path / "speed.json").write_text(content)
    assert measured_speed(tmp_path / "speed.json", "here") is None
