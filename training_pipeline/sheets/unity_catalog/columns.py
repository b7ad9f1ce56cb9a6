"""A table of pairs as a warehouse sees it: which column is which, and the SELECT that turns them into `PAIR_SCHEMA`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp
from sqlglot.errors import SqlglotError

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.sheets.columns import QUESTION_ANSWER, TEXT_COLUMNS
from training_pipeline.sheets.pair_columns import pair_expressions
from training_pipeline.sheets.unity_catalog import fragments

#: The column that says which training sheet a pair belongs to.
SHEET_ID: Final = "training_sheet_id"
#: What we look for, and by which names, where the settings name no column. The first that there is counts.
PAIR_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    SHEET_ID: (SHEET_ID,),
    **{name: (name,) for name in (*PAIR_SCHEMA, *QUESTION_ANSWER)},
    "pair_id": ("pair_id", "qa_pair_id", "id"),
    "status": ("status", "review_status"),
}
_TYPE: Final = exp.DataType.Type
_NUMBERS: Final = {_TYPE.FLOAT, _TYPE.DOUBLE, _TYPE.TINYINT, _TYPE.SMALLINT, _TYPE.INT, _TYPE.BIGINT, _TYPE.DECIMAL}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table: the name that each thing has there, and the types by that name."""

    names: Mapping[str, str]
    types: Mapping[str, exp.DataType]

    def type(self, thing: str) -> exp.DataType:
        """The type of the column that holds `thing`."""
        return self.types[self.names[thing]]

    def quoted(self, thing: str) -> str:
        """The column that holds `thing`, in backticks."""
        return fragments.column_of(self.names[thing])

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def text(self, name: str) -> str:
        """See `PairColumns`; the same text in every session."""
        column = self.quoted(name)
        match self.type(name).this:
            case _TYPE.VARIANT:
                return fragments.text(column)
            case _TYPE.TIMESTAMP | _TYPE.TIMESTAMPTZ | _TYPE.TIMESTAMPLTZ:
                return fragments.utc(column)
            case _TYPE.TIMESTAMPNTZ:
                return fragments.local(column)
            case _:
                return f"CAST({column} AS STRING)"

    def stated(self, name: str) -> str:
        """See `PairColumns`."""
        column = self.quoted(name)
        return fragments.stated(column) if self.type(name).this is _TYPE.VARIANT else column

    def words(self, name: str) -> str:
        """See `PairColumns`."""
        column, kind = self.quoted(name), self.type(name)
        if kind.this is _TYPE.VARIANT:
            return fragments.words(column)
        if kind.this is _TYPE.ARRAY and kind.expressions and kind.expressions[0].this in exp.DataType.TEXT_TYPES:
            return f"CASE WHEN size(filter({column}, e -> e IS NULL)) = 0 THEN {column} END"
        if kind.this in exp.DataType.TEXT_TYPES:
            # As a list of one, so that the text is parsed once.
            return f"transform(array({fragments.from_json(column)}), v -> {fragments.words('v')})[0]"
        return "CAST(NULL AS ARRAY<STRING>)"

    def messages(self) -> str:
        """See `PairColumns`."""
        return _question_answer(self) if "messages" not in self else str(_messages(self))

    def tools(self) -> str:
        """See `PairColumns`."""
        column, kind = self.quoted("tools"), self.type("tools").this
        if kind is _TYPE.VARIANT:
            text = fragments.from_json(fragments.string(column))
            given = f"CASE WHEN schema_of_variant({column}) = 'STRING' THEN {text} ELSE {column} END"
        elif kind in exp.DataType.TEXT_TYPES:
            given = fragments.from_json(column)
        elif kind in {_TYPE.ARRAY, _TYPE.STRUCT, _TYPE.MAP}:
            given = fragments.parsed(f"to_json({column})")
        else:
            return f"CASE WHEN {column} IS NOT NULL THEN '' END"
        # As a list of one, so that the text is parsed once.
        return f"CASE WHEN {column} IS NOT NULL THEN transform(array({given}), v -> {fragments.objects('v')})[0] END"

    def text_literal(self, text: str | None) -> str:
        """See `PairColumns`; raises `ValueError` for characters that are not plain ASCII."""
        return "CAST(NULL AS STRING)" if text is None else fragments.literal(str(text))

    def words_literal(self, words: Sequence[str] | None) -> str:
        """See `PairColumns`; raises `ValueError` as `text_literal` does."""
        return "CAST(NULL AS ARRAY<STRING>)" if words is None else fragments.texts(list(words))


