"""Q&A pairs for tests: single rows, tables of them, open sheets, and strategies that make odd ones."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from hypothesis import strategies as st

from training_pipeline.domain.training_sheet import PAIR_SCHEMA, Reference, SheetStatus, TrainingSheet
from training_pipeline.sheets.base import OpenSheet

Row = dict[str, Any]
SCHEMA = PAIR_SCHEMA.to_pyarrow()


def chat(question: str, answer: str) -> list[dict[str, Any]]:
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
        **values,
    }


def arrow(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist([{name: row.get(name) for name in SCHEMA.names} for row in rows], SCHEMA)


def table(rows: list[Row]) -> ir.Table:
    """The rows in an engine of their own."""
    engine = ibis.duckdb.connect()
    return engine.create_table("pairs", arrow(rows))


def open_sheet(rows: list[Row], *, digest: str = "d" * 64, **head: Any) -> OpenSheet:
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


#: Mostly sound, so that the later rules have something to decide.
_uses = st.one_of(
    _of(["training", "validation"], ["training", "validation", "evaluation"], [" Training\n", "VALIDATION"]),
    _of(None, [], ["training"], ["evaluation"], ["testing"], ["few_shot"], ["training", "train"], ["training", None]),
)
_prohibited = st.one_of(
    _of([], []),
    _of(None, ["training"], ["Validation "], ["evaluation"], ["few_shot"], ["nonsense"], ["training,x"], [""], [None]),
)
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
        {"role": "assistant", "content": None, "tool_calls": '[{"id": "c1"}]'},
        {"role": "assistant", "content": None, "tool_calls": "[ ]"},
        {"role": "user", "content": "Weighed.", "weight": 1.0},
        {"role": "assistant", "content": "Heavy.", "weight": 0.5},
        {"role": "assistant", "content": "Named.", "name": "bot", "weight": 1.0},
        {"role": "wizard", "content": "Hm."},
        {"role": None, "content": "Who?"},
    ),
)
_messages = st.one_of(
    st.builds(chat, _question, _of("An invoice.", "A valve.")),
    st.builds(chat, _question, _of("An invoice.", "A valve.")),
    st.builds(
        lambda rest: [{"role": "system", "content": "Be brief."}, *rest], st.builds(chat, _question, _of("Yes."))
    ),
    st.lists(_message, max_size=4),
    st.none(),
)
_class = st.one_of(_of("internal", "Public "), _of(None, "", "secret", "restricted"))

odd_pairs: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {
        "pair_id": st.one_of(st.integers(0, 60).map("p-{:02d}".format), _of(None, "", " \u3000", "p-01")),
        "messages": _messages,
        "item_ref": st.one_of(st.integers(0, 12).map("item-{}".format), _of(" item-1 ", None, " ")),
        "status": st.one_of(
            _of("labeled", "approved", " Edited"), _of(None, "", "pending", "rejected", "flagged", "done")
        ),
        "allowed_uses": _uses,
        "prohibited_uses": _prohibited,
        "usage_reason": _of(None, "PHI", " "),
        "data_classification": _class,
        "canonical_label_id": st.one_of(st.none(), st.integers(0, 5).map("label-{}".format), _of("")),
        "label_allowed_uses": st.one_of(st.none(), st.none(), _uses),
        "label_prohibited_uses": st.one_of(st.none(), st.none(), _prohibited),
        "label_data_classification": st.one_of(st.none(), _class),
        "label_usage_reason": _of(None, "label says so"),
        "reviewed_by": _of("ana", "ben", None),
    }
)
odd_sheets = st.lists(odd_pairs, max_size=14)


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
