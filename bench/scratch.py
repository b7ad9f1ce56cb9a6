"""A PostgreSQL of a bench's own, in a directory that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.migrations import migrate


@contextmanager
def scratch_postgres() -> Iterator[tuple[EmbeddedPostgres, Database, Path]]:
    """The server, which runs as long as the context is open; its migrated database; a directory for anything else."""
    with tempfile.TemporaryDirectory(prefix="tp-bench-", dir="/tmp") as scratch:
        Path(scratch).chmod(0o711)  # so that the system user that runs PostgreSQL for root reaches what it owns
        server = EmbeddedPostgres(Path(scratch) / "postgres")
        server.start()
        try:
            database = Database(server.url())
            migrate(database)
            yield server, database, Path(scratch)
        finally:
            server.stop()
