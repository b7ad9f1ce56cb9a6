"""Which other answers stand beside the expert's: by the pair's id alone, whatever else is asked with it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.sft.encoding.data import Example
from training_pipeline.sft.evaluation.choices import OTHERS, Choices
from training_pipeline.sft.evaluation.suite_pairs import Pair
from training_pipeline.testing.soak import examples


def pair(number: int, answer: str, **message: Any) -> Pair:
    said = {"role": "assistant", "content": answer, **message}
    keys: dict[str, str | None] = {"training_sheet_id": "s", "pair_id": f"p{number}"}
    return Pair(keys, Example(number, [{"role": "user", "content": f"{number}?"}, said], [True]))


def offered(choices: Choices, asked: Pair) -> list[str]:
    return [str(other.example.messages[-1]["content"]) for other in choices.others(asked)]


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=20), st.randoms(use_true_random=False), st.data())
def test_the_same_answers_are_on_offer_in_any_order_and_company(answers: list[str], mixed: Any, data: Any) -> None:
    pairs = [pair(number, answer) for number, answer in enumerate(answers)]
    found = {each.key: offered(Choices(pairs), each) for each in pairs}
    for each in pairs:
        own = each.example.messages[-1]["content"]
        others = found[each.key]
        assert own not in others
        assert len(set(others)) == len(others) == min(OTHERS, len(set(answers)) - 1)
    shuffled = list(pairs)
    mixed.shuffle(shuffled)
    assert {each.key: offered(Choices(shuffled), each) for each in pairs} == found
    gone = data.draw(st.sampled_from(pairs)).example.messages[-1]["content"]
    left = [each for each in pairs if each.example.messages[-1]["content"] != gone]
    for each in left:  # who had not that answer on offer is asked as before
        if gone not in found[each.key]:
            assert offered(Choices(left), each) == found[each.key]


def test_what_is_no_answer_is_never_offered() -> None:
    call = pair(3, "call", tool_calls=[{"function": {"name": "f", "arguments": {}}}])
    draft = Pair(pair(4, "draft").keys, Example(4, pair(4, "draft").example.messages, [False]))
    choices = Choices([pair(0, "Yes."), pair(1, "yes"), pair(2, "no"), pair(5, " "), call, draft])
    assert offered(choices, pair(0, "Yes.")) == ["no"]
    assert offered(choices, pair(2, "no")) == ["Yes."]  # of equal answers always the same one
    assert [offered(choices, each) for each in (pair(5, " "), call, draft)] == [[], [], []]
    assert offered(Choices([pair(0, "Yes.")]), pair(1, "yes")) == []
