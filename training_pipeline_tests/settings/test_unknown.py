from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.settings import Settings
from training_pipeline.settings.unknown import require_known_settings, unknown_settings


def test_a_mistyped_name_is_refused_with_the_one_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    require_known_settings()
    monkeypatch.setenv("TRAINING_PIPELINE_AUHT", "s3cr3t")
    monkeypatch.setenv("TRAINING_PIPELINE_ZZZZZZ", "1")
    with pytest.raises(InvalidRequest) as refused:
        require_known_settings()
    said = str(refused.value)
    assert "TRAINING_PIPELINE_AUHT (did you mean TRAINING_PIPELINE_AUTH?), TRAINING_PIPELINE_ZZZZZZ." in said
    assert "s3cr3t" not in said


def test_the_file_is_read_as_the_settings_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("training_pipeline_auth=token\nexport TRAINING_PIPELINE_MIN_PAIR=3\nOTHER=1\n")
    monkeypatch.setitem(Settings.model_config, "env_file", str(file))
    assert unknown_settings() == {"TRAINING_PIPELINE_MIN_PAIR": "TRAINING_PIPELINE_MIN_PAIRS"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URL", "https://train.example.org"),
        ("TOKEN", "t"),
        ("LAUNCHER", "1"),
        ("SERVICE_HOST", "10.0.0.1"),
        ("API_SERVICE_PORT_HTTP", "8000"),
        ("PORT", "tcp://10.0.0.1:8000"),
        ("PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("PORT_8000_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_what_is_meant_for_others_is_passed_over(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"TRAINING_PIPELINE_{name}", value)
    assert unknown_settings() == {}


def test_a_port_that_is_no_link_is_a_mistyped_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_WEBSERVR_PORT", "3000")
    assert unknown_settings() == {"TRAINING_PIPELINE_WEBSERVR_PORT": "TRAINING_PIPELINE_WEBSERVER_PORT"}