def columns_of(
    table: Mapping[str, str],
    names: Mapping[str, tuple[str, ...]],
    chosen: Mapping[str, str],
    *,
    setting: str,
) -> Columns | list[Problem]:
    """Find each thing of `names` among the columns of `table` (name to type), or every problem there is.

    `chosen` names columns by hand, as `setting` does. Two columns that both could be it are a problem, not a guess.
    """
    problems = [
        Problem(
            thing, "unknown_column", f"is nothing that {setting} can name a column for; known are {', '.join(names)}"
        )
        for thing in chosen
        if thing not in names
    ]
    found: dict[str, str] = {}
    lower = {column.lower(): column for column in table}
    for thing, candidates in names.items():
        if thing in chosen:
            if chosen[thing].lower() not in lower:
                problems.append(
                    Problem(chosen[thing], "missing_column", f"is missing, and {setting} names it for {thing}")
                )
            else:
                found[thing] = lower[chosen[thing].lower()]
            continue
        there = [lower[name] for name in candidates if name in lower and lower[name] not in chosen.values()]
        if len(there) > 1 and thing == "status":
            both = f"cannot be combined with {there[1]}: say by {setting} which of them is the expert's review"
            problems.append(Problem(there[0], "ambiguous_columns", both))
        elif there:
            found[thing] = there[0]
    types: dict[str, exp.DataType] = {}
    for column in set(found.values()):
        try:
            types[column] = exp.DataType.build(table[column], dialect="databricks")
        except SqlglotError:
            problems.append(Problem(column, "wrong_type", f"has the type {table[column]}, which is not supported"))
    return problems or Columns(found, types)


def text_columns(table: Iterable[str], chosen: Mapping[str, str]) -> list[str]:
    """Those columns of a table of pairs that hold, or could hold, the text of examples."""
    things = ("messages", "tools", *QUESTION_ANSWER)
    names = {name.lower() for thing in things for name in (*PAIR_NAMES[thing], chosen.get(thing, ""))}
    return [column for column in table if column.lower() in names]


def pair_problems(columns: Columns, defaults: Mapping[str, Any]) -> list[Problem]:
    """What keeps these columns from making pairs."""
    there = columns.names
    problems = [
        Problem(name, "missing_column", "is missing; every pair needs it, and it has no default")
        for name in (SHEET_ID, "pair_id", "item_ref", "status")
        if name not in there
    ]
    if "allowed_uses" not in there and "allowed_uses" not in defaults:
        wanted = "is missing; without it nothing may be trained on"
        problems.append(Problem("allowed_uses", "missing_column", wanted))
    pair = [name for name in QUESTION_ANSWER if name in there]
    if "messages" in there and pair:
        both = f"cannot be combined with {', '.join(pair)}: use either messages or question and answer"
        problems.append(Problem("messages", "ambiguous_columns", both))
    elif "messages" not in there and not {"question", "answer"} <= set(there):
        problems.append(Problem("messages", "missing_column", "is missing; or give question and answer instead"))
    nested = {_TYPE.ARRAY, _TYPE.STRUCT, _TYPE.MAP, _TYPE.BINARY}
    for name in TEXT_COLUMNS:
        if name in there and columns.type(name).this in nested:
            problems.append(
                Problem(there[name], "wrong_type", f"is {columns.type(name).sql('databricks')}; expected text")
            )
    if "messages" in there and _messages(columns) is None:
        kind = columns.type("messages").sql("databricks")
        wanted = "expected an array of structs with role and content, VARIANT, or JSON text"
        problems.append(Problem(there["messages"], "wrong_type", f"is {kind}; {wanted}"))
    return problems


