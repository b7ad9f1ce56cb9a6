"""Walk every fault at every call to Databricks, and write the tables of outcomes into the docs.

Those of a job, of its worker and of an evaluation go into docs/databricks.md, those of reading a training sheet from
tables into docs/unity_catalog.md.

python scripts/write_databricks_faults.py [sql] [jobs] [evaluations] [asks] [worker]
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.migrations import migrate

sys.path.insert(0, str(Path(__file__).parent.parent))
from training_pipeline.testing.databricks import asking_walk, evaluation_walk, worker_walk
from training_pipeline.testing.databricks.sql_walk import CONDITIONS, in_docs
from training_pipeline.testing.databricks.sql_walk import Walk as SqlWalk
from training_pipeline.testing.databricks.sql_walk import all_cells as all_sql_cells
from training_pipeline.testing.databricks.walk import Cell, Walk, all_cells, in_page, table
from training_pipeline.testing.databricks_workspace.mlflow import MlflowServer
from training_pipeline.testing.servers.postgres import cloned, reachable_directory, url_of

DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    tables = {
        "sql": write_sql,
        "jobs": write_jobs,
        "evaluations": write_evaluations,
        "asks": write_asks,
        "worker": write_worker,
    }
    for name in sys.argv[1:] or tables:
        tables[name]()


def write_sql() -> None:
    page, cells = DOCS / "unity_catalog.md", all_sql_cells()
    with reachable_directory() as directory:
        walk = SqlWalk(directory)
        outcomes = dict(zip(cells, walk.cells(cells), strict=True))
        missing = {condition: walk.condition(condition) for condition in CONDITIONS}
    page.write_text(in_page(page.read_text(), in_docs(outcomes, missing)))
    print(f"{len(outcomes)} readings with a fault, {len(missing)} with something missing.")


def write_jobs() -> None:
    page = DOCS / "databricks.md"
    with reachable_directory() as directory:
        server, mlflow = EmbeddedPostgres(directory / "postgres"), MlflowServer(directory / "mlflow")
        mlflow.start()
        server.start()
        try:
            database = Database.at(url_of(server))
            migrate(database)
            walk = Walk(database, directory, mlflow)
            walk.outcome(Cell("", None))  # so that MLflow is up
            outcomes = walk.cells(all_cells())
            walk.close()
            page.write_text(in_page(page.read_text(), table(outcomes)))
        finally:
            mlflow.close()
            server.stop()
    print(f"{len(outcomes)} walks, {sum(outcome.runs > 1 for outcome in outcomes)} with more than one run.")


def write_evaluations() -> None:
    page, cells = DOCS / "databricks.md", evaluation_walk.all_cells()
    with reachable_directory() as directory:
        server, mlflow = EmbeddedPostgres(directory / "postgres"), MlflowServer(directory / "mlflow")
        mlflow.start()
        server.start()
        try:
            migrate(Database.at(url_of(server)))
            walk = evaluation_walk.EvaluationWalk(partial(cloned, server), directory, mlflow)
            walk.outcome(Cell("", None))  # so that MLflow is up
            outcomes = walk.cells(cells)
            walk.close()
            begins = evaluation_walk.TABLE_BEGINS
            page.write_text(in_page(page.read_text(), evaluation_walk.table(outcomes), begins=begins))
        finally:
            mlflow.close()
            server.stop()
    left = sum(outcome.left for outcome in outcomes)
    runs = sum(outcome.runs > 1 for outcome in outcomes)
    print(f"{len(outcomes)} evaluations, {runs} with more than one run, {left} texts left.")


def write_asks() -> None:
    page = DOCS / "databricks.md"
    with reachable_directory() as directory, ThreadPoolExecutor(8) as pool:
        cells = [(call, fault) for call in asking_walk.CALLS for fault in asking_walk.FAULTS]
        outcomes = list(pool.map(lambda cell: asking_walk.outcome(directory, *cell), cells))
    page.write_text(asking_walk.in_page(page.read_text(), asking_walk.table(outcomes)))
    print(f"{len(outcomes)} questions that belong to no job, with a fault.")


def write_worker() -> None:
    page = DOCS / "databricks.md"
    with reachable_directory() as directory:
        met = [worker_walk.outcome(directory / str(number), what) for number, what in enumerate(worker_walk.MEETS)]
        called = [worker_walk.outcome(directory / f"call-{n}", *cell) for n, cell in enumerate(worker_walk.all_cells())]
    page.write_text(worker_walk.in_page(page.read_text(), worker_walk.table(met, called)))
    print(f"{len(met)} things that a worker may meet, {len(called)} calls of it with a fault.")


if __name__ == "__main__":
    main()
