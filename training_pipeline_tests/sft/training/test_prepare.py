from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.sft.config import parse
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.run_dir import RunDir
from training_pipeline.sft.training import prepare
from training_pipeline.testing.trainers.trainer_runs import Run


def test_a_base_model_that_is_exchanged_after_it_was_compared_is_not_trained(
    run: Run, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "model"
    link.symlink_to(tiny_folder)

    def exchanged(*_: object) -> None:
        link.unlink()
        link.symlink_to(tiny_folder)

    monkeypatch.setattr(prepare, "_prepared", exchanged)
    config = parse(run.config | {"base_model": str(link)})
    with pytest.raises(TrainingFailed, match="was changed while"):
        prepare.prepare(config, RunDir(config.run_dir), lambda _: None)
