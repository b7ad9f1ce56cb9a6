"""The tables that the guard compares: what was learned, and what a suite asks as its training sheets are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.datasets.comparable_hashes import PLAIN, rows_in
from training_pipeline.datasets.text_plans import conversations_plan
from training_pipeline.domain.errors import Lost, Unavailable
from training_pipeline.domain.hash_key import HashKeys
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.rules.turns import ALONE, HASH_DIGITS, LATER
from training_pipeline.models.evaluation.aging import AGED, sheets_now
from training_pipeline.models.evaluation.ancestry import Learned
from training_pipeline.models.evaluation.suite import Suite
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.sheets.engine import DuckDB

#: The hashes of questions in a text of `Comparison.questions` or of a manifest.
_EACH: Final = f"""
    SELECT * EXCLUDE (hash), ltrim(hash, '{LATER}{ALONE}') AS question,
        NOT starts_with(hash, '{LATER}') AND NOT starts_with(hash, '{ALONE}') AS outright
    FROM (SELECT * EXCLUDE (asked), unnest(string_split(asked, ' ')) AS hash FROM of_rows WHERE asked <> '')
"""  # noqa: S608 - our own names
#: What stands in a text of `Comparison.turn_texts`, called `ask`.
_IN_ASK: Final = f"""
    substr(ask, 2, {HASH_DIGITS}) AS question, substr(ask, {HASH_DIGITS + 2}) AS text,
    NOT starts_with(ask, '{ALONE}') AS outright
"""
_LEARNED: Final = (
    "CREATE TABLE learned_examples AS SELECT example, min(place) AS place FROM"
    " (SELECT place, unnest(string_split(shown, ' ')) AS example FROM texts) GROUP BY example",
    f"CREATE TABLE learned_questions AS WITH of_rows AS (SELECT DISTINCT place, asked FROM texts) {_EACH}",  # noqa: S608
    f"CREATE TABLE learned_texts AS SELECT min(place) AS place, {_IN_ASK} FROM"  # noqa: S608 - our own names
    " (SELECT place, unnest(asks) AS ask FROM texts) WHERE text <> '' GROUP BY ALL",
)
_SUITE: Final = (
    "CREATE TABLE suite AS SELECT frozen.*, asked, asks, string_split(shown, ' ') AS shown,"
    " string_split(shown, ' ')[1] AS example FROM frozen LEFT JOIN questions USING (training_sheet_id, pair_id)",
    f"CREATE TABLE suite_questions AS WITH of_rows AS (SELECT number, asked FROM suite WHERE {AGED} IS NULL) {_EACH}",  # noqa: S608 - our own names
    f"CREATE TABLE suite_texts AS SELECT number, is_last, {_IN_ASK} FROM"  # noqa: S608 - our own names
    f" (SELECT number, unnest(asks) AS ask, ask = asks[-1] AS is_last FROM suite WHERE {AGED} IS NULL)"
    " WHERE text <> ''",
    f"CREATE TABLE turns AS SELECT number, shown[-1] AS example, substr(asks[-1], 2, {HASH_DIGITS}) AS question"  # noqa: S608
    f" FROM suite WHERE {AGED} IS NULL AND starts_with(asks[-1], '{ALONE}')",
)
_ITEMS: Final = f"""
    CREATE TABLE put_to AS SELECT
        question, count(DISTINCT (sheet_id, item_ref)) AS items,
        count(DISTINCT (sheet_id, item_ref)) FILTER (WHERE outright) AS outright_items
    FROM (
        WITH of_rows AS (
            SELECT sheet_id, item_ref, asked FROM suite UNION ALL SELECT sheet_id, item_ref, asked FROM learned
        ) {_EACH}
    ) GROUP BY question
