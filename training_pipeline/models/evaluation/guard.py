"""The guard: what of a suite a model, or a model that it comes from, was trained or validated on.

Items are compared by the manifests of the datasets, questions and examples by their texts, all in the normal form of
today's rules: hashes of an older one would not meet. Equal lines are found by the manifests as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import duckdb
import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from training_pipeline.datasets.comparable_hashes import PLAIN, rows_in
from training_pipeline.datasets.store import verify
from training_pipeline.domain.errors import Lost, Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.rules.comparison import ALONE, LATER, Comparison
from training_pipeline.domain.rules.examples.rendering import rendered
from training_pipeline.domain.rules.near.questions import near_pairs
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.rules.text.dialects import DUCKDB
from training_pipeline.domain.rules.text.normal_form import normal_form_table
from training_pipeline.infra.staging import disk_errors
from training_pipeline.models.evaluation.aging import AGED, aged, sheets_now
from training_pipeline.models.evaluation.ancestry import Ancestry, Learned
from training_pipeline.models.evaluation.suite import SUITE_SCHEMA, Suite
from training_pipeline.sheets.base import TrainingSheetSource

SAME_EXAMPLE: Final = "same_example"
SAME_QUESTION: Final = "same_question"
NEARLY_EQUAL: Final = "nearly_equal_question"
SAME_ITEM: Final = "same_item"
#: Pairs that are named at most; all are counted.
MOST_NAMED: Final = 1000


class Found(NamedTuple):
    """A row of the suite by its number, how it was met, and the place of the job in whose dataset."""

    number: int
    finding: str
    place: int


class Met(BaseModel):
    """A pair of the suite, what was found about it, and of which job's dataset."""

    model_config = ConfigDict(frozen=True)

    training_sheet_id: str
    pair_id: str
    finding: str
    job_id: str


class Contamination(BaseModel):
    """What of a suite a model may be scored on: `asked` is `evaluated`, all of `refused` and all of `aged`."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    #: The jobs whose datasets were looked at: the model's own and those of all models of ours that it comes from.
    jobs: tuple[str, ...]
    #: Whether it is on record what the first of them was trained from: else nobody can say what that has seen.
    is_ancestry_known: bool
    asked: int
    evaluated: int
    refused: dict[str, int]
    aged: dict[str, int]
    #: Pairs that are evaluated, and of which something is found nevertheless.
    reported: dict[str, int]
    pairs: tuple[Met, ...]


def check(
    source: TrainingSheetSource,
    policy: GatePolicy,
    suite: Suite,
    ancestry: Ancestry,
    *,
    refuse_near: bool = True,
    keys: HashKeys = NO_KEYS,
) -> Contamination:
    """What `examine` finds, without the rows."""
    return examine(source, policy, suite, ancestry, refuse_near=refuse_near, keys=keys)[0]


def examine(
    source: TrainingSheetSource,
    policy: GatePolicy,
    suite: Suite,
    ancestry: Ancestry,
    *,
    refuse_near: bool = True,
    keys: HashKeys = NO_KEYS,
) -> tuple[Contamination, pa.Table]:
    """Compare every pair of the suite with all that was learned: what was found, and the rows (`SUITE_SCHEMA`) that may
    be scored. Reads the sheets and the datasets; stores nothing.

    A prompt put to more items than `policy.instruction_prompt_items` is an instruction: it makes no two questions the
    same. With a similarity of 0 in the policy only equal questions are found. Raises what the source raises, and
    `Lost` where a dataset or the suite is gone or damaged, or the key of a dataset's hashes was destroyed, and
    `Unavailable` where one of them cannot be read now.
    """
    for each in ancestry.learned:
        verify(each.dataset)
    with disk_errors("compare the suite with what was trained on"), duckdb.connect() as engine:
        _learn(engine, ancestry.learned, keys)
        rows = _frozen(engine, source, policy, suite)
        engine.execute(_SUITE_QUESTIONS)
        engine.execute(_INSTRUCTIONS, {"items": policy.instruction_prompt_items})
        met = [Found(*row) for row in engine.execute(_MET).fetchall()]
        met += _near(engine, policy.near_question_similarity)
    return _report(ancestry, rows, met, refuse_near=refuse_near)


#: A row for each way in which a pair was met, with the first of the jobs. A question that only some turns of a
#: conversation ask is the same as one that is asked outright. An example is the same in other letters and blanks, too:
#: where its prompt is an instruction, or it asks nothing, no question would tell.
_MET: Final = f"""
    SELECT number, finding, min(place) AS place FROM (
        SELECT number, '{SAME_EXAMPLE}' AS finding, place FROM suite JOIN learned USING (row_hash)
        UNION ALL
        SELECT number, '{SAME_EXAMPLE}', place FROM suite JOIN learned_examples USING (example)
        UNION ALL
        SELECT number, '{SAME_QUESTION}', place FROM suite_questions AS ours JOIN learned_questions USING (question)
        WHERE (ours.outright OR learned_questions.outright) AND question NOT IN (FROM instructions)
        UNION ALL
        SELECT number, '{SAME_ITEM}', place FROM suite JOIN learned USING (sheet_id, item_ref)
    ) WHERE number IN (SELECT number FROM suite WHERE {AGED} IS NULL) GROUP BY number, finding
