from __future__ import annotations

from training_pipeline.defs.columns import MEANINGS, PAIRS, VERDICTS
from training_pipeline.domain.manifest import SNAPSHOT_SCHEMA
from training_pipeline.domain.pair_schema import PAIR_SCHEMA


def test_every_column_of_pairs_and_verdicts_is_explained_and_no_other() -> None:
    assert [column.name for column in PAIRS.columns] == list(PAIR_SCHEMA)
    assert [column.name for column in VERDICTS.columns] == SNAPSHOT_SCHEMA.names
    assert set(MEANINGS) == {*PAIR_SCHEMA, *SNAPSHOT_SCHEMA.names}
    assert all(column.description == MEANINGS[column.name] for column in (*PAIRS.columns, *VERDICTS.columns))


def test_messages_have_a_type_that_people_read() -> None:
    types = {column.name: column.type for column in PAIRS.columns}
    assert types["messages"] == "list of messages"
    assert types["pair_id"] == "string"
