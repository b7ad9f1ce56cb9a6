"""The guard: whatever a model or an ancestor has seen is found row by row, however it is disguised."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.errors import Lost, Unavailable
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import Reference
from training_pipeline.models.evaluation.ancestry import Ancestry, Learned
from training_pipeline.models.evaluation.guard import Contamination, check
from training_pipeline.models.evaluation.suite import freeze
from training_pipeline.testing.sheets.hash_keys import KeysInMemory, key_number
from training_pipeline.testing.sheets.pairs import Row, chat, open_sheet, pair
from training_pipeline.testing.sheets.sheets_in_memory import SheetsInMemory
from training_pipeline.testing.soak import drawn, examples
from training_pipeline_tests.datasets.test_prepare import prepare

POLICY = GatePolicy()
WORDS = [first + last for first in ("bolt", "flange", "gasket", "rotor", "valve") for last in ("age", "ing", "est")]


def question(number: int) -> str:
    """Ten words and no digits: unlike that of any other number."""
    chosen = random.Random(number)
    return " ".join(chosen.choice(WORDS) + chosen.choice("bcdfghjk") * 3 for _ in range(10)) + "?"


def asked(number: int, **values: Any) -> Row:
    return pair(number, **{"messages": chat(question(number), f"Answer {number}."), **values})


def held_out(number: int, text: str | None = None, **values: Any) -> Row:
    """A pair of the suite, with an id of its own, that asks what another one asks."""
    values = {"item_ref": f"held-out-{number}", **values}
    answer = values.pop("answer", f"Answer {number}.")
    messages = chat(question(number) if text is None else text, answer)
    return pair(10_000 + number, allowed_uses=["evaluation"], messages=messages, **values)


@pytest.fixture(scope="module")
def ancestry(tmp_path_factory: pytest.TempPathFactory) -> Ancestry:
    """A model, its base model and that one's: each trained on forty pairs of its own."""
    learned = []
    for place, job_id in enumerate(("own", "parent", "grandparent")):
        rows = [asked(number) for number in range(40 * place, 40 * place + 40)]
        conversation = [*chat(f"May I ask {job_id}?", "Yes."), *chat(question(150 + place), "So it is.")]
        rows.append(pair(150 + place, messages=conversation))
        dataset = prepare(open_sheet(rows, id=f"sheet-{place}"), tmp_path_factory.mktemp(job_id))
        learned.append(Learned(job_id, "source", dataset))
    return Ancestry(tuple(learned), is_known=True)


def checked(
    rows: list[Row], ancestry: Ancestry, root: Path, policy: GatePolicy = POLICY, **options: Any
) -> Contamination:
    sheets = SheetsInMemory()
    sheets.put("suite", rows, source_sheet=Reference(id="source"))
    found = check(sheets, policy, freeze(sheets, policy, ["suite"], directory=root), ancestry, **options)
    assert found.asked == len(rows) == found.evaluated + sum(found.refused.values()) + sum(found.aged.values())
    return found


def met(found: Contamination) -> set[tuple[str, str, str]]:
    return {(each.pair_id, each.finding, each.job_id) for each in found.pairs}


def test_each_way_of_having_seen_it_is_told_apart(ancestry: Ancestry, tmp_path: Path) -> None:
    near = question(90).replace("?", "s?")
    rows = [
        held_out(3),
        held_out(4, answer="Another answer."),
        held_out(41, f"  {question(41).upper()} \n", answer="Third."),
        held_out(90, near, answer="Fourth."),
        held_out(600, item_ref="item-100"),
        held_out(151),
        held_out(601),
    ]
    found = checked(rows, ancestry, tmp_path)
    assert found.refused == {"nearly_equal_question": 1, "same_example": 1, "same_question": 3}
    assert (found.evaluated, found.reported) == (2, {"same_item": 1})
    assert met(found) == {
        ("p-010003", "same_example", "own"),
        ("p-010004", "same_question", "own"),
        ("p-010041", "same_question", "parent"),
        ("p-010151", "same_question", "parent"),
        ("p-010090", "nearly_equal_question", "grandparent"),
        ("p-010600", "same_item", "grandparent"),
    }
    assert (found.jobs, found.is_ancestry_known) == (("own", "parent", "grandparent"), True)