"""  # noqa: S608 - our own names
#: The hashes of questions in a text of `Comparison.questions` or of a manifest.
_EACH: Final = f"""
    SELECT * EXCLUDE (hash), ltrim(hash, '{LATER}{ALONE}') AS question,
        NOT starts_with(hash, '{LATER}') AND NOT starts_with(hash, '{ALONE}') AS outright
    FROM (SELECT * EXCLUDE (asked), unnest(string_split(asked, ' ')) AS hash FROM of_rows WHERE asked <> '')
"""  # noqa: S608 - our own names
_INSTRUCTIONS: Final = f"""
    CREATE TABLE instructions AS SELECT question FROM (
        WITH of_rows AS (
            SELECT sheet_id, item_ref, asked FROM suite UNION ALL SELECT sheet_id, item_ref, asked FROM learned
        ) {_EACH}
    ) WHERE outright GROUP BY question HAVING count(DISTINCT (sheet_id, item_ref)) > $items
"""  # noqa: S608 - our own names
_SUITE_QUESTIONS: Final = f"""
    CREATE TABLE suite_questions AS WITH of_rows AS (SELECT number, asked FROM suite WHERE {AGED} IS NULL) {_EACH}
"""  # noqa: S608 - our own names
_ASKED: Final = f"""
    SELECT number, said FROM suite WHERE {AGED} IS NULL AND said <> ''
    AND number NOT IN (SELECT number FROM suite_questions WHERE question IN (FROM instructions)) ORDER BY number
"""  # noqa: S608 - our own names
_SAID: Final = """
    SELECT said, min(place) AS place FROM learned_questions
    WHERE outright AND said <> '' AND question NOT IN (FROM instructions) GROUP BY said ORDER BY said
