"""What became of a training sheet since a dataset was made of it: right before training, and long after."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.compare import changes, recheck
from training_pipeline.datasets.recheck_result import Pairs, RecheckResult
from training_pipeline.domain.errors import GateRefused, GovernanceChanged
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.retraining import Changes
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.domain.usage import DataClassification
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.testing.sheets.pairs import Row, chat, open_sheet, pair
from training_pipeline.testing.soak import examples
from training_pipeline_tests.datasets.test_prepare import prepare

POLICY = GatePolicy()


def rows(**edits: Any) -> list[Row]:
    """Thirty pairs, of which the sixth has changed."""
    made = [pair(number) for number in range(30)]
    made[5].update(edits)
    return made


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return prepare(open_sheet(rows()), tmp_path_factory.mktemp("compare"))


def now(dataset: DatasetRef, many: list[Row], **head: Any) -> RecheckResult:
    return recheck(open_sheet(many, digest="e" * 64, **head), dataset, POLICY)


def changed_since(dataset: DatasetRef, many: list[Row], **head: Any) -> Changes:
    return changes(open_sheet(many, digest="e" * 64, **head), dataset, POLICY)


def test_nothing_changed(dataset: DatasetRef) -> None:
    found = now(dataset, rows(reviewed_by="someone else"))
    assert found == RecheckResult(checked=30, changed={}, missing=0)
    found.require_unchanged("sheet-1")


def test_the_same_sheet_is_not_read_again(dataset: DatasetRef) -> None:
    """Its digest says that nothing changed, so these rows are never looked at."""
    assert recheck(open_sheet([]), dataset, POLICY) == RecheckResult(checked=30, changed={}, missing=0)
    assert recheck(open_sheet([]), dataset, GatePolicy(instruction_prompt_items=1)).missing == 30


@pytest.mark.parametrize(
    ("edits", "finding"),
    [
        ({"status": "rejected"}, "rejected"),
        ({"prohibited_uses": ["training"]}, "training_prohibited"),
        ({"allowed_uses": None}, "training_not_allowed"),
        ({"label_allowed_uses": []}, "training_not_allowed"),
        ({"messages": chat("Question 5?", "Edited.")}, "text_changed"),
        ({"messages": None}, "invalid"),
    ],
)
def test_a_change_is_named_and_refused(dataset: DatasetRef, edits: Row, finding: str) -> None:
    found = now(dataset, rows(**edits))
    assert found == RecheckResult(checked=30, changed={finding: 1}, missing=0, pair_ids=("p-000005",))
    with pytest.raises(GovernanceChanged, match=f"1 {finding}.*p-000005"):
        found.require_unchanged("sheet-1")


def test_pairs_that_are_gone(dataset: DatasetRef) -> None:
    found = now(dataset, rows()[2:])
    assert (found.missing, found.changed, found.pair_ids) == (2, {}, ("p-000000", "p-000001"))
    with pytest.raises(GovernanceChanged, match="2 missing"):
        found.require_unchanged("sheet-1")


def test_a_new_row_can_shut_a_gate_for_another(dataset: DatasetRef) -> None:
    prohibited = pair(90, status="rejected", prohibited_uses=["training"], messages=pair(3)["messages"])
    held_out = pair(91, allowed_uses=["testing"], messages=chat("QUESTION 4 ?", "Held out."))
    found = now(dataset, [*rows(), prohibited, held_out])
    assert found.changed == {"identical_to_prohibited": 1, "held_out_prompt": 1}


def test_a_pair_id_used_again_is_one_pair(dataset: DatasetRef) -> None:
    assert now(dataset, [*rows(), pair(3), pair(3)]).changed == {"invalid": 1}


def written_otherwise(row: Row) -> list[Row]:
    """The messages, in other bytes that no rule tells apart."""
    return [message | {"content": f" {message['content']}\n"} for message in row["messages"]]


@pytest.mark.parametrize("same_bytes", [True, False])
def test_new_copies_take_nothing_back(dataset: DatasetRef, same_bytes: bool) -> None:
    """Of any pair, those of the validation split among them."""
    copies = [row | {"pair_id": f"a-{number}"} for number, row in enumerate(rows())]
    if not same_bytes:
        copies = [row | {"messages": written_otherwise(row)} for row in copies]
    assert now(dataset, [*rows(), *copies]).changed == {}
    assert changed_since(dataset, [*rows(), *copies]).total == 0


def test_a_new_copy_must_permit_validation_where_it_is_validated_on(dataset: DatasetRef) -> None:
    made = rows()
    copies = [
        row | {"pair_id": f"a-{number}", "messages": written_otherwise(row), "allowed_uses": ["training"]}
        for number, row in enumerate(made)
    ]
    validated = int((read_manifest(dataset)["split"] == "validation").sum())
    assert now(dataset, [*made, *copies]).changed == {"validation_not_permitted": validated}


def test_validation_must_still_be_permitted_where_it_is_used(dataset: DatasetRef) -> None:
    manifest = read_manifest(dataset).set_index("pair_id")
    validated = int(manifest.index[manifest["split"] == "validation"][0][2:])
    trained = int(manifest.index[manifest["split"] == "train"][0][2:])
    made = rows()
    for number in (validated, trained):
        made[number]["allowed_uses"] = ["training"]
    found = now(dataset, made)
    assert (found.changed, found.pair_ids) == ({"validation_not_permitted": 1}, (f"p-{validated:06d}",))


def test_new_tags_count(dataset: DatasetRef) -> None:
    assert now(dataset, rows(), tags=("PHI",)).changed == {"training_prohibited": 30}


def test_a_sheet_that_may_no_longer_be_trained_on(dataset: DatasetRef) -> None:
    with pytest.raises(GateRefused):
        now(dataset, rows(), status=SheetStatus.REJECTED)


def test_it_writes_nothing(dataset: DatasetRef, tmp_path: Path) -> None:
    before = sorted(dataset.path.parent.parent.rglob("*"))
    now(dataset, rows())
    assert sorted(dataset.path.parent.parent.rglob("*")) == before


def test_an_unchanged_sheet_is_not_judged_and_one_in_another_order_has_not_changed(dataset: DatasetRef) -> None:
    assert changes(open_sheet([]), dataset, POLICY) == Changes(eligible=30)
    assert changed_since(dataset, rows()[::-1]) == Changes(eligible=30)


def test_every_kind_of_change_is_counted_once(dataset: DatasetRef) -> None:
    many = [*rows(), *(pair(number) for number in range(30, 33))]
    many[0]["prohibited_uses"] = ["training"]
    many[1]["allowed_uses"] = []
    many[2]["status"] = "rejected"
    many[3]["messages"] = chat("Question 3?", "Edited.")
    many[31]["status"] = "unlabeled"
    del many[4]
    assert changed_since(dataset, many) == Changes(
        added=2, removed=2, newly_prohibited=2, edited=1, eligible=28, prohibited_ids=("p000", "p001")
    ).model_copy(update={"prohibited_ids": tuple(sorted((many[0]["pair_id"], many[1]["pair_id"])))})


def test_what_was_withdrawn_is_removed_and_adds_nothing(dataset: DatasetRef) -> None:
    opened = open_sheet([*rows(), pair(30), pair(31)], digest="e" * 64)
    gone = Withdrawn(named=(("pair", pair(3)["pair_id"]), ("item", pair(30)["item_ref"])))
    assert changes(opened, dataset, POLICY, withdrawn=gone) == Changes(added=1, removed=1, eligible=30)


def test_a_pair_of_the_validation_split_that_may_not_validate_any_more_lost_its_permission(dataset: DatasetRef) -> None:
    manifest = read_manifest(dataset)
    validates = manifest[manifest["split"] == "validation"]["pair_id"].iloc[0]
    trains = manifest[manifest["split"] == "train"]["pair_id"].iloc[0]
    many = rows()
    for row in many:
        if row["pair_id"] in {validates, trains}:
            row["allowed_uses"] = ["training"]
    found = changed_since(dataset, many)
    assert (found.newly_prohibited, found.prohibited_ids, found.total) == (1, (validates,), 1)


def test_a_copy_adds_nothing_and_takes_nothing_back(dataset: DatasetRef) -> None:
    copy = {**pair(0), "pair_id": "a copy that is kept, for it sorts first"}
    assert changed_since(dataset, [*rows(), copy]).total == 0


def test_a_prohibited_copy_takes_the_permission_of_the_pair_it_copies(dataset: DatasetRef) -> None:
    copy = {**pair(0), "pair_id": "copy", "prohibited_uses": ["training"]}
    found = changed_since(dataset, [*rows(), copy])
    assert (found.newly_prohibited, found.prohibited_ids) == (1, (pair(0)["pair_id"],))


def test_a_tag_on_the_source_table_prohibits_all(dataset: DatasetRef, tmp_path: Path) -> None:
    found = changed_since(dataset, rows(), tags=("PHI",))
    assert (found.newly_prohibited, found.eligible, len(found.prohibited_ids)) == (30, 0, 20)


@pytest.mark.parametrize("tie", ["item_ref", "canonical_label_id"])
def test_a_tie_that_now_spans_the_split_is_found_and_one_on_a_side_is_not(dataset: DatasetRef, tie: str) -> None:
    sides = read_manifest(dataset).set_index("pair_id")["split"]
    trained = [int(name[2:]) for name in sides.index[sides == "train"]]
    validated = int(sides.index[sides == "validation"][0][2:])
    many = rows()
    many[trained[0]][tie] = many[trained[1]][tie] = " shared "
    assert now(dataset, many).changed == {}
    many[validated][tie] = "shared"
    found = now(dataset, many)
    tied = sorted(f"p-{number:06d}" for number in (trained[0], trained[1], validated))
    assert (found.changed, list(found.pair_ids)) == ({"tied_across_the_split": 3}, tied)
    with pytest.raises(GovernanceChanged, match="3 tied_across_the_split"):
        found.require_unchanged("sheet-1")


ITEMS = st.dictionaries(st.integers(0, 29), st.sampled_from(["a", "b", "c", " a", None, ""]), max_size=12)


@settings(max_examples=examples(8))
@given(labels=ITEMS, classes=st.dictionaries(st.integers(0, 29), st.sampled_from([*DataClassification]), max_size=6))
def test_ties_and_classifications_are_those_of_plain_python(
    dataset: DatasetRef, labels: dict[int, str | None], classes: dict[int, str]
) -> None:
    sides = read_manifest(dataset).set_index("pair_id")["split"]
    many = rows()
    for number, label in labels.items():
        many[number]["canonical_label_id"] = label
    for number, word in classes.items():
        many[number]["data_classification"] = str(word)
    groups: dict[str, set[str]] = defaultdict(set)
    for row in many:
        if label := (row.get("canonical_label_id") or "").strip():
            groups[label].add(row["pair_id"])
    torn = set().union(*(ids for ids in groups.values() if len({sides[name] for name in ids}) > 1))
    stricter = {f"p-{number:06d}" for number, word in classes.items() if word in {"confidential", "restricted"}}
    found = now(dataset, many)
    assert (set(found.pair_ids), found.lost.count) == (torn, len(torn))
    assert (set(found.raised.ids), found.raised.count) == (stricter - torn, len(stricter - torn))


def test_once_training_has_begun_another_text_is_no_reason_to_stop(dataset: DatasetRef) -> None:
    edited = open_sheet(rows(messages=chat("Question 5?", "Edited.")), digest="e" * 64)
    found = recheck(edited, dataset, POLICY, begun=True)
    assert (found.findings, found.edited) == ({}, Pairs(count=1, ids=("p-000005",)))
    both = rows(messages=chat("Question 5?", "Edited."), prohibited_uses=["training"])
    found = recheck(open_sheet(both, digest="e" * 64), dataset, POLICY, begun=True)
    assert (found.findings, found.edited.count) == ({"training_prohibited": 1}, 0)


@pytest.mark.parametrize(
    ("edits", "finding"),
    [
        ({"prohibited_uses": ["training"]}, "identical_to_prohibited"),
        ({"allowed_uses": ["testing"]}, "held_out_prompt"),
        ({"allowed_uses": ["testing"], "messages": chat("QUESTION 5", "Held out.")}, "held_out_prompt"),
    ],
)
def test_what_was_trained_on_is_found_under_another_id(dataset: DatasetRef, edits: Row, finding: str) -> None:
    """The row has another number, and its old one another text: what was learned is prohibited all the same."""
    moved = pair(5, pair_id="p-000099", item_ref="item-99", **edits)
    sheet = open_sheet([*rows(messages=chat("Another thing?", "Yes.")), moved], digest="e" * 64)
    found = recheck(sheet, dataset, POLICY, begun=True)
    assert (found.findings, found.pair_ids) == ({finding: 1}, ("p-000005",))
    others = open_sheet([*rows(messages=chat("Another thing?", "Yes.")), pair(5, pair_id="p-000099")], digest="e" * 64)
    assert recheck(others, dataset, POLICY, begun=True).findings == {}


def test_a_copy_of_a_validating_pair_takes_nothing_back_unless_it_may_not_validate(dataset: DatasetRef) -> None:
    sides = read_manifest(dataset).set_index("pair_id")["split"]
    validated = int(sides.index[sides == "validation"][0][2:])
    assert now(dataset, [*rows(), pair(validated, pair_id="a-smaller-id")]).changed == {}
    barred = pair(validated, pair_id="a-smaller-id", prohibited_uses=["validation"])
    assert now(dataset, [*rows(), barred]).changed == {"validation_not_permitted": 1}


def test_many_pairs_are_counted_and_some_are_named() -> None:
    assert str(Pairs(count=1, ids=("p1",))) == "1 pair (p1)"
    assert str(Pairs(count=1300, ids=tuple(f"p{n}" for n in range(1000)))).endswith("p19 and 1,280 more)")


EDITS: dict[str, tuple[Row, str | None]] = {
    "prohibited": ({"prohibited_uses": [" TRAINING "]}, "training_prohibited"),
    "null": ({"allowed_uses": None}, "training_not_allowed"),
    "unknown word": ({"allowed_uses": ["training", "tranining"]}, "training_not_allowed"),
    "label": ({"canonical_label_id": "l", "label_allowed_uses": ["testing"]}, "training_not_allowed"),
    "no class": ({"data_classification": None}, "training_not_allowed"),
    "flagged": ({"status": "flagged"}, "flagged"),
    "pending": ({"status": "pending"}, "unlabeled"),
    "no item": ({"item_ref": " "}, "invalid"),
    "text": ({"messages": chat("Another question?", "Another answer.")}, "text_changed"),
    "review": ({"status": " Approved ", "reviewed_by": "eve", "usage_reason": "PHI"}, None),
}


@settings(max_examples=examples(8))
@given(edits=st.dictionaries(st.integers(0, 29), st.sampled_from(sorted(EDITS)), max_size=10), gone=st.integers(0, 3))
def test_any_mixture_of_changes_is_counted_pair_by_pair(dataset: DatasetRef, edits: dict[int, str], gone: int) -> None:
    many, expected = rows(), Counter[str]()
    for number, name in edits.items():
        change, finding = EDITS[name]
        many[number].update(change)
        if finding is not None and number >= gone:
            expected[finding] += 1
    # One label for several pairs would tie them, and one text for several makes copies of them.
    for number in edits:
        many[number]["canonical_label_id"] = f"l-{number}"
        if edits[number] == "text":
            many[number]["messages"] = chat(f"Another question {number}?", "Another answer.")
    found = now(dataset, many[gone:])
    assert (Counter(found.changed), found.missing) == (expected, gone)
    assert len(found.pair_ids) == found.lost.count == expected.total() + gone
