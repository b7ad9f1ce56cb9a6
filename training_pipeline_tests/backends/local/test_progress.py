from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.backends.local import progress
from training_pipeline.backends.local.progress import read_points


def line(step: int, value: float | None = 1.0, name: str = "train_loss") -> str:
    point = {"name": name, "step": step, "value": value, "epoch": 0.5, "tokens": 7, "time": 1.0}
    return json.dumps(point) + "\n"


def test_no_file_yet(tmp_path: Path) -> None:
    assert read_points(tmp_path / "progress.jsonl", 0) == ([], 0)


@given(cuts=st.lists(st.integers(0, 400), max_size=6), values=st.lists(st.none() | st.floats(), max_size=5))
def test_however_the_file_grows_every_point_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], values: list[float | None]
) -> None:
    whole = "".join(line(step, value) for step, value in enumerate(values)).encode()
    path = tmp_path_factory.getbasetemp() / "progress.jsonl"
    points, offset = [], 0
    for cut in [*sorted(min(cut, len(whole)) for cut in cuts), len(whole)]:
        path.write_bytes(whole[:cut])
        more, offset = read_points(path, offset)
        points += more
    assert offset == len(whole)
    assert [point.step for point in points] == list(range(len(values)))
    finite = [value is not None and abs(value) != float("inf") and value == value for value in values]
    assert [point.name == "train_loss" for point in points] == finite


def test_a_torn_line_is_passed_over_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "progress.jsonl"
    path.write_text(line(1) + '{"name": "train' + line(2) + "[]\n" + line(3))
    with caplog.at_level(logging.WARNING):
        points, offset = read_points(path, 0)
    assert [point.step for point in points] == [1, 3]
    assert offset == path.stat().st_size
    assert f"byte {len(line(1))} " in caplog.text


def test_a_file_that_lost_its_end_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    path.write_text(line(1) + line(2))
    points, offset = read_points(path, 10_000)
    assert [point.step for point in points] == [1, 2]
    assert offset == path.stat().st_size


def test_a_long_file_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "progress.jsonl"
    path.write_text("".join(line(step) for step in range(10)))
    monkeypatch.setattr(progress, "READ_BYTES", 3 * len(line(1)) + 5)
    steps, offset, before = [], 0, -1
    while offset != before:
        before = offset
        points, offset = read_points(path, offset)
        steps += [point.step for point in points]
    assert steps == list(range(10))


POINT = json.loads(line(1))


@pytest.mark.parametrize(
    "damaged",
    [
        json.dumps(POINT | {"value": 10**400}),
        json.dumps(POINT | {"step": 2**31}),
        json.dumps(POINT | {"step": -1}),
        json.dumps(POINT | {"tokens": 2**63}),
        json.dumps(POINT | {"epoch": float("nan")}),
        json.dumps(POINT | {"time": float("nan")}),
        json.dumps(POINT | {"time": 1e300}),
        json.dumps(POINT | {"value": "1"}),
        json.dumps(POINT | {"name": "../x"}),
        json.dumps(POINT | {"name": "loss\n"}),
        json.dumps(POINT | {"name": ""}),
        json.dumps(POINT | {"name": "x" * 251}),
        "[" * 100_000,
        "9" * 5_000,
        "\0" * 100,
    ],
    ids=lambda text: text[:80],
)
def test_what_could_not_be_stored_hides_no_other_point(damaged: str, tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    path.write_text(f"{line(1)}{damaged}\n{line(3)}")
    points, offset = read_points(path, 0)
    assert [point.step for point in points] == [1, 3]
    assert offset == path.stat().st_size


def test_a_line_without_end_hides_no_point_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "progress.jsonl"
    monkeypatch.setattr(progress, "READ_BYTES", 200)
    path.write_text("x" * 500 + "\n" + line(1))
    found, offset = [], 0
    for _ in range(4):
        points, offset = read_points(path, offset)
        found += points
    assert [point.step for point in found] == [1]
    assert offset == path.stat().st_size
