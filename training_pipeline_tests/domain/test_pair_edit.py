from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.pair_edit import PairEdit, PairFacts, edited, faults, restored, row_hash, told
from training_pipeline.domain.usage import STRICTNESS, DataClassification, Status, Use, constraints_from_tags
from training_pipeline.sheets.importing.stored import UNREAD
from training_pipeline.testing.oracles import oracle, text_oracle
from training_pipeline.testing.oracles.judge import Judge
from training_pipeline.testing.sheets.pairs import Row, chat, pair
from training_pipeline.testing.soak import examples

AT = "2026-11-28T12:00:00+00:00"
#: Lists of uses as sources have them: none, in odd letters, with words that nobody knows.
LISTS = st.none() | st.lists(
    st.sampled_from([*map(str, Use), " Training ", "VALIDATION\n", "train", UNREAD]), max_size=4
)
CLASSES = st.none() | st.sampled_from([*map(str, DataClassification), "secret", " Restricted "])
TAGS = st.lists(st.sampled_from(["PII", "phi", "Confidential", "other"]), max_size=2)
EDITS = st.builds(
    PairEdit,
    status=st.none() | st.sampled_from(Status),
    allowed_uses=st.none() | st.lists(st.sampled_from(Use), max_size=4).map(tuple),
    prohibited_uses=st.none() | st.lists(st.sampled_from(Use), max_size=4).map(tuple),
    usage_reason=st.none() | st.just("because"),
    data_classification=st.none() | st.sampled_from(DataClassification),
)


@st.composite
def labelled(draw: st.DrawFn, number: int = 1) -> Row:
    """A pair with whatever its source and its label say of its uses."""
    return pair(
        number,
        allowed_uses=draw(LISTS),
        prohibited_uses=draw(LISTS),
        data_classification=draw(CLASSES),
        label_allowed_uses=draw(LISTS),
        label_prohibited_uses=draw(LISTS),
        label_data_classification=draw(CLASSES),
        constraints_set_by=None,
    )


def bounds(row: Row, tags: list[str]) -> set[str]:
    """The uses that label and tags leave open, in the oracle's words."""
    of_label = oracle.words(row["label_allowed_uses"]) if row["label_allowed_uses"] is not None else oracle.USES
    closed = oracle.words(row["label_prohibited_uses"]).union(*(oracle.TAGGED.get(tag.upper(), set()) for tag in tags))
    unread = (of_label | oracle.words(row["label_prohibited_uses"])) - oracle.USES
    return set() if unread else of_label - closed


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


@given(data=st.data())
@settings(max_examples=examples(10))
def test_no_edit_opens_what_label_or_tags_close(judge: Judge, data: st.DataObject) -> None:
    """Whatever is edited however often, checked or not: the gates let no pair through that label or tags hold back."""
    tags = data.draw(TAGS)
    rows = [data.draw(labelled(number)) for number in range(12)]
    after = rows
    for _ in range(2):
        after = [edited(row, data.draw(EDITS), actor="sam", at=AT) for row in after]
    verdicts = {verdict["pair_id"]: verdict for verdict in judge(after, tags)}
    for row in rows:
        open_uses = bounds(row, tags)
        verdict = verdicts[row["pair_id"]]
        assert verdict["reason"] is not None or "training" in open_uses
        assert not verdict["may_validate"] or "validation" in open_uses


@given(labelled(), EDITS, TAGS)
def test_an_edit_that_is_let_pass_says_nothing_that_label_or_tags_deny(
    row: Row, edit: PairEdit, tags: list[str]
) -> None:
    found = list(faults(row, edit, constraints_from_tags(tags)))
    before, after = PairFacts.of(row).open_uses, PairFacts.of(edited(row, edit, actor="sam", at=AT)).open_uses
    touched = edit.allowed_uses is not None or edit.prohibited_uses is not None
    asked = (after - before) | (after & set(map(str, edit.allowed_uses or ())))
    beyond = (asked - bounds(row, tags)) & oracle.USES if touched else set()
    told_of = {message.partition(":")[0] for field, code, message in found if field != "data_classification"}
    assert beyond == {one for one in told_of if one in oracle.USES and "both" not in one}
    if edit.data_classification is not None and not any(field == "data_classification" for field, *_ in found):
        label = text_oracle.word(row["label_data_classification"])
        assert not label or STRICTNESS.index(edit.data_classification) >= oracle.CLASSES.index(label)


