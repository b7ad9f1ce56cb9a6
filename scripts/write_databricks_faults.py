"""Walk every fault at every call of a job on Databricks, and write the table of outcomes into docs/databricks.md.

python scripts/write_databricks_faults.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from training_pipeline.database import Database
from training_pipeline.embedded_postgres import EmbeddedPostgres
from training_pipeline.migrations import migrate

sys.path.insert(0, str(Path(__file__).parent.parent))
from training_pipeline_tests.conftest import reachable_directory, url_of
from training_pipeline_tests.databricks_walk import Cell, Walk, all_cells, in_page, table
from training_pipeline_tests.databricks_workspace.mlflow import MlflowServer

PAGE = Path(__file__).parent.parent / "docs" / "databricks.md"


def main() -> None:
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
            PAGE.write_text(in_page(PAGE.read_text(), table(outcomes)))
        finally:
            mlflow.close()
            server.stop()
    print(f"{len(outcomes)} walks, {sum(outcome.runs > 1 for outcome in outcomes)} with more than one run.")


if __name__ == "__main__":
    main()
