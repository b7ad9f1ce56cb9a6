"""Q&A pairs for tests: single rows, tables of them, open sheets, and strategies that make odd ones."""

from __future__ import annotations

from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from hypothesis import strategies as st

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.training_sheet import Reference, SheetStatus, TrainingSheet
from training_pipeline.sheets.base import OpenSheet

Row = dict[str, Any]
SCHEMA = PAIR_SCHEMA.to_pyarrow()


def chat(question: str, answer: str) -> list[dict[str, Any]]:
    """A question and its answer as messages."""
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def pair(number: int, **values: Any) -> Row:
    """A pair that passes both gates and is unrelated to those with other numbers."""
    return {
        "pair_id": f"p-{number:06d}",
        "messages": chat(f"Question {number}?", f"Answer {number}."),
        "item_ref": f"item-{number}",
        "status": "labeled",
        "allowed_uses": ["training", "validation"],
        "prohibited_uses": [],
        "data_classification": "internal",
        "reviewed_by": "grace",
        "constraints_set_by": "sam",
        **values,
    }


def arrow(rows: list[Row]) -> pa.Table:
    """The rows with all columns of a sheet; what a row leaves out is null."""
    return pa.Table.from_pylist([{name: row.get(name) for name in SCHEMA.names} for row in rows], SCHEMA)


def table(rows: list[Row]) -> ir.Table:
    """The rows in an engine of their own."""
    engine = ibis.duckdb.connect()
    return engine.create_table("pairs", arrow(rows))


def open_sheet(rows: list[Row], *, digest: str = "d" * 64, **head: Any) -> OpenSheet:
    """An approved sheet with these pairs; `head` replaces fields of its head."""
    facts: dict[str, Any] = {
        "id": "sheet-1",
        "name": "A sheet",
        "status": SheetStatus.APPROVED,
        "source_sheet": Reference(id="source"),
        "prompt_template": Reference(id="template", version="v1"),
    }
    return OpenSheet(sheet=TrainingSheet(**{**facts, **head}), digest=digest, pairs=table(rows))


def _of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


_USES: Final[tuple[Any, ...]] = (
    *(["training", "validation"], [" Training\n", "VALIDATION"], ["training"], ["evaluation", "few_shot"], ["testing"]),
    *(None, [], ["training", "train"], ["evaluation", None], ["training,validation"]),
)
_PROHIBITED: Final[tuple[Any, ...]] = (
    *([], ["training"], ["Validation "], ["evaluation"], ["few_shot"], [" TRAINING", "testing"]),
    *(None, ["nonsense"], ["training,x"], [""], [None]),
)
_CLASSES: Final = ("restricted", "Public ", None, "", "secret")
#: What a column may hold that is odd in one way or another, or just rare.
ODD: Final[dict[str, tuple[Any, ...]]] = {
    "tools": ('[{"name":"look"}]', '[{"name":"look","parameters":{"Ä":null}},{"name":"}"}]', ""),
    "status": ("approved", " Edited", "rejected", "flagged", None, "", "pending", "done"),
    "allowed_uses": _USES,
    "prohibited_uses": _PROHIBITED,
    "usage_reason": ("PHI", " "),
    "data_classification": _CLASSES,
    "label_allowed_uses": _USES,
    "label_prohibited_uses": _PROHIBITED,
    "label_data_classification": _CLASSES,
    "label_usage_reason": ("label says so",),
}
_question = _of("What is it?", "what  IS\u3000it ?", "What is\x1fit?", "Why?", "Wo ist Ärger?", "wo ist\närger?")
_answer = st.one_of(_of("An invoice.", "A valve."), _of("", " \u2003", None))
_message = st.one_of(
    st.builds(lambda text: {"role": "user", "content": text}, _question),
    st.builds(
        lambda text, weight: {"role": "assistant", "content": text, "weight": weight}, _answer, _of(None, None, 0.0)
    ),
    _of(
        {"role": "system", "content": "Be brief."},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
        {"role": "assistant", "content": None, "tool_calls": '[{"id":"c1","function":{"name":"look"}}]'},
        {"role": "assistant", "content": None, "tool_calls": "[]"},
        {"role": "user", "content": "Weighed.", "weight": 1.0},
        {"role": "assistant", "content": "Heavy.", "weight": 0.5},
        {"role": "assistant", "content": "Named.", "name": "bot", "weight": 1.0},
        {"role": "wizard", "content": "Hm."},
        {"role": None, "content": "Who?"},
    ),
)
_odd: dict[str, st.SearchStrategy[Any]] = {
    "pair_id": _of(None, "", " \u3000", "p-01", "p-02"),
    "messages": st.one_of(st.lists(_message, max_size=4), st.none()),
    "item_ref": _of(" item-1 ", None, " ", "\u2003"),
    **{name: _of(*values) for name, values in ODD.items()},
}


@st.composite
def _odd_pair(draw: st.DrawFn) -> Row:
    """Sound but for at most two fields, so that the later rules have something to decide."""
    system = [{"role": "system", "content": "Be brief."}] * draw(_of(0, 0, 0, 1))
    label = draw(st.integers(0, 12))
    row = {
        **pair(0),
        "pair_id": f"p-{draw(st.integers(0, 400)):02d}",
        "messages": [*system, *chat(draw(_question), draw(_of("An invoice.", "A valve.", "A valve!")))],
        "item_ref": f"item-{draw(st.integers(0, 8))}",
        "canonical_label_id": f"label-{label}" if label < 6 else draw(_of(None, "")),
        "allowed_uses": draw(_of(["training", "validation"], ["training", "validation"], ["training"], ["testing"])),
        "reviewed_by": draw(_of("ana", "ben", None)),
    }
    for name in draw(st.lists(st.sampled_from(sorted(_odd)), max_size=2)):
        row[name] = draw(_odd[name])
    return row


odd_pairs = _odd_pair()
odd_sheets = st.lists(odd_pairs, max_size=12)


def eligible_pairs(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Row]:
    """Pairs that pass both gates, related in many ways."""
    return st.builds(
        lambda number, item, label, question, validated: pair(
            number,
            item_ref=f"item-{item}",
            canonical_label_id=None if label > 6 else f"label-{label}",
            messages=chat(f"Question {question}?", f"Answer {number}."),
            allowed_uses=["training", "validation"] if validated else ["training"],
        ),
        numbers,
        st.integers(0, 40),
        st.integers(0, 30),
        st.integers(0, 40),
        st.integers(0, 9).map(bool),
    )
