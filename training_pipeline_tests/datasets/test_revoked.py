"""Revoked pairs are left out, whatever the sheet says of them, and so are pairs with the very same example."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.preview import preview
from training_pipeline.datasets.revoked import without_revoked
from training_pipeline.datasets.summary import export_summary
from training_pipeline.datasets.text_hashes import text_hashes
from training_pipeline.datasets.verdicts import shown, verdicts
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.testing.oracles import oracle, question_oracle
from training_pipeline.testing.sheets.disguises import disguised_chat
from training_pipeline.testing.sheets.hash_keys import key_number
from training_pipeline.testing.sheets.pairs import open_sheet, pair
from training_pipeline.testing.soak import SEED, examples

POLICY = GatePolicy()
SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("pair_id", "row_hash", "item_ref", "canonical_label_id", "reason", "kept_id")
        ),
        ("may_validate", pa.bool_()),
    ]
)
_few = st.sampled_from(["a", "b", "c'", "ä "])
_maybe = st.one_of(st.none(), _few)
_verdict = st.fixed_dictionaries(
    {
        "pair_id": _maybe,
        "row_hash": _maybe,
        "item_ref": _maybe,
        "canonical_label_id": _maybe,
        "kept_id": _maybe,
        "reason": st.sampled_from([None, None, None, "duplicate", "rejected"]),
        "may_validate": st.booleans(),
    }
)
_withdrawn = st.builds(
    Withdrawn,
    named=st.lists(st.tuples(st.sampled_from(["pair", "item", "label", "row_hash"]), _few), max_size=2).map(tuple),
    rows=st.lists(st.tuples(_few, _few, st.booleans()), max_size=2).map(tuple),
    keyed=st.just(()),
    barred=st.just(()),
    key=st.none(),
)
_COLUMN = {"pair": "pair_id", "item": "item_ref", "label": "canonical_label_id", "row_hash": "row_hash"}


def expected(rows: list[dict[str, Any]], withdrawn: Withdrawn) -> list[dict[str, Any]]:
    """The same by brute force."""

    def hit(row: dict[str, Any], *, only: bool) -> bool:
        return (row["pair_id"], row["row_hash"], only) in withdrawn.rows

    def named(row: dict[str, Any]) -> bool:
        return any(row[_COLUMN[kind]] == value for kind, value in withdrawn.named) or hit(row, only=False)

    passing = [row for row in rows if row["reason"] in {None, "duplicate"}]
    examples = {row["row_hash"] for row in rows if named(row)} - {None}
    copies = {row["kept_id"] for row in rows if named(row)} - {None}
    barred = {row["kept_id"] for row in rows if hit(row, only=True)} - {None}
    made = []
    for row in rows:
        if row in passing and (named(row) or row["row_hash"] in examples or row["kept_id"] in copies):
            made.append({**row, "reason": "revoked", "may_validate": False})
        else:
            made.append(
                {
                    **row,
                    "may_validate": row["may_validate"] and not hit(row, only=True) and row["kept_id"] not in barred,
                }
            )
    return made


@settings(max_examples=examples(15))
@given(rows=st.lists(_verdict, max_size=6), withdrawn=_withdrawn)
def test_exactly_the_withdrawn_pairs_and_the_same_examples_are_left_out(
    rows: list[dict[str, Any]], withdrawn: Withdrawn
) -> None:
    judged = ibis.memtable(pa.Table.from_pylist(rows, SCHEMA))
    found = without_revoked(judged, withdrawn).to_pyarrow().to_pylist()
    assert sorted(map(_sorted, found)) == sorted(map(_sorted, expected(rows, withdrawn)))


def _sorted(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True)


def test_nothing_withdrawn_is_the_same_table() -> None:
    judged = ibis.memtable(pa.Table.from_pylist([], SCHEMA))
    assert without_revoked(judged, NOTHING) is judged


@pytest.mark.parametrize(
    ("withdrawn", "left"),
    [
        (Withdrawn(named=(("pair", "p-000002"),)), [3, 4]),
        (
            Withdrawn(named=(("item", "item-3"), ("label", "l-4"))),
            [2],
        ),  # a rejected pair has the text of 1
        (Withdrawn(named=(("pair", "p-000001"),)), [2, 3, 4]),
        (Withdrawn(named=(("pair", "of another sheet"),)), [1, 2, 3, 4]),
    ],
)
def test_summary_and_preview_leave_them_out(withdrawn: Withdrawn, left: list[int]) -> None:
    rows = [pair(number, canonical_label_id=f"l-{number}") for number in range(1, 5)]
    rows.append(pair(0, status="rejected", messages=rows[0]["messages"], canonical_label_id="l-4"))
    if 1 not in left and 2 not in left:
        rows[1]["messages"] = rows[0]["messages"]  # the same example under another id
    summary = export_summary(open_sheet(rows), POLICY, withdrawn=withdrawn)
    assert (summary.total, summary.eligible, summary.excluded[Reason.REJECTED]) == (5, len(left), 1)
    assert summary.excluded[Reason.REVOKED] == 4 - len(left)
    texts = {number: oracle.example(rows[number - 1]) for number in left}
    assert preview(open_sheet(rows), POLICY, 2, withdrawn=withdrawn) == [texts[number] for number in left[:2]]


@pytest.mark.parametrize("revoked", [1, 2, 3])
@pytest.mark.parametrize(
    "copied",
    [
        [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "Caf\u00e9 "}],
        [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "Cafe\u0301"}],
        [{"role": "user", "content": "Q", "name": "ann"}, {"role": "assistant", "content": "Caf\u00e9"}],
        [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "Caf\u00e9", "weight": 1.0}],
    ],
)
def test_no_copy_of_a_revoked_pair_is_left(copied: list[dict[str, Any]], revoked: int) -> None:
    first = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "Caf\u00e9"}]
    rows = [pair(1, messages=first), pair(2, messages=copied), pair(3, messages=first), pair(4)]
    with verdicts(open_sheet(rows), POLICY, withdrawn=Withdrawn(named=(("pair", f"p-00000{revoked}"),))) as table:
        found = {row["pair_id"]: row["reason"] for row in table.to_pyarrow().to_pylist()}
    assert found == {"p-000001": "revoked", "p-000002": "revoked", "p-000003": "revoked", "p-000004": None}


SAID = [{"role": "user", "content": "Wie heißt der Patient?"}, {"role": "assistant", "content": "Søren Meier"}]
_VERDICTS: list[dict[str, Any]] = [
    *({"status": status} for status in ("labeled", "rejected", "flagged", "unlabeled", "no such status")),
    {"allowed_uses": []},
    {"allowed_uses": ["evaluation"]},
    {"prohibited_uses": ["training"]},
    {"item_ref": " "},
]


@hypothesis.seed(SEED)
@settings(max_examples=examples(12, gate=5), deadline=None)
@given(
    verdict=st.sampled_from(_VERDICTS),
    kind=st.sampled_from(["pair", "item", "label", "row_hash", "recorded", "recorded under a key"]),
    others=st.lists(
        st.one_of(disguised_chat(SAID), disguised_chat(SAID, answers=False), st.just(SAID)), min_size=1, max_size=3
    ),
    gone=st.booleans(),
)
def test_no_pair_shows_a_revoked_example_in_any_disguise_whatever_became_of_the_one_that_was_named(
    verdict: dict[str, Any], kind: str, others: list[list[dict[str, Any]]], gone: bool
) -> None:
    first = pair(1, messages=SAID, canonical_label_id="l-1", **verdict)
    rows = [first, *(pair(number, messages=said) for number, said in enumerate(others, 10)), pair(99)]
    recorded = kind.startswith("recorded")
    with shown(open_sheet([first]), Withdrawn(named=(("pair", "p"),))) as table:
        assert table is not None
        (hashes,) = table.to_pyarrow().to_pylist()
    key = key_number(1) if kind == "recorded under a key" else None
    whole = hashes["shown"] if key is None else key.of(hashes["shown"])
    value = {"pair": "p-000001", "item": first["item_ref"], "label": "l-1", "row_hash": hashes["row_hash"]}
    withdrawn = Withdrawn(examples=(whole,), key=key) if recorded else Withdrawn(named=((kind, value[kind]),))  # type: ignore[arg-type]
    rows = rows[1:] if recorded and gone else rows
    with verdicts(open_sheet(rows), POLICY, withdrawn=withdrawn) as table:
        found = {row["pair_id"]: row["reason"] for row in table.to_pyarrow().to_pylist()}
    example = question_oracle.shown({"messages": SAID})
    if kind == "item" and first["item_ref"] == " ":
        return  # it has no name that could be revoked
    for row in rows:
        if question_oracle.shown(row) & example:
            assert found[row["pair_id"]] is not None, row
    assert found["p-000099"] is None


@hypothesis.seed(SEED)
@settings(max_examples=examples(6, gate=3), deadline=None)
@given(asking=disguised_chat(SAID, answers=False), keyed=st.booleans())
def test_a_revoked_question_is_asked_by_no_pair_and_of_a_revoked_sheet_nothing_is_left(
    asking: list[dict[str, Any]], keyed: bool
) -> None:
    opened = open_sheet([pair(1, messages=asking), pair(2)])
    asked = text_hashes(str(SAID[0]["content"])).question_hashes[0]
    key = key_number(1) if keyed else None
    withdrawn = Withdrawn(named=(("question_hash", asked if key is None else key.of(asked)),), key=key)
    for named, left in ((withdrawn, {"p-000002"}), (Withdrawn(named=(("sheet", "sheet-1"),)), set())):
        with verdicts(opened, POLICY, withdrawn=named) as table:
            found = {row["pair_id"]: row["reason"] for row in table.to_pyarrow().to_pylist()}
        assert {pair_id for pair_id, reason in found.items() if reason is None} == left
        assert {*found.values()} <= {None, "revoked"}


def test_a_row_that_may_only_not_be_validated_on_is_trained_on() -> None:
    opened = open_sheet([pair(1), pair(2)])
    with verdicts(opened, POLICY) as table:
        hashes = {row["pair_id"]: row["row_hash"] for row in table.to_pyarrow().to_pylist()}
    barred = Withdrawn(rows=(("p-000001", hashes["p-000001"], True), ("p-000002", "of another text", False)))
    with verdicts(opened, POLICY, withdrawn=barred) as table:
        found = {row["pair_id"]: (row["reason"], row["may_validate"]) for row in table.to_pyarrow().to_pylist()}
    assert found == {"p-000001": (None, False), "p-000002": (None, True)}


def test_hashes_of_questions_stay_without_a_key_whatever_is_known_under_one() -> None:
    key = key_number(1)
    verdict = {"pair_id": "p-1", "row_hash": "a" * 64, "prompt_hash": "c" * 32, "item_ref": None}
    row = {**verdict, "canonical_label_id": None, "reason": None, "may_validate": True, "kept_id": None}
    judged = ibis.memtable(pa.Table.from_pylist([row], SCHEMA.append(pa.field("prompt_hash", pa.string()))))
    keyed = key.of("a" * 64)
    for withdrawn in (
        Withdrawn(named=(), rows=(), keyed=(("p-1", keyed, False),), barred=(), key=key),
        Withdrawn(named=(("row_hash", keyed),), rows=(), keyed=(), barred=(), key=key),
    ):
        (found,) = without_revoked(judged, withdrawn).to_pyarrow().to_pylist()
        assert (found["reason"], found["row_hash"], found["prompt_hash"]) == ("revoked", "a" * 64, "c" * 32)
