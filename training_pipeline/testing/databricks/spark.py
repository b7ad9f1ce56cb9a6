"""A real Spark in place of a SQL warehouse: it runs the statements that a warehouse would be sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.domain.training_sheet import Reference, SheetStatus, TrainingSheet
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.unity_catalog.columns import PAIR_NAMES, Columns, columns_of, select_pairs
from training_pipeline.sheets.unity_catalog.warehouse import Warehouse

SHEET_ID = "sheet-1"


class Spark:
    """A Spark session with the settings of a SQL warehouse, and what it reads in files of `directory`."""

    def __init__(self, directory: Path) -> None:
        from pyspark.sql import SparkSession  # only where it is asked for: it comes with an extra of its own

        options = {
            "spark.driver.extraJavaOptions": "-Xss4m",  # statements nest deeply; what Databricks starts Spark with
            "spark.driver.memory": "6g",  # sorts take six tenths of it, plans and the parser the rest
            # Of what has been run no plan is kept: they are large, and 3 GB were full of them after a few sheets.
            "spark.sql.ui.retainedExecutions": "1",
            "spark.ui.retainedJobs": "1",
            "spark.ui.retainedStages": "1",
            "spark.sql.ansi.enabled": "true",
            # Each level of a statement takes one look at it, and a warehouse takes 100 and no more.
            "spark.sql.analyzer.maxIterations": "95",
            # Plans are written out at every change of theirs, with all expressions: that took most of the time.
            "spark.sql.debug.maxToStringFields": "1",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.warehouse.dir": str(directory / "warehouse"),
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        builder: Any = SparkSession.builder
        self._session: Any = builder.master("local[2]").config(map=options).getOrCreate()
        self._session.sparkContext.setLogLevel("ERROR")
        self._directory = directory

    def close(self) -> None:
        """End the session and its JVM."""
        gateway = self._session.sparkContext._gateway
        self._session.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(60)

    def put(self, name: str, rows: pa.Table, *, variants: Sequence[str] = ()) -> dict[str, str]:
        """Make the rows a view, with JSON text in `variants` parsed; returns the type of each of its columns."""
        file = self._directory / f"{name}.parquet"
        pq.write_table(rows, file)
        columns = ", ".join(f"parse_json({each}) AS {each}" if each in variants else each for each in rows.column_names)
        self._session.catalog.dropTempView(name)
        self._session.sql(f"SELECT {columns} FROM parquet.`{file}`").createTempView(name)
        self._session.catalog.refreshTable(name)
        return {field.name: field.dataType.simpleString() for field in self._session.table(name).schema}

    def rows(self, statement: str) -> pa.Table:
        """All rows that the statement comes to."""
        return self._session.sql(statement).toArrow()

    def batches(
        self, statement: str, parameters: Mapping[str, str] | None, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """See `databricks.statements.Statements`."""
        found: pa.Table = self._session.sql(statement, args=dict(parameters or {})).toArrow()
        yield from found.select(schema.names).cast(schema).to_batches()

    @contextmanager
    def sheet(
        self, pairs: pa.Table, *, variants: Sequence[str] = (), tags: tuple[str, ...] = ()
    ) -> Iterator[OpenSheet]:
        """The pairs as a training sheet whose engine is this Spark."""
        ids = pa.array([SHEET_ID] * len(pairs), pa.string())
        types = self.put("qa", pairs.append_column("training_sheet_id", ids), variants=variants)
        columns = columns_of(types, PAIR_NAMES, {}, setting="")
        assert isinstance(columns, Columns), columns
        here = ibis.duckdb.connect()
        statements: Any = self
        engine = Warehouse(statements, select_pairs(columns, {}, "`qa`"), {"sheet_id": SHEET_ID}, here)
        head = TrainingSheet(
            id=SHEET_ID,
            name="A sheet",
            status=SheetStatus.APPROVED,
            source_sheet=Reference(id="source"),
            prompt_template=Reference(id="template"),
            tags=tags,
        )
        try:
            yield OpenSheet(sheet=head, digest="d" * 64, pairs=engine.table(), engine=engine)
        finally:
            here.disconnect()
