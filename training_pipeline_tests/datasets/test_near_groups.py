from __future__ import annotations

from pathlib import Path

from training_pipeline.datasets.near_groups import near_groups
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet

WORDINGS = (
    "Please tell me which of the many desks of this house takes the complaint of a tenant about noise at night",
    "Please tell me which of the many desks of this house takes the complaint of a tenant about noise at nights",
    "Please tell me which of the many desks of this house takes the complaint of tenants about noise at night",
)


def test_pairs_that_ask_nearly_the_same_are_grouped_and_no_text_is_told(tmp_path: Path) -> None:
    pairs = rows(20)
    for number, wording in enumerate((*WORDINGS, WORDINGS[0])):
        answer = {"role": "assistant", "content": f"desk {number}"}
        pairs[number]["messages"] = [{"role": "user", "content": wording}, answer]
    pairs[4] |= {"messages": [{"role": "user", "content": WORDINGS[0]}, {"role": "assistant", "content": "desk 9"}]}
    pairs[4] |= {"status": "rejected"}
    for number in (10, 11):  # the same question twice, with different answers
        pairs[number]["messages"] = [
            {"role": "user", "content": "What is the capital of Malta?"},
            {"role": "assistant", "content": f"{number}"},
        ]
    write_sheet(tmp_path, "small", pairs, status="review")
    with FileTrainingSheets([tmp_path]).open("small") as opened:
        found = near_groups(opened, GatePolicy())
        exact = near_groups(opened, GatePolicy(near_question_similarity=1.0))
    assert (found.groups, found.pairs, found.similarity) == (2, 6, 0.8)
    first, second = found.largest
    assert (first.pairs, first.wordings) == (4, 3)
    assert set(first.pair_ids) == {"p-0000", "p-0001", "p-0002", "p-0003"}
    assert (second.pair_ids, second.wordings) == (("p-0010", "p-0011"), 1)
    assert {one.pair_ids for one in exact.largest} == {("p-0000", "p-0003"), ("p-0010", "p-0011")}
    assert "desk" not in found.model_dump_json()


def test_a_sheet_of_which_nothing_may_be_trained_on_has_none(tmp_path: Path) -> None:
    write_sheet(tmp_path, "none", rows(3, status="rejected"))
    with FileTrainingSheets([tmp_path]).open("none") as opened:
        assert near_groups(opened, GatePolicy()).largest == ()