def select_pairs(columns: Columns, defaults: Mapping[str, Any], relation: str) -> str:
    """The SELECT that yields exactly `PAIR_SCHEMA` from `relation`; the parameter `sheet_id` says of which sheet.

    Defaults fill missing columns, never a null or malformed value.
    """
    made = pair_expressions(columns, defaults)
    selected = ", ".join(f"{made[name]} AS {fragments.column_of(name)}" for name in PAIR_SCHEMA)
    # Both sides as plain strings: a collation of the column must not make two ids one.
    wanted = f"CAST({columns.quoted(SHEET_ID)} AS STRING) = :sheet_id"
    return f"SELECT {selected} FROM {relation} WHERE {wanted}"  # noqa: S608 - quoted names and literals of our own


def words_json(columns: Columns, thing: str) -> str:
    """The column that holds a list of words, as JSON text; null where it is no such list."""
    return f"to_json({columns.words(thing)})"


def _messages(columns: Columns) -> str | None:
    column, kind = columns.quoted("messages"), columns.type("messages")
    if kind.this is _TYPE.VARIANT:
        return fragments.messages(column)
    if kind.this in exp.DataType.TEXT_TYPES:
        # As a list of one, so that the text is parsed once.
        return f"transform(array({fragments.from_json(column)}), v -> {fragments.messages('v')})[0]"
    item = kind.expressions[0] if kind.this is _TYPE.ARRAY and kind.expressions else None
    if not isinstance(item, exp.DataType) or item.this is not _TYPE.STRUCT:
        return None
    fields = {field.name.lower(): field.args["kind"] for field in item.expressions}
    if not all(
        fields.get(name, exp.DataType(this=_TYPE.NULL)).this in exp.DataType.TEXT_TYPES for name in ("role", "content")
    ):
        return None
    made = fragments.message(
        "m.role",
        "m.content",
        _struct_text(fields, "name"),
        _struct_weight(fields),
        _struct_calls(fields),
        _struct_text(fields, "tool_call_id"),
    )
    return f"CASE WHEN size(filter({column}, m -> m IS NULL)) = 0 THEN transform({column}, m -> {made}) END"


def _struct_text(fields: Mapping[str, exp.DataType], name: str) -> str:
    if name in fields and fields[name].this in exp.DataType.TEXT_TYPES:
        return f"m.{name}"
    return "CAST(NULL AS STRING)"


def _struct_weight(fields: Mapping[str, exp.DataType]) -> str:
    if "weight" not in fields:
        return "CAST(NULL AS DOUBLE)"
    if fields["weight"].this in _NUMBERS:
        return "CAST(m.weight AS DOUBLE)"
    return "CASE WHEN m.weight IS NOT NULL THEN -1.0D END"


def _struct_calls(fields: Mapping[str, exp.DataType]) -> str:
    if "tool_calls" not in fields:
        return "CAST(NULL AS STRING)"
    kind = fields["tool_calls"].this
    if kind is _TYPE.VARIANT:
        given = "m.tool_calls"
    elif kind in exp.DataType.TEXT_TYPES:
        given = fragments.from_json("m.tool_calls")
    else:
        given = fragments.parsed("to_json(m.tool_calls)")
    return f"CASE WHEN m.tool_calls IS NOT NULL THEN transform(array({given}), c -> {fragments.calls('c')})[0] END"


def _question_answer(columns: Columns) -> str:
    nothing = "CAST(NULL AS STRING)"

    def said(column: str, role: str) -> str:
        is_text = columns.type(column).this in exp.DataType.TEXT_TYPES
        content = columns.quoted(column) if is_text else nothing
        return fragments.message(fragments.literal(role), content, nothing, "CAST(NULL AS DOUBLE)", nothing, nothing)

    made = [said(column, role) for column, role in QUESTION_ANSWER.items() if column in columns.names]
    whole, pair = f"array({', '.join(made)})", f"array({', '.join(made[-2:])})"
    if "system" not in columns.names:
        return pair
    return f"CASE WHEN {columns.quoted('system')} IS NULL THEN {pair} ELSE {whole} END"