@given(labelled(), EDITS)
def test_who_decides_is_on_record(row: Row, edit: PairEdit) -> None:
    after = edited(row, edit, actor="sam", at=AT)
    was, now = PairFacts.of(row), PairFacts.of(after)
    constraints = ("allowed_uses", "prohibited_uses", "usage_reason", "data_classification")
    if any(getattr(was, name) != getattr(now, name) for name in constraints):
        assert (now.constraints_set_by, now.constraints_set_at) == ("sam", AT)
    if was.status != now.status:
        assert (now.reviewed_by, now.reviewed_at) == ("sam", AT)
    assert {name for name in row if name.startswith("label_") and row[name] != after[name]} == set()
    since = {name: "another" for name in row if name.startswith("label_") or name in {"item_ref", "canonical_label_id"}}
    back_again = restored({**after, **since}, row, actor="eve", at="later")
    assert {name: back_again[name] for name in since} == since  # what is no edit's is not undone
    back = PairFacts.of(back_again)
    if back.open_uses - now.open_uses:
        assert back.constraints_set_by == "eve"
        assert back.model_copy(update={"constraints_set_by": None, "constraints_set_at": None}) == was.model_copy(
            update={"constraints_set_by": None, "constraints_set_at": None}
        )
    else:
        assert back == was


@pytest.mark.parametrize(
    ("messages", "tools"),
    [
        (chat("Grüße\n\t\x01\u2028?", '"ja" \\ 😀'), None),
        (
            [
                {"role": "assistant", "tool_calls": '[{"id":"1","function":{"name":"f"}}]', "weight": 0.0, "name": "n"},
                {"role": "tool", "content": "x", "tool_call_id": "1"},
                {"role": "assistant", "content": "y", "weight": 1.0},
            ],
            '[{"type":"function","function":{"name":"f"}}]',
        ),
    ],
)
def test_the_hash_is_that_of_datasets(judge: Judge, messages: list[dict[str, Any]], tools: str | None) -> None:
    row = pair(1, messages=[{name: message.get(name) for name in oracle.FIELDS} for message in messages], tools=tools)
    (hashed,) = judge.hashed([row])
    assert row_hash(row) == hashed["row_hash"] is not None
    assert row_hash({"messages": []}) is row_hash({}) is None


def test_what_changed_is_told_without_text() -> None:
    row = pair(1, usage_reason=None)
    edit = PairEdit(status=Status.REJECTED, answer="secret", allowed_uses=(), usage_reason="consent withdrawn")
    before, after = PairFacts.of(row), PairFacts.of(edited(row, edit, actor="sam", at=AT))
    assert told(before, after) == (
        "status labeled to rejected; answer edited; allowed uses training, validation to none; "
        "usage reason not stated to consent withdrawn"
    )
    assert told(before, before) == "confirmed as it was"
    assert hashlib.sha256(b"").hexdigest() != after.row_hash
    assert "secret" not in after.model_dump_json()


def test_an_answer_that_cannot_be_edited() -> None:
    tags = constraints_from_tags([])
    question = pair(1, messages=chat("q", "a")[:1])
    assert [code for _, code, _ in faults(question, PairEdit(answer="a"), tags)] == ["no_answer"]
    assert [code for _, code, _ in faults(pair(1), PairEdit(answer="a\0"), tags)] == ["unstorable"]
    assert [code for _, code, _ in faults(pair(1, messages=None), PairEdit(answer=""), tags)] == [
        "no_answer",
        "missing_content",
    ]
    both = PairEdit(allowed_uses=(Use.TESTING,), prohibited_uses=(Use.TESTING,))
    assert [code for _, code, _ in faults(pair(1), both, tags)] == ["also_prohibited"]