"""  # noqa: S608 - our own names
_MESSAGES: Final = (
    "STRUCT(role VARCHAR, content VARCHAR, name VARCHAR, weight DOUBLE, tool_calls VARCHAR, tool_call_id VARCHAR)[]"
)
_QUESTIONS: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("training_sheet_id", "pair_id", "shown", "asked")),
        ("asks", pa.list_(pa.string())),
    ]
)


def learn(engine: duckdb.DuckDBPyConnection, learned: Sequence[Learned], keys: HashKeys) -> None:
    """Fill `learned`, a row for each included pair, and of all conversations and their turns `learned_examples`,
    `learned_questions` and, to be compared with nearly equal ones, `learned_texts`.
    """
    engine.execute(
        "CREATE TABLE learned (place INTEGER, sheet_id VARCHAR, row_hash VARCHAR, item_ref VARCHAR, asked VARCHAR)"
    )
    questions = _questions_of(learned)
    for place, each in enumerate(learned):
        manifest = each.dataset.manifest_file
        if each.dataset.hash_key is not None:
            engine.register("rows_of_texts", _rows_of_texts(each, questions["asked"], keys))
            engine.execute(
                "INSERT INTO learned SELECT $place, $sheet_id, row_hash, item_ref, asked FROM rows_of_texts",
                {"place": place, "sheet_id": each.sheet_id},
            )
            engine.unregister("rows_of_texts")
            continue
        # Manifests of before had no hashes of questions.
        asked = "prompt_hash" if "prompt_hash" in pq.read_schema(manifest).names else "NULL"
        engine.execute(
            f"INSERT INTO learned SELECT $place, $sheet_id, row_hash, item_ref, {asked}"  # noqa: S608 - our own names
            " FROM read_parquet($manifest) WHERE split IS NOT NULL",
            {"place": place, "sheet_id": each.sheet_id, "manifest": str(manifest)},
        )
    engine.register("texts", questions)
    for table in _LEARNED:
        engine.execute(table)
    engine.unregister("texts")


def _rows_of_texts(learned: Learned, asked: pa.ChunkedArray, keys: HashKeys) -> pa.Table:
    """The rows of a dataset whose hashes are under a key, as they would be without it.

    A row is hashed from its text. Its questions are those of all that are `asked` in texts which the key leads to. One
    that none of them is was asked under older rules: it meets no other, and stays as it is.
    """
    key_id = learned.dataset.hash_key or ""
    key = keys.read(key_id)
    if key is None:
        whose = f"The key {key_id} of the hashes of dataset {learned.dataset.digest}"
        if keys.is_destroyed(key_id):
            raise Lost(
                f"{whose} was destroyed: how many items its questions are put to is not known.",
                hint="Nothing can be evaluated against it. Train a new version: it has a new key.",
            )
        raise Unavailable(f"{whose} cannot be read now.", hint="See that the folder `keys/` is there, or restore it.")
    rows = rows_in(learned.dataset, PLAIN, keys, ["item_ref", "prompt_hash"])
    found = {one.lstrip(LATER + ALONE) for text in pc.unique(asked).to_pylist() for one in (text or "").split()}
    ordered = sorted(found)
    plain = dict(zip(key.of_all(ordered), ordered, strict=True))

    def without_key(stored: str | None) -> str | None:
        return None if stored is None else " ".join(_marked(one, plain) for one in stored.split(" "))

    of_rows = pa.array([without_key(one) for one in rows["prompt_hash"].to_pylist()], pa.string())
    return pa.table({"row_hash": rows["comparable_hash"], "item_ref": rows["item_ref"], "asked": of_rows})


def _marked(stored: str, plain: Mapping[str, str]) -> str:
    bare = stored.lstrip(LATER + ALONE)
    return stored[: len(stored) - len(bare)] + plain.get(bare, bare)


def _questions_of(learned: Sequence[Learned]) -> pa.Table:
    """The different texts of datasets: `place`, and what `conversations_plan` tells of them."""
    places = {
        str(file): place
        for place, each in reversed([*enumerate(learned)])  # of a dataset that two jobs have, the first one counts
        for file in (each.dataset.train_file, each.dataset.validation_file)
    }
    reading = ibis.duckdb.connect()
    try:
        lines = reading.read_json(
            [*places],
            columns={"messages": _MESSAGES},
            format="newline_delimited",
            maximum_object_size=2**30,
            filename=True,
        )
        asked = DuckDB().read(conversations_plan("filename", once=True), lines)
    finally:
        reading.disconnect()
    of_files = pa.array([places[file] for file in asked["filename"].to_pylist()], pa.int32())
    return asked.drop_columns("filename").append_column("place", of_files)


def ask_now(
    engine: duckdb.DuckDBPyConnection, source: TrainingSheetSource, policy: GatePolicy, suite: Suite
) -> pa.Table:
    """The rows of the suite with `AGED`, also as the table `suite`: numbered, with what they ask and show. Of those
    that have not aged `suite_questions`, `suite_texts`, and as `turns` what the last turn of a conversation asks by
    itself, and the example that it is.
    """
    parts: list[pa.Table] = []
    questions = [_QUESTIONS.empty_table()]
    for sheet, now in zip(suite.sheets, sheets_now(source, policy, suite), strict=True):
        parts.append(now.rows.append_column("sheet_id", pa.array([sheet.sheet_id] * len(now.rows), pa.string())))
        if now.texts is not None:
            asked = DuckDB().read(conversations_plan("pair_id"), now.texts)
            named = asked.append_column("training_sheet_id", pa.array([sheet.training_sheet_id] * len(asked)))
            questions.append(named.select(_QUESTIONS.names).cast(_QUESTIONS))
    rows = pa.concat_tables(parts)
    engine.register("frozen", rows.append_column("number", pa.array(np.arange(len(rows)))))
    engine.register("questions", pa.concat_tables(questions))
    for table in _SUITE:
        engine.execute(table)
    return rows


def count_items(engine: duckdb.DuckDBPyConnection, policy: GatePolicy) -> None:
    """Fill `instructions`: questions that are put to so many items that having asked one says nothing of an answer; and
    `said_often`: these, and what so many conversations say in any of their turns.
    """
    engine.execute(_ITEMS)
    for table, count in (("instructions", "outright_items"), ("said_often", "items")):
        engine.execute(
            f"CREATE TABLE {table} AS SELECT question FROM put_to WHERE {count} > $items",  # noqa: S608 - our own names
            {"items": policy.instruction_prompt_items},
        )
