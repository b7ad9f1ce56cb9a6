from __future__ import annotations

import yaml

from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.sheets.columns import KNOWN_COLUMNS, column_problems, known_columns_hint
from training_pipeline.sheets.head import Head
from training_pipeline.testing.sheets.sheet_files import HEAD, ROW


def problems(*columns: str, head: str = HEAD) -> list[Problem]:
    named = dict.fromkeys(columns or ROW, 3)
    return list(column_problems(named, Head.model_validate(yaml.safe_load(head))))


def codes(*columns: str, head: str = HEAD) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in problems(*columns, head=head)]


def test_the_columns_of_a_sound_sheet_are_sound() -> None:
    assert problems() == []
    assert codes(*(set(ROW) - {"messages"}), "question", "answer", "system") == []


def test_an_unknown_column_is_named_with_the_one_that_was_meant() -> None:
    (found,) = problems(*ROW, "Usage Reason")
    assert (found.path, found.code, found.line) == ("Usage Reason", "unknown_column", 3)
    assert "did you mean 'usage_reason'?" in found.message
    assert "did you mean" not in problems(*ROW, "zzz")[0].message
    assert problems(*ROW, "zzz", head=f"{HEAD}ignored_columns: [zzz]\n") == []


def test_a_column_called_by_the_text_of_a_pair_is_not_shown() -> None:
    (found,) = problems(*ROW, "Is there a fracture?")
    assert (found.path, found.code) == ("(20 characters)", "unknown_column")
    assert "without the names of its columns" in found.message


def test_columns_that_differ_in_capitals_only_are_one_too_many() -> None:
    ignored = f"{HEAD}ignored_columns: [STATUS]\n"
    assert codes(*ROW, "STATUS", head=ignored) == [("STATUS", "repeated_column")]


def test_what_every_pair_needs_must_have_a_column_unless_there_is_a_default() -> None:
    assert codes("pair_id", "messages") == [
        ("item_ref", "missing_column"),
        ("status", "missing_column"),
        ("allowed_uses", "missing_column"),
    ]
    stated = f"{HEAD}defaults: {{allowed_uses: [training]}}\n"
    assert codes(*(set(ROW) - {"allowed_uses"}), head=stated) == []


def test_the_example_stands_in_messages_or_in_question_and_answer() -> None:
    others = set(ROW) - {"messages"}
    assert codes(*others) == [("messages", "missing_column")]
    assert codes(*others, "question") == [("answer", "missing_column")]
    assert codes(*ROW, "answer") == [("messages", "ambiguous_columns")]


def test_the_hint_names_every_known_column() -> None:
    assert all(name in known_columns_hint() for name in KNOWN_COLUMNS)
