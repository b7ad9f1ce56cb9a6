from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from training_pipeline.testing.polling import until
from training_pipeline.training_jobs.store import retrain_turn
from training_pipeline.training_jobs.store.jobs import JobStore

WAITING = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


def test_a_turn_ends_with_its_transaction_and_is_that_of_one_model(store: JobStore) -> None:
    def second() -> None:
        with store.begin() as connection:
            retrain_turn.take(connection, "s", "triage")

    def waits() -> bool:
        with store.begin() as connection:
            return bool(connection.execute(WAITING).scalar_one())

    with ThreadPoolExecutor(1) as threads:
        with store.begin() as first, store.begin() as another:
            retrain_turn.take(first, "s", "triage")
            retrain_turn.take(another, "s", "summary")
            waiting = threads.submit(second)
            until(waits, what="the second to wait for its turn")
            assert not waiting.done()
        waiting.result(60)
