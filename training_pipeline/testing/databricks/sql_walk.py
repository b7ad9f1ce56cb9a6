"""Every fault at every call by which a training sheet is read from tables, and everything that may be missing there.

Used by the test that says how each of them must end, and by the script that writes the tables into the docs.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets
from training_pipeline.testing.databricks.sheet_tables import (
    PAIRS,
    SHEETS,
    connection,
    head,
    put_heads,
    put_pairs,
    source,
)
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import REWORDED, FaultKind
from training_pipeline.testing.databricks_workspace.sql import warehouses
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.databricks_workspace.tables import tables
from training_pipeline.testing.sheets.pairs import pair

#: What one reading calls, in its order; a test says that it is all of it.
CALLS: Final = ("table-get", "tags-list", "sql-execute", "sql-get", "sql-chunk", "sql-storage")
#: What the calls are known as to whoever reads the docs.
WORDS: Final = {
    "table-get": "look at a table",
    "tags-list": "list the tags of a table",
    "sql-execute": "submit a statement",
    "sql-get": "look at a statement",
    "sql-chunk": "ask for the link to a part of a result",
    "sql-storage": "fetch a part by its link",
}
#: No reply is a slow one without end.
ONCE: Final = tuple(kind for kind in FaultKind if kind not in {FaultKind.NO_REPLY, *REWORDED})
FOR_EVER: Final = (
    FaultKind.LOST_REPLY,
    FaultKind.INTERNAL,
    FaultKind.HTML,
    FaultKind.UNAUTHENTICATED,
    FaultKind.FORBIDDEN,
    FaultKind.VANISHED,
)
IDS: Final = frozenset(f"p-{number:06d}" for number in range(60))
_numbers = itertools.count()


class End(StrEnum):
    """What becomes of a job whose sheet is read."""

    GOES_ON = "goes on"
    WAITS = "waits"
    IS_LAUNCHED_AGAIN = "is launched again"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reading ended. `struck` is how often the fault did; `mended` whether all rows came once it was cleared."""

    end: End
    said: str = ""
    hint: str = ""
    struck: int = 0
    mended: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """One walk: `times` is how often the fault strikes, null for ever."""

    call: str
    kind: FaultKind
    times: int | None = 1


def _nothing(_: Workspace) -> None:
    return


@dataclass(frozen=True, slots=True)
class Condition:
    """What may be missing in a workspace: `before` a sheet is opened, or `meanwhile`, before its pairs are fetched.

    `names` is a part of what is said then.
    """

    words: str
    end: End
    names: str = ""
    before: Callable[[Workspace], None] = _nothing
    meanwhile: Callable[[Workspace], None] = _nothing
    warehouse: str = "wh-1"
    seconds: float = 60.0


def sheets(
    workspace: Workspace, *, seconds: float = 60.0, retry: int = 8, warehouse: str = "wh-1"
) -> UnityCatalogSheets:
    """The sheets of the workspace, read in a hurry."""
    made = source(
        workspace, seconds=seconds, warehouse=warehouse, connection=connection(workspace, http=3, retry=retry)
    )
    statements = replace(made.statements, sleep=lambda asked: time.sleep(min(asked, 0.02)))
    return replace(made, statements=statements)


def read(made: UnityCatalogSheets, meanwhile: Callable[[], None] = lambda: None) -> frozenset[str]:
    """The ids of all pairs, none of them twice."""
    with made.open("sheet-1") as opened:
        meanwhile()
        with opened.engine.fetch(opened.pairs.select("pair_id")) as found:
            ids: list[str] = found.to_pyarrow()["pair_id"].to_pylist()
    assert len(ids) == len(set(ids)), "no row twice"
    return frozenset(ids)


def fill(workspace: Workspace) -> None:
    """Put the sheet that is read into the workspace, whose results come in three parts."""
    warehouses(workspace).chunk_rows = 25
    put_heads(workspace, [head()])
    put_pairs(workspace, [pair(number) for number in range(60)])


