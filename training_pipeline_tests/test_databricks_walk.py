"""Every fault at every call of a job on Databricks: one run, and an end that says what happened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from training_pipeline.infra.database import Database
from training_pipeline.testing.databricks.walk import (
    CALLS,
    DISCOVERY,
    Cell,
    Outcome,
    Walk,
    all_cells,
    in_page,
    is_told,
    table,
)
from training_pipeline.testing.databricks_workspace.mlflow import MlflowServer
from training_pipeline.testing.soak import SOAKING, diagonals

#: Each call, and each fault. `make soak` walks all cells.
SLICE = diagonals(all_cells(), 8, lambda cell: cell.call, lambda cell: (cell.fault, cell.times))
PAGE = Path(__file__).parent.parent / "docs" / "databricks.md"

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def walk_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("walk")


@pytest.fixture
def walk(database: Database, walk_directory: Path, mlflow_server: MlflowServer) -> Iterator[Walk]:
    prepared = Walk(database, walk_directory, mlflow_server)
    yield prepared
    prepared.close()


def test_the_slice_has_every_call_and_every_fault() -> None:
    assert {cell.call for cell in SLICE} == {cell.call for cell in all_cells()}
    assert {(cell.fault, cell.times) for cell in SLICE} == {(cell.fault, cell.times) for cell in all_cells()}


def test_every_fault_at_every_call(walk: Walk) -> None:
    well = walk.outcome(Cell("", None))
    assert (well.status, well.runs, well.versions) == ("succeeded", 1, 1)
    assert well.calls == {*CALLS, DISCOVERY}, "the walk must walk every call that a job makes, and no other"
    outcomes = walk.cells(all_cells() if SOAKING else SLICE)
    told = in_page(PAGE.read_text())
    wrong = [outcome for outcome in outcomes if not (_as_promised(outcome) and is_told(told, outcome))]
    assert not wrong, "\n".join(f"{outcome}" for outcome in wrong)
    assert not SOAKING or told == table(outcomes), "run scripts/write_databricks_faults.py"


def _as_promised(outcome: Outcome) -> bool:
    """Never two runs; an end that is a success with one run and one version, or a failure that names its cause."""
    if outcome.struck == 0 or outcome.runs > 1 or outcome.versions > 1:
        return False
    if outcome.status == "succeeded":
        return outcome.runs == outcome.versions == 1
    return outcome.status == "failed" and "atabricks" in outcome.message
