from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.sft.evaluation.scores_file import NUMBERS, ScoresFile
from training_pipeline.testing.soak import examples


def row(number: int) -> dict[str, object]:
    keys = {"training_sheet_id": f"s{number % 2}", "pair_id": f"p{number}", "classification": None}
    keys |= {"canonical_label_id": None, "sheet_id": None, "length": "0 to 4 words"}
    return {**keys, **dict.fromkeys(NUMBERS, float(number % 2))}


@settings(max_examples=examples(20), deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=6), max_size=8), st.sets(st.integers(0, 40)))
def test_however_they_came_the_file_is_the_same(parts: list[list[int]], wanted: set[int]) -> None:
    """Pairs that are no longer asked are left out; whoever goes on finds what is done."""
    seen: set[int] = set()
    with tempfile.TemporaryDirectory() as folder:
        scores = ScoresFile(Path(folder) / "scores", "tuned")
        for part in parts:
            fresh = sorted({*part} - seen)
            seen |= {*fresh}
            if fresh:
                scores.add([row(number) for number in fresh])
            again = ScoresFile(Path(folder) / "scores", "tuned")
            assert again.done() == {(f"s{number % 2}", f"p{number}") for number in seen}
        scores.folder.mkdir(exist_ok=True)
        told = scores.publish({(f"s{number % 2}", f"p{number}") for number in wanted})
        found = pq.read_table(scores.path).to_pylist()
        kept = sorted((row(number) for number in seen & wanted), key=lambda each: (each[KEY[0]], each[KEY[1]]))
        for each in kept:  # nobody judged
            del each["judged_right"]
        assert (found, told["pairs"]) == (kept, len(kept))
        assert scores.publish({(each[KEY[0]], each[KEY[1]]) for each in kept}) == told  # type: ignore[misc]


KEY = ("training_sheet_id", "pair_id")
