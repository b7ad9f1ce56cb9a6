from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.rules.examples.chat_format import word_of
from training_pipeline.schemas.sheet_import import ImportDryRun
from training_pipeline.sheets.files.source import SHEET_ID
from training_pipeline.web.imports.draft import OFFERED, TARGETS, ImportDraft, id_of, unknown_words, words_of


def found(**used: tuple[str, list[str]]) -> ImportDryRun:
    """A dry run in which columns of the sheet come from columns of the file, which have these values."""
    columns = [{"name": name, "values": values, "has_more_values": False} for name, values in used.values()]
    empty: dict[str, Any] = {key: {} for key in ("unused", "left_out", "unmapped")}
    empty |= {key: [] for key in ("first_rows", "problems", "open_questions", "worksheets")}
    empty |= {"replaces": False, "changes": None, "origin": None}
    texts = ("upload_id", "file", "kind", "kind_because", "format", "format_title", "format_because", "unit")
    empty |= dict.fromkeys(texts, "x") | dict.fromkeys(("rows", "pairs", "sound"), 1)
    sources = {target: [name] for target, (name, _) in used.items()}
    return ImportDryRun.model_validate({**empty, "is_ready": False, "columns": columns, "used": sources, "gates": None})


def test_a_column_of_words_of_its_own() -> None:
    seen = found(allowed_uses=("ok_for_training", ["yes", "no"]))
    draft = ImportDraft("triage", source="Cases", template="Desk").choose("allowed_uses", "column:ok_for_training")
    draft = draft.mean("allowed_uses", "yes", "training, validation").mean("allowed_uses", "no", "")
    draft = draft.choose("status", "every:labeled").choose("prohibited_uses", "every:none")
    draft = draft.ignore("notes", ignored=True)
    asked = draft.request(seen)
    assert asked.mapping.columns == {"allowed_uses": ["ok_for_training"]}
    assert asked.mapping.values == {"allowed_uses": {"yes": ["training", "validation"], "no": []}}
    assert (asked.status, asked.prohibit, asked.allow, asked.mapping.ignore) == ("labeled", ["none"], [], ["notes"])
    assert (asked.source and asked.source.id, asked.sheet_status) == ("Cases", "review")
    assert draft.mean("allowed_uses", "yes", None).request(seen).mapping.values == {"allowed_uses": {"no": []}}
    assert draft.choose("allowed_uses", "").request(seen).mapping.values == {}
    assert draft.ignore("notes", ignored=False).ignored == frozenset()


def test_how_a_file_is_read_and_what_it_replaces() -> None:
    asked = ImportDraft("x").request(None)
    assert (asked.mapping.format, asked.mapping.worksheet, asked.mapping.choose, asked.replace) == (
        *(None, None, None),
        False,
    )
    draft = ImportDraft("x", format="alpaca", worksheet="Answers", annotation="latest", replaces=True)
    asked = draft.request(None)
    assert (asked.mapping.format, asked.mapping.worksheet, asked.mapping.choose, asked.replace) == (
        *("alpaca", "Answers", "latest"),
        True,
    )


def test_a_context_stands_before_the_question_that_was_recognised() -> None:
    seen = found(question=("question", []))
    draft = ImportDraft("x").choose("context", "column:case")
    assert draft.request(seen).mapping.columns == {"question": ["case", "question"]}
    chosen = draft.choose("question", "column:ask")
    assert chosen.request(seen).mapping.columns == {"question": ["case", "ask"]}


def test_a_word_that_is_known_stays_what_it_is() -> None:
    seen = found(status=("state", ["Labeled", "ok", "rejected"]))
    assert words_of("status", seen) == ("Labeled", "ok", "rejected")
    assert unknown_words("status", seen) == ("ok",)
    asked = ImportDraft("x").mean("status", "ok", "labeled").request(seen)
    assert asked.mapping.values == {"status": {"ok": ["labeled"], "Labeled": ["labeled"], "rejected": ["rejected"]}}


@pytest.mark.parametrize("target", OFFERED)
def test_everything_that_is_offered_is_accepted(target: str) -> None:
    seen = found(**{target: ("column", ["w"])})
    for words in OFFERED[target]:
        ImportDraft("x").choose(target, f"every:{words}").request(seen).request()
        if words != "none":
            ImportDraft("x").mean(target, "w", words).request(seen).request()
    assert set(OFFERED) <= set(TARGETS)


@given(st.text(max_size=200))
def test_the_id_made_of_a_files_name_is_one(file: str) -> None:
    assert SHEET_ID.fullmatch(id_of(file))


@given(st.sampled_from(sorted(OFFERED)), st.lists(st.text(min_size=1, max_size=10), max_size=5))
def test_words_are_unknown_or_known(target: str, words: list[str]) -> None:
    seen = found(**{target: ("column", words)})
    assert set(unknown_words(target, seen)) <= set(words)
    assert all(word_of(word) for word in words if word not in unknown_words(target, seen))
