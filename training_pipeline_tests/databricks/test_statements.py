"""Every fault at every call by which a training sheet is read from a workspace: all rows, or an error that says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from training_pipeline.domain.errors import SheetUnreadable, Unavailable
from training_pipeline.testing.databricks.sql_walk import (
    CALLS,
    CONDITIONS,
    IDS,
    Cell,
    End,
    ExpiredAtFirst,
    Outcome,
    Walk,
    all_cells,
    fill,
    in_docs,
    is_told,
    of_conditions,
    read,
    sheets,
)
from training_pipeline.testing.databricks.walk import in_page
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.sql import warehouses
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.soak import SOAKING, diagonals

PAGE = Path(__file__).parents[2] / "docs" / "unity_catalog.md"
#: Each call, and each fault. `make soak` walks all cells.
SLICE = diagonals(all_cells(), 6, lambda cell: cell.call, lambda cell: (cell.kind, cell.times))
#: What no repetition mends: of credentials and grants the workspace speaks, not the storage behind a link.
REFUSED = {
    FaultKind.UNAUTHENTICATED: "(401)",
    FaultKind.FORBIDDEN: "(403)",
    FaultKind.FORBIDDEN_PAGE: "is a page",
    FaultKind.VANISHED: "could not",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with serve(tmp_path / "workspace") as served:
        fill(served)
        yield served


def test_a_reading_makes_the_calls_that_are_walked(workspace: Workspace) -> None:
    workspace.calls.clear()
    assert read(sheets(workspace)) == IDS
    assert {call.name for call in workspace.calls} - {"databricks-config"} == set(CALLS)


def test_the_slice_has_every_call_and_every_fault() -> None:
    assert {cell.call for cell in SLICE} == {cell.call for cell in all_cells()}
    assert {(cell.kind, cell.times) for cell in SLICE} == {(cell.kind, cell.times) for cell in all_cells()}


@pytest.mark.slow
@pytest.mark.soak
def test_every_fault_at_every_call_and_everything_that_may_be_missing(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    cells = all_cells() if SOAKING else SLICE
    outcomes = dict(zip(cells, walk.cells(cells), strict=True))
    wrong = {cell: outcome for cell, outcome in outcomes.items() if not _as_promised(cell, outcome)}
    assert not wrong, "\n".join(f"{cell}: {outcome}" for cell, outcome in wrong.items())
    missing = {condition: walk.condition(condition) for condition in CONDITIONS}
    for condition, outcome in missing.items():
        assert outcome.end is condition.end, (condition.words, outcome)
        assert condition.names in f"{outcome.said} {outcome.hint}", (condition.words, outcome)
    page = in_page(PAGE.read_text())
    assert all(is_told(page, cell, outcome) for cell, outcome in outcomes.items())
    assert page.endswith(of_conditions(missing)), "run scripts/write_databricks_faults.py"
    assert not SOAKING or page == in_docs(outcomes, missing), "run scripts/write_databricks_faults.py"


def _as_promised(cell: Cell, outcome: Outcome) -> bool:
    """All rows, or an error that says what was refused, holds no secret, and is over once the fault is."""
    if cell.times is not None and (cell.kind not in REFUSED or cell.call == "sql-storage"):
        return outcome.end is End.GOES_ON and outcome.struck == 1
    expected = End.WAITS
    if cell.kind is FaultKind.VANISHED and cell.call != "sql-storage":
        forgotten = cell.call in {"sql-get", "sql-chunk"}  # the statement, not the table: it can be run again
        expected = End.IS_LAUNCHED_AGAIN if forgotten else End.FAILS
    says = REFUSED.get(cell.kind, "") if cell.call != "sql-storage" else "could not be fetched"
    told = says in outcome.said and bool(outcome.hint) and "signature" not in f"{outcome.said} {outcome.hint}"
    return outcome.end is expected and outcome.struck >= 1 and told and outcome.mended


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_a_small_result_is_read_to_its_last_part(workspace: Workspace, rows: int) -> None:
    warehouses(workspace).chunk_rows = rows
    statement = "SELECT pair_id FROM main.training.qa_pairs WHERE training_sheet_id = 'sheet-1' ORDER BY 1"
    read_rows = sheets(workspace).statements.rows(statement)
    assert {row[0] for row in read_rows} == set(IDS)
    assert len(read_rows) == len(IDS)


def test_a_result_that_was_cut_off_is_an_error(workspace: Workspace) -> None:
    warehouses(workspace).cut_after = 10
    statements = sheets(workspace).statements
    statement = "SELECT pair_id FROM main.training.qa_pairs"
    with pytest.raises(Unavailable, match="cut the result of a statement off after 10 rows"):
        statements.rows(statement)
    with pytest.raises(Unavailable, match="cut the result"):
        next(statements.batches(statement, None, pa.schema([("pair_id", pa.string())])))


def test_a_link_that_expired_is_asked_for_again(workspace: Workspace) -> None:
    part = warehouses(workspace)
    part.links = ExpiredAtFirst()
    assert read(sheets(workspace)) == IDS
    assert len(part.links) == 6, "two for each of three parts"


def test_a_netrc_adds_no_authorization_to_a_link(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert read(sheets(workspace)) == IDS


def test_a_warehouse_that_never_starts_is_given_up_and_the_statement_cancelled(workspace: Workspace) -> None:
    warehouses(workspace).states["wh-1"] = "STUCK"
    workspace.calls.clear()
    with pytest.raises(Unavailable, match=r"SQL warehouse wh-1 was still pending after 1 s and was cancelled"):
        read(sheets(workspace, seconds=1))
    assert [call.name for call in workspace.calls].count("sql-cancel") == 1
    assert list(warehouses(workspace).statements.values())[-1].state == "CANCELED"


def test_a_cancel_that_is_not_heard_hides_nothing(workspace: Workspace) -> None:
    warehouses(workspace).states["wh-1"] = "STUCK"
    workspace.faults.arm("sql-cancel", FaultKind.INTERNAL, times=None)
    with pytest.raises(Unavailable, match="still pending"):
        read(sheets(workspace, seconds=1))


def test_a_failure_of_the_statement_quotes_no_value(workspace: Workspace) -> None:
    """A warehouse says which value it could not cast, and that may be the text of a pair."""
    made = sheets(workspace).statements
    with pytest.raises(SheetUnreadable) as raised:
        made.rows("SELECT CAST('Secret.' AS INT)")
    assert "Secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_result_that_is_not_whole_is_refused(workspace: Workspace) -> None:
    part = warehouses(workspace)
    with sheets(workspace).open("sheet-1") as opened:
        statements = opened.engine.statements  # type: ignore[attr-defined]
        part.chunk_rows = 30
        stream = statements.batches(
            opened.engine.statement(opened.pairs.select("pair_id")),  # type: ignore[attr-defined]
            {"sheet_id": "sheet-1"},
            pa.schema([("pair_id", pa.string())]),
        )
        assert next(stream).num_rows == 30
        part.chunk_rows = 20  # the second part is now shorter than the warehouse said
        with pytest.raises(Unavailable, match="Of 60 rows, 50 arrived"):
            list(stream)
