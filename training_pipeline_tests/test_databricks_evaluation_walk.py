"""Every fault at every call of an evaluation on Databricks: one run, an end that says what happened, no text left."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.testing.databricks.evaluation_walk import (
    CALLS,
    TABLE_BEGINS,
    EvaluationWalk,
    Outcome,
    all_cells,
    is_told,
    table,
)
from training_pipeline.testing.databricks.walk import DISCOVERY, Cell, in_page
from training_pipeline.testing.databricks_workspace.mlflow import MlflowServer
from training_pipeline.testing.servers.postgres import cloned
from training_pipeline.testing.soak import SOAKING, diagonals

#: Each call, and each fault; a cell costs thrice what one of a job does. `make soak` walks all cells.
SLICE = diagonals(all_cells(), 14, lambda cell: cell.call, lambda cell: (cell.fault, cell.times))
PAGE = Path(__file__).parent.parent / "docs" / "databricks.md"

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.fixture
def walk(postgres: EmbeddedPostgres, tmp_path: Path, mlflow_server: MlflowServer) -> Iterator[EvaluationWalk]:
    prepared = EvaluationWalk(partial(cloned, postgres), tmp_path, mlflow_server)
    yield prepared
    prepared.close()


def test_the_slice_has_every_call_and_every_fault() -> None:
    assert {cell.call for cell in SLICE} == {cell.call for cell in all_cells()}
    assert {(cell.fault, cell.times) for cell in SLICE} == {(cell.fault, cell.times) for cell in all_cells()}


def test_every_fault_at_every_call(walk: EvaluationWalk) -> None:
    well = walk.outcome(Cell("", None))
    assert (well.status, well.runs, well.left, well.is_logged) == ("succeeded", 1, 0, True)
    assert well.calls == {*CALLS, DISCOVERY}, "the walk must walk every call that an evaluation makes, and no other"
    outcomes = walk.cells(all_cells() if SOAKING else SLICE)
    told = in_page(PAGE.read_text(), begins=TABLE_BEGINS)
    wrong = [outcome for outcome in outcomes if not (_as_promised(outcome) and is_told(told, outcome))]
    assert not wrong, "\n".join(f"{outcome}" for outcome in wrong)
    assert not SOAKING or told == table(outcomes), "run scripts/write_databricks_faults.py"


def _as_promised(outcome: Outcome) -> bool:
    """Never two runs, and no text left; a success that MLflow heard of, or a failure that names its cause.

    While a fault stays, the evaluation says what it waits for, unless it has its scores already.
    """
    if outcome.struck == 0 or outcome.runs > 1 or outcome.left:
        return False
    if outcome.waited and "atabricks" not in outcome.waited:
        return False
    if outcome.status == "succeeded":
        return outcome.runs == 1 and outcome.is_logged
    return outcome.status == "failed" and "atabricks" in outcome.message