class Walk:
    """A fresh workspace for everything that goes wrong."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def cells(self, cells: Sequence[Cell], *, workers: int = 8) -> list[Outcome]:
        """The outcomes of the cells, in their order; several at a time, for most of a walk is waiting."""
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(self.cell, cells))

    def cell(self, cell: Cell) -> Outcome:
        """Read while one call goes wrong, and again when it does not any more."""
        with serve(self._directory / str(next(_numbers))) as workspace:
            fill(workspace)
            workspace.faults.slow_seconds = 3.5
            made = sheets(workspace, retry=8 if cell.times else 2)
            made.connection.client()  # what the SDK asks first is not what goes wrong here
            fault = workspace.faults.arm(cell.call, cell.kind, times=cell.times)
            outcome = _outcome(made)
            workspace.faults.clear()
            mended = outcome.end is End.GOES_ON or read(made) == IDS
            return replace(outcome, struck=fault.happened, mended=mended)

    def condition(self, condition: Condition) -> Outcome:
        """Read while something is missing."""
        with serve(self._directory / str(next(_numbers))) as workspace:
            fill(workspace)
            condition.before(workspace)
            made = sheets(workspace, seconds=condition.seconds, warehouse=condition.warehouse)
            return _outcome(made, lambda: condition.meanwhile(workspace))


def _outcome(made: UnityCatalogSheets, meanwhile: Callable[[], None] = lambda: None) -> Outcome:
    try:
        assert read(made, meanwhile) == IDS
    except PipelineError as error:
        end = End.WAITS if error.is_outage else End.FAILS if error.recurs else End.IS_LAUNCHED_AGAIN
        return Outcome(end, error.message, error.hint)
    return Outcome(End.GOES_ON)


class ExpiredAtFirst(dict[str, tuple[str, int, float]]):
    """The first link to each part of a result has expired when it is used."""

    def __setitem__(self, key: str, value: tuple[str, int, float]) -> None:
        seen = [known[:2] for known in self.values()]
        super().__setitem__(key, value if value[:2] in seen else (*value[:2], 0.0))


def _deny(name: str, privilege: str) -> Callable[[Workspace], None]:
    return lambda workspace: workspace.denied.update({name: privilege})


def _drop(name: str) -> Callable[[Workspace], None]:
    return lambda workspace: tables(workspace).by_name.__delitem__(name)


def _warehouse(state: str) -> Callable[[Workspace], None]:
    return lambda workspace: warehouses(workspace).states.update({"wh-1": state})


def _expire_links(workspace: Workspace) -> None:
    warehouses(workspace).link_seconds = -1


def _expire_first_links(workspace: Workspace) -> None:
    warehouses(workspace).links = ExpiredAtFirst()


CONDITIONS: Final = (
    Condition("the warehouse is stopped", End.GOES_ON, before=_warehouse("STOPPED")),
    Condition(
        "the warehouse does not start in time",
        End.IS_LAUNCHED_AGAIN,
        "SQL warehouse wh-1 was still pending after 1 s and was cancelled",
        before=_warehouse("STUCK"),
        seconds=1,
    ),
    Condition("there is no such warehouse", End.FAILS, "SQL warehouse gone does not exist", warehouse="gone"),
    Condition(
        "`CAN USE` on the warehouse is missing",
        End.WAITS,
        "Grant CAN USE on SQL warehouse wh-1",
        before=_deny("wh-1", "CAN USE"),
    ),
    Condition("there is no table of sheets", End.FAILS, f"'{SHEETS}' does not exist", before=_drop(SHEETS)),
    Condition("there is no table of pairs", End.FAILS, f"'{PAIRS}' does not exist", before=_drop(PAIRS)),
    Condition(
        "it is dropped while it is read",
        End.FAILS,
        f"The table or view {PAIRS} does not exist",
        meanwhile=_drop(PAIRS),
    ),
    Condition("`SELECT` on it is missing", End.WAITS, f"Grant SELECT on table {PAIRS}", before=_deny(PAIRS, "SELECT")),
    Condition(
        "`SELECT` on it is taken away while it is read",
        End.WAITS,
        f"we do not have SELECT on table {PAIRS}",
        meanwhile=_deny(PAIRS, "SELECT"),
    ),
    Condition(
        "`USE SCHEMA` is missing", End.WAITS, "USE SCHEMA on main.training", before=_deny("main.training", "USE SCHEMA")
    ),
    Condition("`USE CATALOG` is missing", End.WAITS, "USE CATALOG on main", before=_deny("main", "USE CATALOG")),
    Condition("a link to a part of a result has expired", End.GOES_ON, before=_expire_first_links),
    Condition(
        "every link has expired, or the storage refuses us",
        End.WAITS,
        "could not be fetched from the workspace's storage (status 403)",
        before=_expire_links,
    ),
)


def all_cells() -> list[Cell]:
    """Every fault at every call, mended and lasting."""
    return [
        Cell(call, kind, times) for call in CALLS for times, kinds in ((1, ONCE), (None, FOR_EVER)) for kind in kinds
    ]


def is_told(page: str, cell: Cell, outcome: Outcome) -> bool:
    """Whether the page says of this cell what its outcome was."""
    often = "once" if cell.times else "for good"
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {WORDS[cell.call]} | {often} |")]
    return str(cell.kind).replace("_", " ") in row.strip("| ").split(" | ")[2 + list(End).index(outcome.end)].split(
        ", "
    )


def in_docs(outcomes: dict[Cell, Outcome], missing: dict[Condition, Outcome]) -> str:
    """The outcomes as two tables for the docs."""
    return f"{_of_faults(outcomes)}\n{of_conditions(missing)}"


def _of_faults(outcomes: dict[Cell, Outcome]) -> str:
    lines = ["| call | goes wrong | " + " | ".join(f"the job {end}" for end in End) + " |", "| --- " * 6 + "|"]
    for call, (often, times) in itertools.product(CALLS, (("once", 1), ("for good", None))):
        mine = {cell: end for cell, end in outcomes.items() if (cell.call, cell.times) == (call, times)}
        columns = [[str(cell.kind).replace("_", " ") for cell, of in mine.items() if of.end is end] for end in End]
        lines.append(f"| {WORDS[call]} | {often} | " + " | ".join(", ".join(kinds) or "-" for kinds in columns) + " |")
    return "\n".join(lines) + "\n"


def of_conditions(missing: dict[Condition, Outcome]) -> str:
    """The table of what may be missing."""
    lines = ["| what is wrong | the job | and says |", "| --- | --- | --- |"]
    for condition, outcome in missing.items():
        said = f"{outcome.said} {outcome.hint}".strip().replace("|", "\\|") or "-"
        lines.append(f"| {condition.words} | {outcome.end} | {said} |")
    return "\n".join(lines) + "\n"