@pytest.mark.soak
def test_hashes_under_a_key_change_no_finding(tmp_path: Path) -> None:
    """Items that a question is put to are counted over both datasets, by hashes of the manifests."""
    key, other = key_number(1), key_number(2)
    conversation = [*chat("May I ask?", "Yes."), *chat(question(5), "So it is.")]
    own = [asked(number) for number in range(12)] + [pair(50, messages=conversation)]
    many = [pair(60 + number, messages=chat("Describe it.", f"It is {number}.")) for number in range(12)]
    parent = [*many, *(asked(number) for number in range(20, 30))]
    rows = [held_out(3), held_out(5, answer="Other."), held_out(70, "Describe it."), held_out(21), held_out(600)]
    rows.append(held_out(601, item_ref="item-22"))
    policy = GatePolicy(instruction_prompt_items=12)

    def learned(name: str, *keys: HashKey | None) -> Ancestry:
        made = [
            prepare(open_sheet(many, id=f"sheet-{place}"), tmp_path / name, key=one, policy=policy)
            for place, (many, one) in enumerate(zip((own, parent), keys, strict=True))
        ]
        return Ancestry(tuple(Learned(f"job-{place}", "source", one) for place, one in enumerate(made)), is_known=True)

    plain = checked(rows, learned("plain", None, None), tmp_path / "s", policy)
    findings = {"same_example", "same_question", "same_instruction", "same_item"}
    assert {finding for _, finding, _ in met(plain)} == findings
    for name, keys in drawn([("both", (key, other)), ("one", (key, None)), ("the other", (None, key))]):
        keyed = learned(name, *keys)
        readable = KeysInMemory([key, other])
        assert checked(rows, keyed, tmp_path / "s", policy, keys=readable) == plain
        with pytest.raises(Lost, match="was destroyed"):
            checked(rows, keyed, tmp_path / "s", policy)
        with pytest.raises(Unavailable, match="cannot be read now") as raised:
            checked(rows, keyed, tmp_path / "s", policy, keys=KeysInMemory(unreadable=[key, other]))
        assert not raised.value.recurs


def disguised(text: str, chosen: random.Random) -> str:
    """The same question in other letters and blanks."""
    letters = [letter.upper() if chosen.random() < 0.5 else letter for letter in text]
    return " ".join("".join(letters).split(" ")).replace(" ", chosen.choice(["  ", "\n", "\u3000"]))


