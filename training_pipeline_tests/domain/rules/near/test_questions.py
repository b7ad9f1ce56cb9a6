"""Nearly equal questions: those that comparing every two of them finds, and that datasketch finds by the same rules."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import combinations

import datasketch
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rensa import RMinHash

from training_pipeline.domain.rules.near.questions import near_pairs, near_to, signed

WORDS = ["valve", "nominalpressure", "invoice", "weldseam", "torque", "supplier"]


def found(texts: list[str], similarity: float = 0.8) -> dict[tuple[int, int], float]:
    near = near_pairs(pa.chunked_array([texts], pa.string()), similarity=similarity)
    return dict(zip(zip(near.first.tolist(), near.second.tolist(), strict=True), near.similarity.tolist(), strict=True))


def sets(texts: list[str]) -> list[set[str]]:
    """The shingles of each text without those of the template, and with its digits on each."""
    plain = [{text[place : place + 5] for place in range(max(len(text) - 4, 1))} for text in texts]
    count = Counter(shingle for each in plain for shingle in each)
    template = {shingle for shingle, many in count.items() if many >= 20 and many > len(texts) / 2}
    return [each - template for each in plain]


def digits(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def expected(texts: list[str], similarity: float = 0.8) -> dict[tuple[int, int], float]:
    """By comparing every two texts."""
    near = {}
    for (one, mine), (other, theirs) in combinations(enumerate(sets(texts)), 2):
        if mine and theirs and digits(texts[one]) == digits(texts[other]):
            jaccard = len(mine & theirs) / len(mine | theirs)
            if jaccard >= similarity:
                near[one, other] = jaccard
    return near


def sentence(rng: random.Random, letters: int) -> str:
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(letters))


def one_letter_off(rng: random.Random, text: str) -> str:
    place = rng.randrange(len(text))
    letter = rng.choice([letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter != text[place]])
    return text[:place] + letter + text[place + 1 :]


def sheet(rng: random.Random, pairs: int, *, template: str = "", shortest: int = 60) -> list[str]:
    """Half of it questions of their own, half of them again with another letter."""
    own = [template + sentence(rng, rng.randint(shortest, 120)) for _ in range(pairs // 2)]
    return own + [template + one_letter_off(rng, text.removeprefix(template)) for text in own] + own[: pairs % 2]


@pytest.mark.parametrize("pairs", [20, 100, 199])
@pytest.mark.parametrize("template", ["", "whatisthemeaningofthefollowingsentencefromthereport"])
@pytest.mark.parametrize("seed", range(5))
def test_small_sheets_are_what_comparing_every_two_gives(pairs: int, template: str, seed: int) -> None:
    texts = sheet(random.Random(seed), pairs, template=template)
    near = found(texts)
    assert near == pytest.approx(expected(texts))
    assert {(number, number + pairs // 2) for number in range(pairs // 2)} <= set(near)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from([*WORDS, "12", "7", "1", "é"]), max_size=8).map("".join), min_size=1))
def test_any_questions_are_what_comparing_every_two_gives(texts: list[str]) -> None:
    assert found(texts) == pytest.approx(expected(texts))


def test_order_makes_no_difference() -> None:
    rng = random.Random(3)
    texts = sheet(rng, 200, shortest=30)
    shuffled = rng.sample(texts, len(texts))

    def named(order: list[str]) -> set[frozenset[str]]:
        return {frozenset((order[one], order[other])) for one, other in found(order)}

    assert named(texts) == named(shuffled)


def test_questions_that_differ_in_a_number_are_different() -> None:
    text = "whatdoesthevalveofunit{}weighwhenitisfilledwithwaterinkilograms"
    texts = [text.format(number) for number in ("1", "2", "12", "", "1", "\u0661")]
    assert set(found(texts)) == {(0, 4)}
    assert found(["acrossroads1and12lengthoftheroad", "acrossroads11and2lengthoftheroad"], 0.8) == {}


def test_a_template_makes_no_two_questions_equal() -> None:
    rng = random.Random(5)
    texts = ["pleaseclassifythefollowingdocumentbyitsdepartment" + sentence(rng, 12) for _ in range(300)]
    assert found(texts) == {}
    assert found(["onlythetemplateandnothingelse"] * 40) == {}, "nothing is left to compare"


def test_no_twin_of_a_thousand_is_missed() -> None:
    """One letter of questions of 60 letters and more, in a sheet of ten thousand."""
    rng = random.Random(7)
    own = [sentence(rng, rng.randint(60, 200)) for _ in range(9_000)]
    twins = [one_letter_off(rng, text) for text in own[:1_000]]
    assert {(number, 9_000 + number) for number in range(1_000)} <= set(found([*own, *twins]))


@pytest.mark.parametrize(
    ("letters", "share"), [(20, 2 / 20), (30, 4 / 30), (40, 8 / 40), (48, 8 / 48), (49, 1.0), (60, 1.0)]
)
def test_the_share_of_short_twins_that_is_tied(letters: int, share: float) -> None:
    """Of questions shorter than 49 letters those whose first or last letters differ; see docs/governance.md."""
    rng = random.Random(letters)
    own = [sentence(rng, letters) for _ in range(1_000)]
    near = found([*own, *(one_letter_off(rng, text) for text in own)])
    assert sum((number, 1_000 + number) in near for number in range(1_000)) / 1_000 == pytest.approx(share, abs=0.04)


def test_a_family_of_nearly_equal_questions_hangs_together() -> None:
    """More than are compared with each other: each is still near to one that is near to all."""
    rng = random.Random(9)
    base = sentence(rng, 200)
    family = [one_letter_off(rng, base) for _ in range(500)]
    others = [sentence(rng, 80) for _ in range(600)]
    joined = {0}
    near = found([*family, *others])
    for _ in range(10):
        joined |= {other for pair in near if set(pair) & joined for other in pair}
    assert joined == set(range(500))


def test_datasketch_finds_the_same() -> None:
    rng = random.Random(11)
    texts = sheet(rng, 600, template="explaininonesentence", shortest=40)
    texts += [f"howmanypartsarein{number}boxesof{number % 7}andwhatdotheycost" for number in range(200)]
    index = datasketch.MinHashLSH(num_perm=240, params=(60, 4))
    kept = sets(texts)
    for number, shingles in enumerate(kept):
        signature = datasketch.MinHash(num_perm=240, seed=1)
        signature.update_batch([f"{shingle} {digits(texts[number])}".encode() for shingle in shingles])
        index.insert(number, signature)
    candidates = {
        (min(one, other), max(one, other))
        for table in index.hashtables
        for key in table.keys()  # noqa: SIM118 - a storage of datasketch, no dictionary
        for one, other in combinations(table.get(key), 2)
    }
    near = {
        pair: jaccard
        for pair in candidates
        if kept[pair[0]]
        and kept[pair[1]]
        and (jaccard := len(kept[pair[0]] & kept[pair[1]]) / len(kept[pair[0]] | kept[pair[1]])) >= 0.8
        and digits(texts[pair[0]]) == digits(texts[pair[1]])
    }
    assert found(texts) == pytest.approx(near)


def test_signatures_are_those_of_the_policy() -> None:
    """Pinned: where the library signs otherwise, other pairs may be found, and the policy's version must rise."""
    assert RMinHash.ALGORITHM_VERSION == 2
    numbers = np.arange(1, 9, dtype=np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(numbers, np.array([0, 8], dtype=np.uint64), 120, 42)
    assert matrix.to_rows()[0][:4] == [3373429996, 3270666351, 3266120372, 3231157218]


@pytest.mark.parametrize("prefix", ["", "Please answer this question of the plant: "])
@pytest.mark.parametrize("others_have_it", [True, False])
def test_other_questions_are_compared_as_if_all_were_compared(prefix: str, others_have_it: bool) -> None:
    """Whether or not the others change what of the questions is template."""
    rng = random.Random(9)
    ours = [prefix + sentence(rng, 60) for _ in range(60)]
    others = [one_letter_off(rng, text) for text in ours[::3]] + [sentence(rng, 60) for _ in range(90)]
    others = [text if others_have_it else text.removeprefix(prefix) for text in others]
    every = near_pairs(pa.chunked_array([[*ours, *others]], pa.string()), similarity=0.8)
    across = (every.first < len(ours)) & (every.second >= len(ours))
    near = near_to(signed(pa.chunked_array([ours], pa.string())), pa.chunked_array([others]), similarity=0.8)
    assert near.first.tolist() == every.first[across].tolist()
    assert near.second.tolist() == every.second[across].tolist()
    assert near.similarity.tolist() == every.similarity[across].tolist()
    assert len(near.first) > 5
