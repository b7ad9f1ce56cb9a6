from __future__ import annotations

import json

import pytest

from training_pipeline.sft.errors import SUCCEEDED
from training_pipeline.sft.preflight import probe


def test_the_speed_is_measured_and_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = probe.probe(side=64, seconds=0.05)
    assert float(found["operations_per_second"]) > 1e6
    monkeypatch.setattr(probe, "probe", lambda: found)
    assert probe.main([]) == SUCCEEDED
    assert json.loads(capsys.readouterr().out) == found
