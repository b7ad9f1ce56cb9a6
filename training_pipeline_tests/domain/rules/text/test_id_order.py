from __future__ import annotations

from collections.abc import Iterator

import duckdb
import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from training_pipeline.domain.rules.text.id_order import counted, counted_id, counted_sql
from training_pipeline.infra.database import Database

IDS = st.lists(st.from_regex(r"[a-zé.0-2-]{0,6}[0-9]{0,24}[a-z./:-]{0,2}[0-9]{0,3}", fullmatch=True), max_size=8)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as found:
        yield found


@pytest.mark.parametrize(
    "in_order",
    [
        ["p-1", "p-2", "p-10", "p-100"],
        ["a2-b10", "a10-b2", "a10-b10", "b1"],
        ["p-007", "p-7", "p-8"],
        ["2/9", "2/10", "10/1"],
        ["", "0", "00", "1", "x"],
        ["9" * 19, "1" + "0" * 19],
        ["label-٣", "label-٤"],
    ],
)
def test_ids_sort_as_people_count(in_order: list[str]) -> None:
    backwards = in_order[::-1]
    assert sorted(backwards, key=counted_id) == in_order


@settings(max_examples=60)
@given(ids=IDS)
def test_every_engine_sorts_alike(engine: duckdb.DuckDBPyConnection, ids: list[str]) -> None:
    by_sql = engine.execute(
        f"SELECT id FROM (SELECT unnest(?::VARCHAR[]) AS id) ORDER BY {counted_sql('id')}, id",
        [ids],
    ).fetchall()
    assert [one for (one,) in by_sql] == sorted(ids, key=counted_id)
    assert (
        ibis.to_sql(counted(ibis.table({"id": "string"}).id).as_table(), dialect="duckdb").count("REGEXP_REPLACE") == 2
    )


def test_the_database_sorts_as_the_engine_does(database: Database) -> None:
    ids = ["p-10", "p-2", "p-007", "p-7", "é-1", "z", "", "0", "00", "a10-b10", "a2-b10", "a10-b2", "9" * 24]
    order = f'{counted_sql("id")} COLLATE "C", id COLLATE "C"'
    query = text(f"SELECT id FROM unnest(CAST(:ids AS text[])) AS given (id) ORDER BY {order}")
    engine = database.engine()
    with engine.connect() as connection:
        assert list(connection.execute(query, {"ids": ids}).scalars()) == sorted(ids, key=counted_id)
    engine.dispose()


@settings(max_examples=60)
@given(numbers=st.lists(st.integers(0, 10**20 - 1)), stem=st.sampled_from(["", "p-", "1.", "é"]), tail=st.text("-x.7"))
def test_numbers_are_compared_as_numbers(numbers: list[int], stem: str, tail: str) -> None:
    tail = tail and f"-{tail}"
    made = sorted((f"{stem}{number}{tail}" for number in numbers), key=counted_id)
    assert made == [f"{stem}{number}{tail}" for number in sorted(numbers)]
