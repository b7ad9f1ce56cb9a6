from __future__ import annotations

import numpy as np
import pyarrow as pa

from training_pipeline.datasets.asked_texts import asked_texts, hashes_in, held_out_texts
from training_pipeline.domain.rules.comparison import ONLY, OUTRIGHT
from training_pipeline.domain.rules.turns import ALONE, HASH_DIGITS

LONG = "howmuchisashipmentofsevencratestothefarislandsinwinterandwhopays"
NEAR, OTHER = LONG.replace("seven", "sevxn"), "whatisthenameofthedaughterofthekeeperofthelighthouseonthecape"


def asking(mark: str, name: str, text: str) -> str:
    return mark + name * HASH_DIGITS + text


def hashes(*names: str) -> pa.Array:
    return pa.array([name * HASH_DIGITS for name in names], pa.string())


def near(rows: list[list[str]], *, ties: str = "", instructions: str = "") -> set[tuple[int, int]]:
    """The pairs of rows that nearly equal questions tie."""
    found = asked_texts(
        np.arange(len(rows)), pa.chunked_array([pa.array(rows)]), hashes(*ties), hashes(*instructions), None
    ).near(similarity=0.8)
    return {(min(pair), max(pair)) for pair in zip(found.first.tolist(), found.second.tolist(), strict=True)}


def test_a_turn_alone_is_near_to_what_is_asked_outright_by_every_row_that_asks_it() -> None:
    alone = [asking(OUTRIGHT, "c", OTHER), asking(ALONE, "a", NEAR)]
    rows = [[asking(ONLY, "1", LONG)], alone, [asking(OUTRIGHT, "d", "hello"), asking(ALONE, "a", NEAR)]]
    assert near(rows, ties="cd") == {(0, 1), (1, 2)}
    assert near(rows[1:], ties="cd") == set(), "neither is asked outright"
    assert near(rows, ties="cd", instructions="a") == set()


def test_what_is_asked_outright_and_ties_nothing_is_an_instruction() -> None:
    rows = [[asking(ONLY, "1", LONG)], [asking(OUTRIGHT, "a", NEAR)], [asking(ALONE, "a", NEAR)]]
    assert near(rows, ties="a") == {(0, 1), (1, 2)}
    assert near(rows) == set()


def test_rows_near_to_held_out_questions_are_found_instructions_aside() -> None:
    held_out = pa.chunked_array([[asking(ONLY, "h", LONG), asking(ALONE, "i", OTHER), asking(ONLY, "j", "")]])
    texts, outright = held_out_texts(held_out, hashes(), None)
    assert (texts.to_pylist(), outright.tolist()) == ([LONG, OTHER], [True, False])
    rows = pa.chunked_array(
        [pa.array([[asking(ALONE, "a", NEAR)], [asking(ALONE, "b", OTHER)], [asking(ONLY, "c", OTHER)]])]
    )
    found = asked_texts(np.array([5, 6, 7]), rows, hashes(), hashes(), None)
    assert found.rows_near(texts, outright, similarity=0.8).tolist() == [5, 7]
    texts, outright = held_out_texts(held_out, hashes("h", "i"), None)
    assert texts.to_pylist() == []


def test_hashes_of_several_questions_are_told_apart_from_marked_ones() -> None:
    several = pa.chunked_array([pa.array(["+" + "a" * HASH_DIGITS + " " + "b" * HASH_DIGITS, None])])
    assert hashes_in(several).to_pylist() == ["b" * HASH_DIGITS]
