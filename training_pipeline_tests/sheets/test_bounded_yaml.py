from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.sheets.bounded_yaml import DEEPEST, LARGEST, MOST_VALUES, BrokenYaml, load, unstorable
from training_pipeline.testing.oracles.sheet_oracle import Libyaml

#: 9 levels of 9 uses each: 387 million values in 600 bytes.
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
#: More digits than Python writes out.
HUGE = "0x" + "f" * 3600
MERGED = "a0: &a0 {x: 1}\n" + "".join(
    f"a{level}: &a{level} {{<<: [{','.join([f'*a{level - 1}'] * 9)}]}}\n" for level in range(1, 10)
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=8,
)
#: Pieces of YAML's grammar, which make documents that are nearly sound.
PIECES = (
    st.sampled_from("-[]{}x1'\"#=~%")
    | st.sampled_from(
        ["a: ", "b:\n", "- ", "  ", "\n", ", ", "&x ", "*x", "!!int ", "!!set ", "!!timestamp ", "!!omap ", "<<: "]
    )
    | st.sampled_from(["<<", "&m {", "<<: *m"])
    | st.sampled_from(["2026-02-30", ".nan", "? ", "|\n", "---\n", "\\ud800", "\\0", "!<y> ", HUGE])
)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a: 1\ncreated_at: 2026-02-30", "is no timestamp, though its form or its tag says so", 2),
        ("a: {d: 2026-13-01}", "is no timestamp", 1),
        ("a: !!int x", "is no int", 1),
        ("a: !!bool 3", "is no bool", 1),
        (f"a: {'9' * 5000}", "is a number of more than 1,000 characters; put it in quotes", 1),
        ("a: &m {x: *m}", "the anchor 'm' holds itself", 1),
        ("a: &m [1, &n [*m]]", "the anchor 'm' holds itself", 1),
        (BOMB, f"has more than {MOST_VALUES:,} values", 5),
        ("a: &a {x: 1}\nb: {<<: 3}", "expected a mapping or list of mappings for merging", 2),
        ("a: &a {x: 1}\nb: {<<: *a,\n <<: *a}", "the key '<<' appears twice", 3),
        (MERGED, f"has more than {MOST_VALUES:,} values", 5),
        ("a: 1\nb: 2\na: 3", "the key 'a' appears twice", 3),
        ("a: {1: x, 1: y}", "the key 1 appears twice", 1),
        (f"? {HUGE}\n: 1", "is a number of more than 1,000 characters; put it in quotes", 1),
        ("[" * 5000, f"is nested deeper than {DEEPEST} levels", 1),
        ("- " * 5000, f"is nested deeper than {DEEPEST} levels", 1),
        ("x: [" + "y," * MOST_VALUES, f"has more than {MOST_VALUES:,} values", 1),
        ("a: b\n" + "#" * LARGEST, "is larger than 256 KiB", None),
    ],
)
def test_what_is_beyond_the_bounds_has_one_reason_and_a_place(text: str, message: str, line: int | None) -> None:
    with pytest.raises(BrokenYaml) as caught:
        load(text.encode())
    assert message in caught.value.message
    assert caught.value.line == line


def test_what_nothing_foresaw_is_a_broken_document_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(yaml.SafeLoader, "construct_document", fail)
    failure: Exception = LookupError("of what stands there")
    with pytest.raises(BrokenYaml) as caught:
        load(b"a: 1")
    assert caught.value.message == "cannot be read (LookupError)"
    failure = MemoryError()
    with pytest.raises(MemoryError):
        load(b"a: 1")


def test_an_anchor_may_be_used_where_it_does_not_multiply() -> None:
    assert load(b"a: &a [1, 2]\nb: *a\nc: *a") == {"a": [1, 2], "b": [1, 2], "c": [1, 2]}


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("a: &m {x: 1, y: 1}\nb: {<<: *m, y: 2}", {"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 2}}),
        ("a: &m {x: 1}\nb: {y: 2, <<: [*m, {z: 3}]}", {"a": {"x": 1}, "b": {"x": 1, "y": 2, "z": 3}}),
        # b is made before the mapping that it merges, in which x stands once, and once more by its own merge
        (
            "m: &m {x: 0}\np: {q: &a {<<: *m, x: 1}}\nb: {<<: *a}",
            {"m": {"x": 0}, "p": {"q": {"x": 1}}, "b": {"x": 1}},
        ),
        ("a: =\nb: [<<, '<<']\n=: 1", {"a": "=", "b": ["<<", "<<"], "=": 1}),
    ],
)
def test_merge_keys_merge_and_their_signs_are_text_elsewhere(text: str, document: object) -> None:
    assert load(text.encode()) == document


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=20).map("".join))
def test_whatever_is_written_is_loaded_or_refused(text: str) -> None:
    try:
        document = load(text.encode())
    except BrokenYaml:
        return
    if not list(unstorable(document)):
        json.dumps(document, allow_nan=False, default=str).encode()
        assert document == yaml.load(text, Loader=Libyaml)


@settings(max_examples=200, deadline=None)
@given(PLAIN)
def test_plain_data_comes_back_and_what_cannot_be_stored_is_named(value: object) -> None:
    document = load(yaml.safe_dump(value).encode())
    problems = list(unstorable(document))
    if not problems:
        stored = json.dumps(document, allow_nan=False, ensure_ascii=False, default=str).encode()
        assert b"\\u0000" not in stored
    for pointer, reason in problems:
        (pointer + reason).encode()


@pytest.mark.parametrize(
    ("value", "pointer", "reason"),
    [
        ({"a": ["x", "\ud800"]}, "/a/1", "must not contain half of a surrogate pair"),
        ({"a/b": {"c~": "a\0b"}}, "/a~1b/c~0", "must not contain the character NUL"),
        ({"\ud800": 1}, "", "has a key that must not contain half of a surrogate pair"),
        ({"a": {1: 2}}, "/a", "has the key 1, which is not text"),
        ({"a": {10**5000: 2}}, "/a", "has the key of the type int, which is not text"),
        ({"a": float("nan")}, "/a", "is not a finite number"),
        ({"a": -(2**63) - 1}, "/a", "is a number beyond 64 bits"),
        ({"a": b"x"}, "/a", "is of the type bytes"),
        ({"a": {"x"}}, "/a", "is of the type set"),
    ],
)
def test_what_cannot_be_stored_has_a_place(value: object, pointer: str, reason: str) -> None:
    ((found, why),) = unstorable(value)
    assert (found, reason in why) == (pointer, True)


@pytest.mark.parametrize(
    "text",
    [
        "a: {" + ", ".join(f"k{n}: 1" for n in range(4000)) + "}",
        "a: " + "b c " * 60_000,
        "a: [" + "\n" * 200_000,
        "a: '" + "''" * 120_000 + "'",
        "a: 1" + ":1" * 130_000,  # in base 60
        "a: !!float 1" + ":1" * 120_000,
        "a: [" + f"1{':1' * 499}, " * 260 + "]",
        "a: {" + f"? 1{':1' * 499} \n" * 250 + "}",
        "? " * 100_000,
        "&a " * 80_000,
    ],
)
def test_the_largest_documents_take_seconds_at_most(text: str) -> None:
    started = time.process_time()
    with suppress(BrokenYaml):
        load(text.encode())
    assert time.process_time() - started < 5
