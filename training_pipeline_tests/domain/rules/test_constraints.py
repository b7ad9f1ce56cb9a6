"""Lists of uses as texts: every word counts as it is written, and nothing vanishes or is made up."""

from __future__ import annotations

from collections.abc import Callable

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.rules.constraints import all_known, classification, names, strictness, words
from training_pipeline.domain.usage import STRICTNESS, Use
from training_pipeline.testing.soak import examples

Uses = list[str | None] | None
Look = Callable[[list[Uses]], list[tuple[bool | None, bool | None]]]

spelled = st.sampled_from(
    [*Use, "Training", " training\n", "training,validation", ",", "", "train", "training ,", None]
)


@pytest.fixture(scope="module")
def look() -> Look:
    """For each list: whether training is named, and whether all words are known."""
    engine = ibis.duckdb.connect()
    table = engine.create_table("lists", schema={"number": "int64", "uses": "array<string>"})
    text = words(table.uses)
    query = ibis.to_sql(
        table.select("number", named=names(text, Use.TRAINING), known=all_known(text)).order_by("number"),
        dialect="duckdb",
    )

    def run(lists: list[Uses]) -> list[tuple[bool | None, bool | None]]:
        engine.con.execute("DELETE FROM lists")
        engine.insert("lists", ibis.memtable({"number": range(len(lists)), "uses": lists}, schema=table.schema()))
        return [(named, known) for _, named, known in engine.con.execute(query).fetchall()]

    return run


@settings(deadline=None, max_examples=examples(40))
@given(lists=st.lists(st.none() | st.lists(spelled, max_size=4), min_size=1, max_size=20))
def test_every_word_counts_as_it_is_written(look: Look, lists: list[Uses]) -> None:
    for uses, (named, known) in zip(lists, look(lists), strict=True):
        if uses is None:
            assert (named, known) == (None, None)
            continue
        cleaned = [None if word is None else word.strip(" \t\n\r").lower() for word in uses]
        assert named == ("training" in cleaned)
        assert known == all(word in set(Use) for word in cleaned)


def test_strictness_and_back() -> None:
    table = ibis.memtable({"word": ["", "secret", *STRICTNESS]}, schema={"word": "string"})
    rank = strictness(table.word)
    found = table.select("word", rank=rank, back=classification(rank)).to_pyarrow().to_pylist()
    assert {row["word"]: (row["rank"], row["back"]) for row in found} == {
        "": (-1, None),
        "secret": (None, None),
        **{str(word): (place, str(word)) for place, word in enumerate(STRICTNESS)},
    }
