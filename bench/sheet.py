"""A large, made-up training sheet in Parquet: seeded, about 40 % of it eligible, with shared items and prompts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.domain.pair_schema import PAIR_SCHEMA

WORDS = np.array(
    (  # noqa: SIM905
        "invoice payment supplier due total amount inspection report valve pressure crack approved rejected the of and "
        "for with is was Überprüfung naïve gross net weight line item date order tax customer delivery note"
    ).split()
)
BATCH = 100_000


def make_sheet(path: Path | str, pairs: int, seed: int = 7) -> None:
    """Write `pairs` Q&A pairs to `path`, in shuffled order of their ids. The same bytes for the same arguments."""
    rng = np.random.default_rng(seed)
    pool = pa.array([" ".join(rng.choice(WORDS, size=rng.integers(14, 26))) + "." for _ in range(20_000)])
    schema = PAIR_SCHEMA.to_pyarrow()
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, pairs, BATCH):
            writer.write_table(_batch(rng, pool, start, min(BATCH, pairs - start), schema))


def _text(prefix: pa.Array, pool: pa.Array, picks: np.ndarray) -> pa.Array:
    sentences = [pool.take(pa.array(column)) for column in picks.T]
    return pc.binary_join_element_wise(prefix, *sentences, " ")


def _picks(key: np.ndarray, count: int, salt: int) -> np.ndarray:
    return (key[:, None] * 7919 + np.arange(count) * 104_729 + salt) % 20_000


def _as_text(values: np.ndarray) -> pa.Array:
    return pa.array(values).cast(pa.string())


def _batch(rng: np.random.Generator, pool: pa.Array, start: int, n: int, schema: pa.Schema) -> pa.Table:
    number = start + rng.permutation(n)
    # A copy repeats the text of a neighbour; a shared prompt repeats only its question.
    copy, repeat = rng.random(n) < 0.02, rng.random(n) < 0.03
    question = np.where(copy | repeat, number // 50 * 50, number)
    answer = np.where(copy, number // 50 * 50, number)
    user = _text(pc.binary_join_element_wise("Case\n", _as_text(question), ""), pool, _picks(question, 2, 0))
    reply = _text(pc.binary_join_element_wise("Finding", _as_text(answer), " "), pool, _picks(answer, 1, 11))
    system = pa.array(["You answer questions about invoices and inspection reports."] * n)
    with_system = question % 3 == 0
    counts = np.where(with_system, 3, 2)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    last = offsets[1:] - 1
    pick = np.empty(offsets[-1], dtype=np.int64)  # into system + user + reply, one after the other
    pick[last], pick[last - 1] = np.arange(n) + 2 * n, np.arange(n) + n
    pick[offsets[:-1][with_system]] = 0
    content = pa.concat_arrays([system, user, reply]).take(pa.array(pick))
    role = pa.array(["system", "user", "assistant"]).take(pa.array(np.minimum(pick // n, 2)))
    total = len(pick)
    weight = np.where((pick >= 2 * n) & (rng.random(total) < 0.01), 1.0, np.nan)
    fields = [
        role,
        content,
        pa.nulls(total, pa.string()),
        pa.array(weight, from_pandas=True),
        pa.nulls(total, pa.string()),
        pa.nulls(total, pa.string()),
    ]
    message = schema.field("messages").type.value_type
    messages = pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.StructArray.from_arrays(fields, fields=list(message))
    )
    kind = rng.choice(5, n, p=[0.80, 0.05, 0.05, 0.05, 0.05])
    allowed = pa.array([["training", "validation", "evaluation"], ["training"], ["evaluation"], None, ["few_shot"]])
    prohibited = pa.array([[], [], ["training"], [], []], pa.list_(pa.string()))
    columns = {
        "pair_id": pc.binary_join_element_wise("pair", pc.utf8_lpad(_as_text(number), 9, "0"), "-"),
        "messages": messages,
        "item_ref": pc.binary_join_element_wise(
            "item", _as_text(np.where(number % 10 == 0, number // 30, number)), "-"
        ),
        "status": pa.array(["labeled", "edited", "unlabeled", "rejected", "flagged"]).take(
            pa.array(rng.choice(5, n, p=[0.45, 0.05, 0.40, 0.05, 0.05]))
        ),
        "allowed_uses": allowed.take(pa.array(kind)),
        "prohibited_uses": prohibited.take(pa.array(kind)),
        "usage_reason": pa.array([None, "only for training", "held-out test set", None, "few-shot only"]).take(
            pa.array(kind)
        ),
        "data_classification": pa.array(["internal", "confidential"]).take(pa.array(number % 2)),
        "canonical_label_id": pc.if_else(
            pa.array(number % 4 == 0), pc.binary_join_element_wise("label", _as_text(number // 4), "-"), None
        ),
        "reviewed_by": pa.array(["ana", "ben", "cleo"]).take(pa.array(number % 3)),
        "reviewed_at": pa.array(["2026-10-01T08:00:00Z"] * n),
        "constraints_set_by": pa.array(["steward"] * n),
        "constraints_set_at": pa.array(["2026-09-01T08:00:00Z"] * n),
    }
    for name in schema.names:
        if name not in columns:
            columns[name] = pa.nulls(n, schema.field(name).type)
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)
