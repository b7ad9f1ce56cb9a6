from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, func, select, text

from training_pipeline.domain.job import TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.idempotency import (
    Answer,
    KeyInUse,
    KeyReused,
    body_hash,
    idempotency_keys,
    turn,
)
from training_pipeline.training_jobs.store.jobs import JobStore

ANSWER = Answer(201, '{"id": "tj-1"}')


def answered(store: JobStore, database: Database, key: str = "k", who: str = "ada", body: str = "b") -> Answer:
    with turn(store, database, who=who, key=key, body_hash=body) as mine:
        if mine.first_answer is None:
            store.create(new_job(), message="Created.", also=lambda connection, _: mine.remember(connection, ANSWER))
        return mine.first_answer or ANSWER


def test_the_first_answer_is_given_again(store: JobStore, database: Database) -> None:
    assert [answered(store, database) for _ in range(3)] == [ANSWER] * 3
    assert store.list()[1] == 1
    with pytest.raises(KeyReused):
        answered(store, database, body="other")
    answered(store, database, who="bob", body="other")  # a key belongs to whoever sent it
    assert store.list()[1] == 2


def test_while_one_is_worked_on_the_others_are_told(store: JobStore, database: Database) -> None:
    with (
        turn(store, database, who="ada", key="k", body_hash="b"),
        pytest.raises(KeyInUse),
        turn(store, database, who="ada", key="k", body_hash="b"),
    ):
        pass
    assert answered(store, database) == ANSWER  # it was given back without an answer


def test_many_at_once_make_one_job(store: JobStore, database: Database) -> None:
    def one(_: int) -> Answer | None:
        try:
            return answered(store, database)
        except KeyInUse:
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(16)))
    assert ANSWER in answers
    assert store.list()[1] == 1


def test_a_crash_between_leaves_neither_job_nor_key(store: JobStore, database: Database) -> None:
    def die(connection: Connection, job: TrainingJob) -> None:
        mine.remember(connection, ANSWER)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), turn(store, database, who="ada", key="k", body_hash="b") as mine:
        store.create(new_job(), message="Created.", also=die)
    assert store.list()[1] == 0
    assert answered(store, database) == ANSWER


def test_old_keys_are_forgotten_and_young_ones_kept(store: JobStore, database: Database) -> None:
    answered(store, database, key="old")
    answered(store, database, key="young")
    with store.begin() as connection:
        for key, hours in (("old", 49), ("young", 25)):
            change = "UPDATE idempotency_keys SET created_at = now() - make_interval(hours => :hours) WHERE key = :key"
            connection.execute(text(change), {"key": key, "hours": hours})
    answered(store, database, key="new")
    with store.begin() as connection:
        assert set(connection.scalars(select(idempotency_keys.c.key))) == {"young", "new"}
        assert connection.scalar(select(func.count()).select_from(idempotency_keys)) == 2


def test_order_and_space_make_no_other_request() -> None:
    assert body_hash("create", {"a": 1, "b": 2}) == body_hash("create", {"b": 2, "a": 1})
    assert body_hash("create", {"a": 1}) != body_hash("retry", {"a": 1})
    assert body_hash("create", {"a": 1}) != body_hash("create", {"a": "1"})