@settings(max_examples=examples(1), deadline=None)
@given(st.integers(0, 2**32))
def test_planted_rows_are_found_one_by_one(
    ancestry: Ancestry, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """A suite with some rows of the training of a model, its parent and its grandparent among many others."""
    chosen = random.Random(seed)
    planted = chosen.sample(range(120), 9)
    expected: dict[str, tuple[str, str]] = {}
    rows = []
    for place, number in enumerate(planted):
        job = ("own", "parent", "grandparent")[number // 40]
        pair_id = f"p-{10_000 + number:06d}"
        if place % 3 == 0:
            rows.append(held_out(number))
            expected[pair_id] = ("same_example", job)
        elif place % 3 == 1:
            rows.append(held_out(number, disguised(question(number), chosen), answer="Else."))
            expected[pair_id] = ("same_question", job)
        else:
            words = question(number).split()
            words[chosen.randrange(10)] += "s"
            rows.append(held_out(number, " ".join(words), answer="Else."))
            expected[pair_id] = ("nearly_equal_question", job)
    for place, job in enumerate(("own", "parent", "grandparent")):  # inside a longer chat on both sides
        text, answer, finding = chosen.choice(
            [
                (question(150 + place), "So it is.", "same_example"),
                (disguised(question(150 + place), chosen), "Else.", "same_question"),
                (question(150 + place).replace("?", "s?"), "So it is.", "nearly_equal_question"),
            ]
        )
        before = chat(question(chosen.randrange(2000, 3000)), "How can I help?") * chosen.randrange(1, 10)
        rows.append(held_out(150 + place) | {"messages": [*before, *chat(text, answer)]})
        expected[f"p-{10_150 + place:06d}"] = (finding, job)
    rows += [held_out(number) for number in range(1000, 1091)]
    chosen.shuffle(rows)
    found = checked(rows, ancestry, tmp_path_factory.mktemp("planted"))
    assert {each.pair_id: (each.finding, each.job_id) for each in found.pairs} == expected
    assert found.evaluated == 91


def test_an_instruction_that_is_put_to_many_items_is_no_question(tmp_path: Path) -> None:
    """Everybody asks it, so it says nothing of having seen the answer."""
    rows = [pair(number, messages=chat("Summarise it.", f"Answer {number}.")) for number in range(30)]
    ancestry = Ancestry((Learned("own", "source", prepare(open_sheet(rows), tmp_path / "data")),), is_known=True)
    found = checked([held_out(number, "Summarise it.") for number in range(40, 43)], ancestry, tmp_path / "suites")
    assert (found.evaluated, found.refused, found.reported) == (3, {}, {"same_instruction": 3})


def test_what_many_conversations_say_at_last_is_no_question(tmp_path: Path) -> None:
    """And "Tell me." of a few is one: what it asks about is not looked at."""

    def conversation(number: int, last: str) -> list[dict[str, Any]]:
        return [*chat(question(number), "I see."), *chat(last, "It is good.")]

    rows = [pair(number, messages=conversation(number, "Is it good?")) for number in range(24)]
    rows += [pair(number, messages=conversation(number, "Tell me.")) for number in range(24, 27)]
    ancestry = Ancestry((Learned("own", "source", prepare(open_sheet(rows), tmp_path / "data")),), is_known=True)
    suite = [held_out(40) | {"messages": conversation(40, "Is it good?")}]
    suite += [held_out(number) | {"messages": conversation(number, "Tell me.")} for number in range(41, 43)]
    suite.append(held_out(43) | {"messages": conversation(43, "What else?")})
    suite.append(held_out(44, "Is it good?", answer="It is bad."))
    found = checked(suite, ancestry, tmp_path / "suites")
    assert (found.evaluated, found.refused) == (2, {"same_example": 2, "same_question": 1})
    assert found.reported == {"same_instruction": 1}
    assert [each.finding for each in found.pairs] == ["same_example"] * 2 + ["same_question", "same_instruction"]


def test_what_has_aged_is_not_looked_at_and_still_counted(ancestry: Ancestry, tmp_path: Path) -> None:
    sheets = SheetsInMemory()
    rows = [held_out(3), held_out(700), held_out(90, question(90).replace("?", "s?"), answer="Else.")]
    sheets.put("suite", rows)
    suite = freeze(sheets, POLICY, ["suite"], directory=tmp_path)
    sheets.put("suite", [{**rows[0], "status": "rejected"}, {**rows[1], "prohibited_uses": ["evaluation"]}, rows[2]])
    found = check(sheets, POLICY, suite, ancestry, refuse_near=False)
    assert (found.asked, found.evaluated, found.refused) == (3, 1, {})
    assert found.aged == {"evaluation_prohibited": 1, "rejected": 1}
    assert found.reported == {"nearly_equal_question": 1}


def test_a_dataset_that_is_damaged_vouches_for_nothing(tmp_path: Path) -> None:
    dataset = prepare(open_sheet([asked(number) for number in range(10)]), tmp_path / "data")
    dataset.train_file.write_text("{}\n")
    ancestry = Ancestry((Learned("own", "source", dataset),), is_known=True)
    with pytest.raises(Lost, match="is damaged") as raised:
        checked([held_out(1)], ancestry, tmp_path / "suites")
    assert raised.value.recurs


def test_a_dataset_whose_volume_is_away_is_waited_for(tmp_path: Path) -> None:
    dataset = prepare(open_sheet([asked(number) for number in range(10)]), tmp_path / "data")
    ancestry = Ancestry((Learned("own", "source", dataset),), is_known=True)
    dataset.path.parent.rename(tmp_path / "away")
    with pytest.raises(Unavailable, match="cannot be read now") as raised:
        checked([held_out(1)], ancestry, tmp_path / "suites")
    assert not raised.value.recurs


def test_a_disguised_copy_is_found_where_no_question_tells(tmp_path: Path) -> None:
    """Its prompt is an instruction, or it asks nothing: only an answer, or one after a system message."""
    many = [pair(number, messages=chat("Summarise it.", f"Answer {number} is long.")) for number in range(30)]
    bare = pair(40, messages=[{"role": "assistant", "content": "Once upon a time."}])
    told = [{"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "The end, at last."}]
    rows = [*many, bare, pair(41, messages=told)]
    ancestry = Ancestry((Learned("own", "source", prepare(open_sheet(rows), tmp_path / "data")),), is_known=True)
    suite = [
        held_out(7, "SUMMARISE  it.", answer="answer 7 is LONG"),
        held_out(50, "Summarise it.", answer="Answer 50 is long."),
        held_out(51) | {"messages": [{"role": "assistant", "content": "once upon a  time"}]},
        held_out(52) | {"messages": [*told[:1], {"role": "assistant", "content": "The end, at last!"}]},
        held_out(53) | {"messages": [{"role": "assistant", "content": "Twice upon a time."}]},
    ]
    found = checked(suite, ancestry, tmp_path / "suites")
    assert (found.evaluated, found.refused) == (2, {"same_example": 3})
    assert [each.pair_id for each in found.pairs] == ["p-010007", "p-010051", "p-010052", "p-010050"]
    assert found.reported == {"same_instruction": 1}
