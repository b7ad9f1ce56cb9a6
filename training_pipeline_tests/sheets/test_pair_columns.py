from __future__ import annotations

from collections.abc import Collection, Sequence

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.sheets.pair_columns import pair_expressions


class Spelled:
    """Columns of an engine that only says what it was asked for."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = names

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def text(self, name: str) -> str:
        return f"text({name})"

    def stated(self, name: str) -> str:
        return f"stated({name})"

    def words(self, name: str) -> str:
        return f"words({name})"

    def messages(self) -> str:
        return "messages()"

    def tools(self) -> str:
        return "tools()"

    def text_literal(self, text: str | None) -> str:
        return "NULL" if text is None else f"'{text}'"

    def words_literal(self, words: Sequence[str] | None) -> str:
        return "NULL" if words is None else f"[{', '.join(words)}]"


def test_every_column_of_a_pair_has_an_expression_in_its_order() -> None:
    made = pair_expressions(Spelled(()), {"status": "labeled", "allowed_uses": ["training"]})
    assert list(made) == list(PAIR_SCHEMA)
    assert made["messages"] == "messages()"
    assert (made["status"], made["allowed_uses"]) == ("'labeled'", "[training]")
    assert set(made.values()) == {"messages()", "'labeled'", "[training]", "NULL"}


def test_tool_definitions_are_a_column_of_their_own() -> None:
    assert pair_expressions(Spelled({"tools"}), {})["tools"] == "tools()"


def test_a_default_fills_a_missing_column_and_never_a_null_or_malformed_value() -> None:
    stated = {"status": "labeled", "prohibited_uses": ["few_shot"]}
    made = pair_expressions(Spelled({"status", "prohibited_uses"}), stated)
    assert (made["status"], made["prohibited_uses"]) == ("text(status)", "words(prohibited_uses)")
    made = pair_expressions(Spelled(()), stated)
    assert (made["status"], made["prohibited_uses"]) == ("'labeled'", "[few_shot]")


def test_a_constraint_of_a_label_that_cannot_be_read_denies() -> None:
    made = pair_expressions(Spelled({"label_prohibited_uses", "allowed_uses"}), {})
    assert made["allowed_uses"].startswith(
        "CASE WHEN NOT ((stated(label_prohibited_uses) IS NOT NULL AND words(label_prohibited_uses) IS NULL)) THEN "
    )
