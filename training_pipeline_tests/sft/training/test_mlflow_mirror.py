from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sft.config import MlflowTarget
from training_pipeline.sft.run_dir import Progress
from training_pipeline.sft.training.mlflow_mirror import STATUS_TAG, MlflowMirror


class Server:
    """Stands for the client: keeps what it is given, or is down."""

    def __init__(self) -> None:
        self.down = False
        self.got: list[tuple[str, int, float]] = []

    def log_batch(self, run_id: str, *, metrics: list[Any], synchronous: bool) -> None:
        assert run_id == "r1"
        assert synchronous
        assert len(metrics) <= 1000
        if self.down:
            raise ConnectionError
        self.got += [(metric.key, metric.step, metric.value) for metric in metrics]

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        assert (run_id, key) == ("r1", STATUS_TAG)
        self.status = value


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def mirror(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[], MlflowMirror]:
    """A mirror as each start of the training makes one."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    def made() -> MlflowMirror:
        found = MlflowMirror(MlflowTarget("http://localhost:1", "e", "r1"), tmp_path / "progress.jsonl")
        found._client = server  # type: ignore[assignment]
        return found

    return made


def test_every_point_is_sent_in_order_and_none_is_lost_while_the_server_is_down(
    tmp_path: Path, server: Server, mirror: Callable[[], MlflowMirror], capfd: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(tmp_path / "progress.jsonl")
    first = mirror()
    for step in range(1500):
        progress.add("train_loss", step, float("nan") if step == 3 else 1.0, epoch=None, tokens=None)
    server.down = True
    first.catch_up(final=True)
    assert "sent later" in capfd.readouterr().err
    server.down = False
    first.catch_up()  # too soon after the last try
    assert server.got == []
    first.catch_up(final=True)
    progress.add("val_loss", 1500, 2.0, epoch=1.5, tokens=9)
    (tmp_path / "status.json").write_text('{"step": 7}')
    mirror().catch_up()
    names = {3: "train_loss_not_finite"}
    expected = [(names.get(step, "train_loss"), step, 1.0) for step in range(1500)]
    assert server.got == [*expected, ("val_loss", 1500, 2.0), ("epoch", 1500, 1.5), ("tokens", 1500, 9.0)]
    assert server.status == '{"step": 7}'
    progress.close()


@pytest.mark.parametrize("offset", ["", "12x", "-3", "1" * 9, '"a"'])
def test_an_offset_that_cannot_be_is_the_beginning(
    tmp_path: Path, server: Server, mirror: Callable[[], MlflowMirror], offset: str
) -> None:
    progress = Progress(tmp_path / "progress.jsonl")
    progress.add("train_loss", 1, 2.0, epoch=None, tokens=None)
    progress.close()
    (tmp_path / "mlflow.offset").write_text(offset)  # a full disk left it
    mirror().catch_up()
    mirror().catch_up()
    assert server.got == [("train_loss", 1, 2.0)]


def test_damaged_lines_are_passed_over_however_many(
    tmp_path: Path, server: Server, mirror: Callable[[], MlflowMirror]
) -> None:
    path = tmp_path / "progress.jsonl"
    path.write_bytes(
        b"\x00\xff\n{\n[]\n" * 200
        + b'{"name": "a", "step": "1", "value": 1, "epoch": null, "tokens": null, "time": 1}\n{"name": "a"}\n'
    )
    mirror().catch_up()
    assert server.got == []
    progress = Progress(path)
    progress.add("train_loss", 1, 2.0, epoch=None, tokens=None)
    progress.close()
    mirror().catch_up()
    assert server.got == [("train_loss", 1, 2.0)]


def test_where_the_training_is_is_told_also_where_no_points_are_taken(
    tmp_path: Path, server: Server, mirror: Callable[[], MlflowMirror]
) -> None:
    progress = Progress(tmp_path / "progress.jsonl")
    progress.add("train_loss", 1, 2.0, epoch=None, tokens=None)
    progress.close()
    (tmp_path / "status.json").write_text('{"step": 1}')
    server.down = True
    mirror().catch_up()
    assert server.status == '{"step": 1}'
