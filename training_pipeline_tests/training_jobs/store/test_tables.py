from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from training_pipeline.alerts.tables import alerts
from training_pipeline.app.ownership import installation
from training_pipeline.auth.tables import api_tokens
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation.tables import evaluation_suites
from training_pipeline.models.promotion.tables import promotions
from training_pipeline.models.revocations.tables import revocations
from training_pipeline.models.uses.tables import use_rows
from training_pipeline.models.versions.tables import model_aliases
from training_pipeline.reviewing.tables import sheet_edits
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.hash_keys import hash_keys
from training_pipeline.training_jobs.store.idempotency import idempotency_keys
from training_pipeline.training_jobs.store.rows import row_of
from training_pipeline.training_jobs.store.tables import metadata, training_jobs


def test_the_migrations_make_the_tables(database: Database) -> None:
    with database.engine(pooled=False).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        # every module with tables must be imported before the comparison
        known = {use_rows.name, model_aliases.name, revocations.name, evaluation_suites.name, promotions.name}
        known |= {sheet_edits.name, alerts.name, api_tokens.name, hash_keys.name, idempotency_keys.name}
        known |= {installation.name}
        assert known <= metadata.tables.keys()
        assert compare_metadata(context, metadata) == []


def test_the_values_of_a_job_have_the_columns_of_its_table() -> None:
    assert set(row_of(new_job())) == set(training_jobs.columns.keys())
