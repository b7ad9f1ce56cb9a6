"""Places in the work on a training job at which a test can hold it, in the database: no product code knows of them.

Triggers wait for an advisory lock that the test holds, in the middle of the transaction that marks the place. Whoever
works on the job waits there, in whatever process it is, until the test lets go or the process is killed; what it was
about to write is rolled back then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from training_pipeline.database import Database
from training_pipeline_tests.polling import until

#: The first half of the locks' numbers; the locks of the product are single numbers.
NAMESPACE = 4711

#: Launch: both gates have been applied.
JUDGED = "judged"
#: Launch: the intention to submit is stored; the backend has not been called.
INTENDED = "intended"
#: Launch: the backend has the run; the job does not say so yet.
SUBMITTED = "submitted"
#: Launch: every asset has been materialized; the lineage record does not say so yet.
MATERIALIZED = "materialized"
#: Finish: the final figures are stored; they have not been materialized.
MEASURED = "measured"
#: Finish: the model version is registered; neither the job nor the lineage record says so yet.
REGISTERED = "registered"
#: Finish: the model has been materialized; the lineage record does not say so, and the job has not succeeded.
NEARLY_DONE = "nearly-done"

LAUNCH = (JUDGED, INTENDED, SUBMITTED, MATERIALIZED)
FINISH = (MEASURED, REGISTERED, NEARLY_DONE)

_JOB, _LINEAGE = "UPDATE ON training.training_jobs", "UPDATE ON training.training_job_lineage"
_METRICS = "NEW.dagster_event_type = 'ASSET_MATERIALIZATION' AND NEW.asset_key = '[\"training_metrics\"]'"
_TRIGGERS = {
    JUDGED: (_JOB, "OLD.snapshot IS DISTINCT FROM NEW.snapshot", "job.id = NEW.id"),
    INTENDED: (_JOB, "OLD.mlflow_run_id IS DISTINCT FROM NEW.mlflow_run_id", "job.id = NEW.id"),
    SUBMITTED: (_JOB, "OLD.backend_run_id IS DISTINCT FROM NEW.backend_run_id", "job.id = NEW.id"),
    MATERIALIZED: (_LINEAGE, "jsonb_exists(NEW.assets, 'fine_tuning_run')", "job.id = NEW.job_id"),
    MEASURED: ("INSERT ON dagster.event_logs", _METRICS, "job.id = NEW.partition"),
    REGISTERED: ("UPDATE ON mlflow.runs", "NEW.status = 'FINISHED'", "job.mlflow_run_id = NEW.run_uuid"),
    NEARLY_DONE: (_LINEAGE, "jsonb_exists(NEW.assets, 'fine_tuned_model')", "job.id = NEW.job_id"),
}


def install(database: Database) -> None:
    """Make the triggers in a migrated database. Nothing waits anywhere before a breakpoint is set."""
    statements = [
        "CREATE SCHEMA breakpoints",
        "CREATE TABLE breakpoints.armed (key serial PRIMARY KEY, place text NOT NULL, job_name text NOT NULL)",
    ]
    for place, (event, condition, job) in _TRIGGERS.items():
        name = f"wait_where_{place.replace('-', '_')}"
        statements += [
            f"""CREATE FUNCTION breakpoints.{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_advisory_xact_lock_shared({NAMESPACE}, armed.key)
                FROM breakpoints.armed JOIN training.training_jobs job ON job.model_name = armed.job_name
                WHERE armed.place = '{place}' AND {job};
                RETURN NEW;
            END $$""",
            f"CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW WHEN ({condition})"
            f" EXECUTE FUNCTION breakpoints.{name}()",
        ]
    with database.engine(pooled=False).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@dataclass(frozen=True)
class Breakpoint:
    """A place at which the job with this model name is held."""

    place: str
    model_name: str
    key: int
    connection: Connection

    def until_reached(self) -> None:
        """Wait until somebody waits here."""
        waits = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND classid = :namespace AND objid = :key"
        )
        values = {"namespace": NAMESPACE, "key": self.key}
        what = f"the moment in which {self.model_name} is {self.place}"
        until(lambda: self.connection.execute(waits, values).scalar_one(), seconds=120, what=what)

    def let_go(self) -> None:
        """Nobody waits here any more, nor again. Idempotent; a server that was killed has let go by itself."""
        try:
            self.connection.execute(text("DELETE FROM breakpoints.armed WHERE key = :key"), {"key": self.key})
            self.connection.execute(text("SELECT pg_advisory_unlock_all()"))
        except DBAPIError:
            self.connection.invalidate()


@contextmanager
def breakpoint_at(database: Database, place: str, model_name: str) -> Iterator[Breakpoint]:
    """Hold whoever brings the job with this model name to `place`, until told to let go, or the block ends."""
    engine = database.engine(pooled=False).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        armed = "INSERT INTO breakpoints.armed (place, job_name) VALUES (:place, :name) RETURNING key"
        key = connection.execute(text(armed), {"place": place, "name": model_name}).scalar_one()
        connection.execute(text("SELECT pg_advisory_lock(:namespace, :key)"), {"namespace": NAMESPACE, "key": key})
        breakpoint_ = Breakpoint(place, model_name, key, connection)
        try:
            yield breakpoint_
        finally:
            breakpoint_.let_go()
