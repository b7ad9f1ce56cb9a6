"""The guard: what of a suite a model, or a model that it comes from, was trained or validated on.

Items are compared by the manifests of the datasets, questions and examples by their texts, all in the normal form of
today's rules: hashes of an older one would not meet. Equal lines are found by the manifests as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from training_pipeline.datasets.store import verify
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.rules.near.questions import near_to, signed
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.infra.staging import disk_errors
from training_pipeline.models.evaluation.aging import AGED, aged
from training_pipeline.models.evaluation.ancestry import Ancestry
from training_pipeline.models.evaluation.guard_tables import ask_now, count_items, learn
from training_pipeline.models.evaluation.suite import SUITE_SCHEMA, Suite
from training_pipeline.sheets.base import TrainingSheetSource

SAME_EXAMPLE: Final = "same_example"
SAME_QUESTION: Final = "same_question"
NEARLY_EQUAL: Final = "nearly_equal_question"
SAME_INSTRUCTION: Final = "same_instruction"
SAME_ITEM: Final = "same_item"
#: Pairs that are named at most; all are counted.
MOST_NAMED: Final = 1000


class Match(NamedTuple):
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
    same, and is reported. With a similarity of 0 in the policy only equal questions are found. Raises what the source
    raises, and `Lost` where a dataset or the suite is gone or damaged, or the key of a dataset's hashes was destroyed,
    and `Unavailable` where one of them cannot be read now.
    """
    for each in ancestry.learned:
        verify(each.dataset)
    with disk_errors("compare the suite with what was trained on"), duckdb.connect() as engine:
        learn(engine, ancestry.learned, keys)
        rows = ask_now(engine, source, policy, suite)
        count_items(engine, policy)
        met = [Match(*row) for row in engine.execute(_MET).fetchall()]
        met += _near(engine, policy.near_question_similarity)
    return _report(ancestry, rows, met, refuse_near=refuse_near)


#: A row for each way in which a pair was met, with the first of the jobs. A question that only some turns of a
#: conversation ask is the same as one that is asked outright. What the last turn of a pair asks on its own is the same
#: wherever it was asked: the answer to it is what is scored. An example is the same in other letters and blanks, too:
#: where its prompt is an instruction, or it asks nothing, no question would tell.
_MET: Final = f"""
    WITH questions_met AS (
        SELECT number, question, place, question IN (FROM instructions) AS is_instruction
        FROM suite_questions AS ours JOIN learned_questions USING (question)
        WHERE ours.outright OR learned_questions.outright
        UNION ALL
        SELECT number, question, place, question IN (FROM said_often) FROM turns JOIN learned_questions USING (question)
    )
    SELECT number, finding, min(place) AS place FROM (
        SELECT number, '{SAME_EXAMPLE}' AS finding, place FROM suite JOIN learned USING (row_hash)
        UNION ALL
        SELECT number, '{SAME_EXAMPLE}', place FROM suite JOIN learned_examples USING (example)
        UNION ALL
        SELECT number, '{SAME_EXAMPLE}', place FROM turns JOIN learned_examples USING (example)
        WHERE question NOT IN (FROM said_often)
        UNION ALL
        SELECT number, CASE WHEN is_instruction THEN '{SAME_INSTRUCTION}' ELSE '{SAME_QUESTION}' END, place
        FROM questions_met
        UNION ALL
        SELECT number, '{SAME_ITEM}', place FROM suite JOIN learned USING (sheet_id, item_ref)
    ) WHERE number IN (SELECT number FROM suite WHERE {AGED} IS NULL) GROUP BY number, finding
"""  # noqa: S608 - our own names
#: The same by the rule of the split: two questions that turns ask by themselves are not compared, but for the last one.
_NEARLY_MET: Final = """
    SELECT number, min(place) FROM near_texts
    JOIN suite_texts AS ours ON ours.text = near_texts.ours JOIN learned_texts ON learned_texts.text = near_texts.theirs
    WHERE ours.outright OR learned_texts.outright OR (
        is_last AND ours.question NOT IN (FROM said_often) AND learned_texts.question NOT IN (FROM said_often)
    ) GROUP BY number
"""


def _near(engine: duckdb.DuckDBPyConnection, similarity: float) -> list[Match]:
    """The pairs whose question is nearly one that was learned, with the first of the jobs."""
    if not similarity:
        return []
    ours, theirs = (
        engine.execute(
            f"SELECT DISTINCT text FROM {name} WHERE question NOT IN (FROM instructions) ORDER BY text"  # noqa: S608
        ).to_arrow_table()["text"]
        for name in ("suite_texts", "learned_texts")
    )
    near = near_to(signed(ours), theirs, similarity=similarity)
    first, second = pa.array(near.first), pa.array(near.second - len(ours))
    engine.register("near_texts", pa.table({"ours": ours.take(first), "theirs": theirs.take(second)}))
    return [Match(number, NEARLY_EQUAL, place) for number, place in engine.execute(_NEARLY_MET).fetchall()]


def _report(
    ancestry: Ancestry, rows: pa.Table, met: Sequence[Match], *, refuse_near: bool
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
    named.sort(key=lambda one: bool(may[one[0]]))  # those that are refused first
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