"""
_MESSAGES: Final = (
    "STRUCT(role VARCHAR, content VARCHAR, name VARCHAR, weight DOUBLE, tool_calls VARCHAR, tool_call_id VARCHAR)[]"
)
_QUESTIONS: Final = pa.schema(
    [(name, pa.string()) for name in ("training_sheet_id", "pair_id", "example", "asked", "said")]
)


def _learn(engine: duckdb.DuckDBPyConnection, learned: Sequence[Learned], keys: HashKeys) -> None:
    """Fill the tables `learned`, a row for each included pair, `learned_examples` and `learned_questions`."""
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
    engine.execute("CREATE TABLE learned_examples AS SELECT example, min(place) AS place FROM texts GROUP BY example")
    engine.execute("CREATE TABLE of_rows AS SELECT DISTINCT place, asked, said FROM texts")
    engine.execute(f"CREATE TABLE learned_questions AS {_EACH}")
    engine.execute("DROP TABLE of_rows")
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
    """The different texts of datasets: `place`, the hash of the `example`, the hashes `asked`, and what is `said`."""
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
        asked = _asked(lines.select("messages", "filename")).distinct().to_pyarrow()
    finally:
        reading.disconnect()
    of_files = pa.array([places[file] for file in asked["filename"].to_pylist()], pa.int32())
    return asked.drop_columns("filename").append_column("place", of_files)


def _asked(pairs: ir.Table) -> ir.Table:
    """A table of our own DuckDB with `messages`, and in their place the hash of the `example`, the hashes `asked`, and
    what is `said` at last.
    """
    comparison = Comparison(DUCKDB, rendered, normal_form_table(pairs).cache())
    return comparison.question_texts(comparison.questions(comparison.with_examples(pairs))).rename(said="question")


def _frozen(
    engine: duckdb.DuckDBPyConnection, source: TrainingSheetSource, policy: GatePolicy, suite: Suite
) -> pa.Table:
    """The rows of the suite with `AGED`, also as the table `suite`: numbered, with their questions."""
    parts: list[pa.Table] = []
    questions = [_QUESTIONS.empty_table()]
    for sheet, now in zip(suite.sheets, sheets_now(source, policy, suite), strict=True):
        parts.append(now.rows.append_column("sheet_id", pa.array([sheet.sheet_id] * len(now.rows), pa.string())))
        if now.texts is not None:
            asked = _asked(now.texts.select("pair_id", "messages")).to_pyarrow()
            named = asked.append_column("training_sheet_id", pa.array([sheet.training_sheet_id] * len(asked)))
            questions.append(named.select(_QUESTIONS.names).cast(_QUESTIONS))
    rows = pa.concat_tables(parts)
    engine.register("frozen", rows.append_column("number", pa.array(np.arange(len(rows)))))
    engine.register("questions", pa.concat_tables(questions))
    engine.execute(
        "CREATE TABLE suite AS SELECT frozen.*, example, asked, said FROM frozen"
        " LEFT JOIN questions USING (training_sheet_id, pair_id)"
    )
    return rows


def _near(engine: duckdb.DuckDBPyConnection, similarity: float) -> list[Found]:
    """The pairs whose question is nearly one that was learned, with the first of the jobs."""
    if not similarity:
        return []
    asked, learned = engine.execute(_ASKED).to_arrow_table(), engine.execute(_SAID).to_arrow_table()
    texts = pa.chunked_array([*asked["said"].chunks, *learned["said"].chunks], pa.string())
    near = near_pairs(texts, similarity=similarity)
    ours = len(asked)
    crossing = (near.first < ours) & (near.second >= ours)
    numbers, places = asked["number"].to_numpy(), learned["place"].to_numpy()
    first: dict[int, int] = {}
    for one, other in zip(near.first[crossing].tolist(), near.second[crossing].tolist(), strict=True):
        number, place = int(numbers[one]), int(places[other - ours])
        first[number] = min(place, first.get(number, place))
    return [Found(number, NEARLY_EQUAL, place) for number, place in first.items()]


def _report(
    ancestry: Ancestry, rows: pa.Table, met: Sequence[Found], *, refuse_near: bool
) -> tuple[Contamination, pa.Table]:
    refusing = (SAME_EXAMPLE, SAME_QUESTION, *([NEARLY_EQUAL] if refuse_near else []))
    by_number: dict[int, dict[str, int]] = {}
    for found in met:
        by_number.setdefault(found.number, {})[found.finding] = found.place
    refused: Counter[str] = Counter()
    reported: Counter[str] = Counter()
    named: list[tuple[int, str, int]] = []
    may = pc.is_null(rows[AGED]).to_numpy().copy()
    for number, ways in sorted(by_number.items()):
        why = next((finding for finding in refusing if finding in ways), None)
        may[number] &= why is None
        refused.update([why] if why else [])
        reported.update([] if why else [*ways])
        named += [(number, finding, ways[finding]) for finding in ([why] if why else sorted(ways))]
    ids = rows.select(["training_sheet_id", "pair_id"]).take(
        pa.array([n for n, _, _ in named[:MOST_NAMED]], pa.int64())
    )
    pairs = [
        Met(**pair, finding=finding, job_id=ancestry.learned[place].job_id)
        for pair, (_, finding, place) in zip(ids.to_pylist(), named[:MOST_NAMED], strict=True)
    ]
    left = aged(rows)
    report = Contamination(
        job_id=ancestry.learned[0].job_id,
        jobs=tuple(each.job_id for each in ancestry.learned),
        is_ancestry_known=ancestry.is_known,
        asked=len(rows),
        evaluated=len(rows) - refused.total() - sum(left.values()),
        refused=dict(sorted(refused.items())),
        aged=left,
        reported=dict(sorted(reported.items())),
        pairs=tuple(pairs),
    )
    return report, rows.filter(pa.array(may)).select(SUITE_SCHEMA.names)
