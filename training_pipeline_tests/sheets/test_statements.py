"""Every fault at every call by which a training sheet is read from a workspace: all rows, or an error that says why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from training_pipeline.domain.errors import PipelineError, SheetUnreadable, Unavailable
from training_pipeline.sheets.unity_catalog import UnityCatalogSheets
from training_pipeline_tests.databricks_workspace.app import serve
from training_pipeline_tests.databricks_workspace.faults import FaultKind
from training_pipeline_tests.databricks_workspace.sql import Warehouses, warehouses
from training_pipeline_tests.databricks_workspace.state import Workspace
from training_pipeline_tests.databricks_workspace.tables import tables
from training_pipeline_tests.pairs import pair
from training_pipeline_tests.sheet_tables import PAIRS, connection, head, put_heads, put_pairs, source

CALLS = ("table-get", "tags-list", "sql-execute", "sql-get", "sql-chunk", "sql-storage")
#: What no repetition mends: of credentials and grants the workspace speaks, not the storage behind a link.
REFUSED = {FaultKind.UNAUTHENTICATED: "(401)", FaultKind.FORBIDDEN: "(403)", FaultKind.VANISHED: "could not"}
IDS = {f"p-{number:06d}" for number in range(60)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with serve(tmp_path_factory.mktemp("workspace")) as workspace:
        workspace.faults.slow_seconds = 3.5
        yield workspace


@pytest.fixture
def workspace(served: Workspace) -> Iterator[Workspace]:
    served.parts["sql"].__dict__.update(Warehouses(chunk_rows=25, statements=warehouses(served).statements).__dict__)
    put_heads(served, [head()])
    put_pairs(served, [pair(number) for number in range(60)])
    yield served
    served.faults.clear()
    served.denied.clear()


def sheets(
    workspace: Workspace, *, seconds: float = 60.0, retry: int = 8, warehouse: str = "wh-1"
) -> UnityCatalogSheets:
    made = source(
        workspace, seconds=seconds, warehouse=warehouse, connection=connection(workspace, http=3, retry=retry)
    )
    statements = replace(made.statements, sleep=lambda asked: time.sleep(min(asked, 0.02)))
    return replace(made, statements=statements)


def read(made: UnityCatalogSheets) -> set[str]:
    with made.open("sheet-1") as opened, opened.engine.fetch(opened.pairs.select("pair_id")) as found:
        ids: list[str] = found.to_pyarrow()["pair_id"].to_pylist()
    assert len(ids) == len(set(ids)), "no row twice"
    return set(ids)


def test_a_reading_makes_the_calls_that_are_walked(workspace: Workspace) -> None:
    workspace.calls.clear()
    assert read(sheets(workspace)) == IDS
    assert {call.name for call in workspace.calls} - {"databricks-config"} == set(CALLS)


@pytest.mark.parametrize("kind", list(FaultKind))
@pytest.mark.parametrize("call", CALLS)
def test_once(workspace: Workspace, call: str, kind: FaultKind) -> None:
    made = sheets(workspace)
    made.connection.client()  # what the SDK asks first is not what goes wrong here
    fault = workspace.faults.arm(call, kind)
    if kind not in REFUSED or call == "sql-storage":
        assert read(made) == IDS
    else:
        with pytest.raises(PipelineError) as raised:
            read(made)
        assert REFUSED[kind] in raised.value.message
        assert raised.value.hint
        gone = kind is FaultKind.VANISHED and call not in {"sql-get", "sql-chunk"}
        assert raised.value.recurs is gone, "but for what is not there, the launch is tried again"
        workspace.faults.clear()
        assert read(made) == IDS, "and then goes on"
    assert fault.happened == 1


@pytest.mark.parametrize("kind", [FaultKind.INTERNAL, FaultKind.HTML, FaultKind.LOST_REPLY])
@pytest.mark.parametrize("call", CALLS)
def test_for_ever(workspace: Workspace, call: str, kind: FaultKind) -> None:
    made = sheets(workspace, retry=2)
    made.connection.client()
    workspace.faults.arm(call, kind, times=None)
    started = time.monotonic()
    with pytest.raises(Unavailable) as raised:
        read(made)
    assert time.monotonic() - started < 60
    assert raised.value.hint
    assert "signature" not in str(raised.value), "a link is a secret"


def test_a_link_that_expired_is_asked_for_again(workspace: Workspace) -> None:
    part = warehouses(workspace)
    made = sheets(workspace)

    class Late(dict[str, tuple[str, int, float]]):
        """The first link for each part of a result has expired when it is used."""

        def __setitem__(self, key: str, value: tuple[str, int, float]) -> None:
            seen = [known[:2] for known in self.values()]
            super().__setitem__(key, value if value[:2] in seen else (*value[:2], 0.0))

    part.links = Late()
    assert read(made) == IDS
    assert len(part.links) == 6, "two for each of three parts"


def test_links_that_always_expire_end_in_words(workspace: Workspace) -> None:
    warehouses(workspace).link_seconds = -1
    with pytest.raises(Unavailable, match=r"could not be fetched from the workspace's storage \(status 403\)"):
        read(sheets(workspace))


def test_a_netrc_adds_no_authorization_to_a_link(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert read(sheets(workspace)) == IDS


def test_a_stopped_warehouse_is_waited_for(workspace: Workspace) -> None:
    warehouses(workspace).states["wh-1"] = "STOPPED"
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


def test_a_missing_warehouse_is_named(workspace: Workspace) -> None:
    with pytest.raises(PipelineError, match="SQL warehouse gone does not exist") as raised:
        read(sheets(workspace, warehouse="gone"))
    assert "TRAINING_PIPELINE_DATABRICKS_WAREHOUSE_ID" in raised.value.hint
    assert raised.value.recurs


@pytest.mark.parametrize(
    ("name", "privilege", "said"),
    [
        ("wh-1", "CAN USE", "Grant CAN USE on SQL warehouse wh-1"),
        (PAIRS, "SELECT", f"Grant SELECT on table {PAIRS}"),
        ("main.training", "USE SCHEMA", "USE SCHEMA on main.training"),
        ("main", "USE CATALOG", "USE CATALOG on main"),
    ],
)
def test_a_missing_grant_is_named(workspace: Workspace, name: str, privilege: str, said: str) -> None:
    with workspace.without(name, privilege), pytest.raises(Unavailable) as raised:
        read(sheets(workspace))
    assert said in str(raised.value)


def test_a_grant_that_is_taken_away_in_the_middle_is_named(workspace: Workspace) -> None:
    with sheets(workspace).open("sheet-1") as opened, workspace.without(PAIRS, "SELECT"):
        fetched = opened.engine.fetch(opened.pairs.select("pair_id"))
        with pytest.raises(Unavailable, match=rf"we do not have SELECT on table {PAIRS}"), fetched:
            pass


def test_a_missing_table_is_named(workspace: Workspace) -> None:
    kept = tables(workspace).by_name.pop(PAIRS)
    try:
        with pytest.raises(PipelineError, match=f"'{PAIRS}' does not exist") as raised:
            read(sheets(workspace))
        assert "TRAINING_PIPELINE_UC_PAIRS_TABLE" in raised.value.hint
    finally:
        tables(workspace).by_name[PAIRS] = kept


def test_a_table_that_vanishes_in_the_middle_is_named(workspace: Workspace) -> None:
    with sheets(workspace).open("sheet-1") as opened:
        kept = tables(workspace).by_name.pop(PAIRS)
        try:
            fetched = opened.engine.fetch(opened.pairs.select("pair_id"))
            with pytest.raises(SheetUnreadable, match=rf"table or view {PAIRS} does not exist"), fetched:
                pass
        finally:
            tables(workspace).by_name[PAIRS] = kept


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
