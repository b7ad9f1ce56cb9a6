from __future__ import annotations

import pytest
import typer

from training_pipeline.cli.commands.job_request import config_of, request_of
from training_pipeline.schemas.requests import CreateTrainingJob


def test_what_is_typed_becomes_a_body() -> None:
    config = config_of(["method=lora", "seed=7", "max_length=auto", "a=b=c"], epochs="auto", learning_rate="1e-4")
    assert config == {"method": "lora", "seed": 7, "max_length": "auto", "a": "b=c", "learning_rate": 1e-4}
    assert request_of("Sheet.1", None, config, base_model=None, train_val_split=0.8) == {
        "training_sheet_id": "Sheet.1",
        "model_name": "sheet-1",
        "training_config": config,
        "train_val_split": 0.8,
    }


@pytest.mark.parametrize("pair", ["epochs", "=3", ""])
def test_what_is_no_pair_is_wrong_usage(pair: str) -> None:
    with pytest.raises(typer.BadParameter, match="key=value"):
        config_of([pair])


def test_a_switch_is_no_text() -> None:
    """The service takes no text for true or false."""
    config = config_of(["allow_never_stops=true"])
    assert config == {"allow_never_stops": True}
    assert CreateTrainingJob.model_validate(request_of("s", None, config)).training_config.allow_never_stops is True
    assert config_of(["allow_never_stops=False"]) == {"allow_never_stops": False}
