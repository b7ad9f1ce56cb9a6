"""How many jobs have each status, kept by triggers, so that no list counts every job.

Each transaction adds rows and changes none, so that none waits for another; now and then one sums up what it can see.

Revision ID: 0034
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"

_FUNCTIONS = """
CREATE FUNCTION training.count_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO training.training_job_counts (status, jobs)
            SELECT status, count(*) FROM added GROUP BY status ORDER BY status;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO training.training_job_counts (status, jobs)
            SELECT status, -count(*) FROM removed GROUP BY status ORDER BY status;
    ELSIF TG_OP = 'TRUNCATE' THEN
        DELETE FROM training.training_job_counts;
    ELSE
        INSERT INTO training.training_job_counts (status, jobs) VALUES (OLD.status, -1), (NEW.status, 1);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION training.sum_job_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- What another transaction is summing up at this moment is left to it: nobody waits.
    WITH seen AS (
        SELECT id FROM training.training_job_counts FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM training.training_job_counts WHERE id IN (SELECT id FROM seen) RETURNING status, jobs
    )
    INSERT INTO training.training_job_counts (status, jobs)
        SELECT status, sum(jobs) FROM gone GROUP BY status HAVING sum(jobs) <> 0;
    RETURN NULL;
END $$
"""

_TRIGGERS = """
CREATE TRIGGER count_added AFTER INSERT ON training.training_jobs REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION training.count_jobs();
CREATE TRIGGER count_removed AFTER DELETE ON training.training_jobs REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION training.count_jobs();
CREATE TRIGGER count_changed AFTER UPDATE ON training.training_jobs
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION training.count_jobs();
CREATE TRIGGER count_truncated AFTER TRUNCATE ON training.training_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION training.count_jobs();
CREATE TRIGGER sum_now_and_then AFTER INSERT ON training.training_job_counts
    FOR EACH ROW WHEN (NEW.id % 500 = 0) EXECUTE FUNCTION training.sum_job_counts()
"""


def upgrade() -> None:
    """Create table and triggers, which keep others from writing jobs until the end of this, and count what is there."""
    op.create_table(
        "training_job_counts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_job_counts")),
    )
    op.execute(_FUNCTIONS)
    op.execute(_TRIGGERS)
    op.execute(
        "INSERT INTO training.training_job_counts (status, jobs)"
        " SELECT status, count(*) FROM training.training_jobs GROUP BY status"
    )
