from __future__ import annotations

import importlib
import threading

import ibis.expr.types as ir
import pytest

from training_pipeline.datasets.labels import labels_of
from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.snapshot import snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.datasets.verify import held_out_in_train
from training_pipeline.domain.hash_key import SECRET_BYTES, HashKey
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.settings import Settings
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.plan import Dialect
from training_pipeline.testing.sheets.hash_keys import KeysInMemory
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet


def test_a_launch_compiles_no_plan_that_was_compiled_ahead(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from training_pipeline.defs import preload  # which compiles plans as it is imported

    policy = GatePolicy(instruction_prompt_items=19)  # of no other test
    threads = threading.active_count()
    preload.compile_plans(policy)
    assert threading.active_count() == threads
    compiled: list[str] = []
    sql = Dialect.sql

    def counted(self: Dialect, table: ir.Table) -> str:
        compiled.append(sql(self, table))
        return compiled[-1]

    monkeypatch.setattr(Dialect, "sql", counted)
    held_out = {**rows(21)[-1], "allowed_uses": ["evaluation"]}
    write_sheet(settings.sheets, "small", [*rows(20), held_out])
    key = HashKey("hk-" + "a" * 16, b"k" * SECRET_BYTES)
    keys = KeysInMemory([key])
    with FileTrainingSheets([settings.sheets]).open("small") as opened:
        assert labels_of(opened).count == 0
        taken = snapshot(opened, policy, directory=settings.snapshots, key=key)
        split = split_snapshot(opened, taken, ratio=0.8, seed="s", min_pairs=10, keys=keys)
        assert write_dataset(opened, taken, split, root=settings.datasets, keys=keys).train_pairs == 16
        assert held_out_in_train(opened, taken, keys).broken == 0
    assert compiled == []


def test_the_process_that_runs_are_forked_off_lives_whatever_goes_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from training_pipeline.defs import preload

    monkeypatch.setenv("TRAINING_PIPELINE_NEAR_QUESTION_SIMILARITY", "much")
    importlib.reload(preload)
    assert "each run does it for itself" in caplog.text
