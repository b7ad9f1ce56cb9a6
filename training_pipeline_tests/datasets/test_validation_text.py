"""The text of validation pairs: which line is whose, and whose is not shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.datasets.validation_text import ValidationPair, validation_ids, validation_pairs
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.refs import MANIFEST, VALIDATION, DatasetRef
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.testing.trainers.triage import write_jsonl

COLUMNS = ("pair_id", "item_ref", "canonical_label_id", "row_hash", "classification", "split")


def stored(path: Path, splits: list[str | None]) -> DatasetRef:
    rows = [
        dict(zip(COLUMNS, (f"p{n}", f"item-{n // 2}", f"label-{n}", f"hash-{n}", "public", split), strict=True))
        for n, split in enumerate(splits)
    ]
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    pq.write_table(pa.Table.from_pylist(rows, schema), path / MANIFEST)
    texts: list[dict[str, object]] = [
        {"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]}
        for n, split in enumerate(splits)
        if split == "validation"
    ]
    write_jsonl(path / VALIDATION, texts)
    known: Any = DatasetRef.model_construct
    found: DatasetRef = known(path=path, digest="0" * 64)
    return found


@given(st.lists(st.sampled_from(["train", "validation", None]), max_size=30), st.sets(st.integers(0, 30)))
def test_every_pair_has_its_own_text(
    tmp_path_factory: pytest.TempPathFactory, splits: list[str | None], wanted: set[int]
) -> None:
    dataset = stored(tmp_path_factory.getbasetemp(), splits)
    inside = [n for n, split in enumerate(splits) if split == "validation"]
    assert validation_ids(dataset, 5) == [f"p{n}" for n in inside[:5]]
    found = validation_pairs(dataset, {f"p{n}" for n in wanted}, NOTHING)
    assert {name: (pair.question, pair.expected) for name, pair in found.items()} == {
        f"p{n}": (f"q{n}", f"a{n}") for n in inside if n in wanted
    }


@pytest.mark.parametrize(
    "withdrawn",
    [
        Withdrawn(named=(("pair", "p1"),)),
        Withdrawn(named=(("item", "item-0"),)),
        Withdrawn(named=(("label", "label-1"),)),
        Withdrawn(named=(("row_hash", "hash-1"),)),
        Withdrawn(rows=(("p1", "hash-1", True),)),
    ],
)
def test_what_is_withdrawn_has_no_text(tmp_path: Path, withdrawn: Withdrawn) -> None:
    dataset = stored(tmp_path, ["train", "validation", "validation"])
    found = validation_pairs(dataset, ["p1", "p2"], withdrawn)
    assert (found["p1"].messages, found["p1"].withheld, found["p1"].question) == ((), "revoked", None)
    assert (found["p2"].withheld, found["p2"].expected) == (None, "a2")
    dataset.validation_file.unlink()
    assert validation_pairs(dataset, ["p2"], withdrawn)["p2"].withheld == "gone"
    dataset.manifest_file.unlink()
    with pytest.raises(Unavailable, match="cannot be read"):
        validation_ids(dataset, 1)


def test_what_is_asked_is_all_before_the_last_answer_that_is_trained_on() -> None:
    def turn(role: str, content: str, **more: Any) -> Mapping[str, Any]:
        return {"role": role, "content": content, **more}

    chat = (turn("system", "s"), turn("user", "u"), turn("assistant", "a"), turn("assistant", "no", weight=0))
    pair = ValidationPair("p", None, chat)
    assert (len(pair.asked), pair.question, pair.expected) == (2, "u", "a")
