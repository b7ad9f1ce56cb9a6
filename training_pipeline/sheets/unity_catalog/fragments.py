"""Databricks SQL that we write by hand: names, literals, and JSON or VARIANT made into the types of `PAIR_SCHEMA`.

Names are quoted and literals escaped here and nowhere else; what a caller chooses is bound as a parameter. Everything
is lenient in its form and strict in its meaning: a value of another type than the column needs becomes null,
and null denies.
"""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"[\x20-\x7e]*")
_BACKSLASH_U: Final = r"\u"
#: An escaped backslash, or a whole surrogate pair; and a surrogate.
_SOUND_ESCAPES: Final = r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]"
_SURROGATE: Final = r"\\u[dD][89a-fA-F]"


def name_of(identifier: str) -> str:
    """An identifier, or a full name in its parts, in backticks."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in identifier.split("."))


def column_of(identifier: str) -> str:
    """The name of one column in backticks, whatever is in it."""
    return "`" + identifier.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A text as a literal. Raises `ValueError` for characters that a literal would have to spell."""
    if not _PLAIN.fullmatch(text):
        raise ValueError(f"{text!r} holds characters that are not plain ASCII")
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def texts(words: list[str]) -> str:
    """A list of words as an array of strings."""
    return f"CAST(array({', '.join(map(literal, words))}) AS ARRAY<STRING>)"


def from_json(text: str) -> str:
    """JSON text as a VARIANT; null where it is not one JSON value as a whole.

    An object that repeats a key counts as no JSON. Spark reads the first value and passes over whatever follows. So the
    text is read as all there is in a list, and with a 0 behind it: a text that closed the list itself would come to the
    same list both times. And Spark reads half of a surrogate pair as a question mark: such a text is no JSON either.
    """
    # Not by a lambda: Spark looks at a statement a hundred times at most, once or twice for each level of them.
    alone, followed = (_items(parsed(f"concat('[', {text}, '{end}')")) for end in ("]", ",0]"))
    plain = f"regexp_replace({text}, {literal(_SOUND_ESCAPES)}, ' ')"
    sound = f"(NOT contains({text}, {literal(_BACKSLASH_U)}) OR NOT {plain} RLIKE {literal(_SURROGATE)})"
    return f"CASE WHEN size({alone}) = 1 AND size({followed}) = 2 AND {sound} THEN {parsed(text)} END"


def parsed(text: str) -> str:
    """JSON that Spark itself has written, as a VARIANT."""
    return f"try_parse_json({text})"


def string(variant: str) -> str:
    """A VARIANT's text; null where it is anything else."""
    return f"CASE WHEN {_is(variant, 'STRING')} THEN {_as(variant, 'STRING')} END"


def stated(variant: str) -> str:
    """The VARIANT; null where it is JSON's null."""
    return f"CASE WHEN schema_of_variant({variant}) <> 'VOID' THEN {variant} END"


def text(variant: str) -> str:
    """A VARIANT as text: a string as it is, anything else as JSON, JSON's null as null."""
    return f"CASE WHEN {_is(variant, 'STRING')} THEN {_as(variant, 'STRING')} ELSE to_json({stated(variant)}) END"


def words(variant: str) -> str:
    """A list of words; null where the VARIANT is no list, or has anything in it that is no text."""
    other = f"size(filter({_items(variant)}, e -> NOT coalesce({_is('e', 'STRING')}, FALSE)))"
    return f"CASE WHEN {_is_list(variant)} AND {other} = 0 THEN {_as(variant, 'ARRAY<STRING>')} END"


def calls(variant: str) -> str:
    """Compact JSON text of a list; null for an empty one and JSON's null; else, and where a call has no named function
    or its arguments are text that is no JSON, an empty text.

    A VARIANT keeps keys in alphabetical order.
    """
    given = _as("e", "VARIANT", "$.function.arguments")
    no_json = f"coalesce({_is(given, 'STRING')}, FALSE) AND {from_json(_as(given, 'STRING'))} IS NULL"
    name = _as("e", "VARIANT", "$.function.name")
    named = f"coalesce({_is(name, 'STRING')} AND trim({_as(name, 'STRING')}) <> '', FALSE)"
    broken = f"size(filter({_items(variant)}, e -> NOT {named} OR {no_json}))"
    return (
        f"CASE WHEN schema_of_variant({variant}) = 'VOID' THEN CAST(NULL AS STRING) "
        f"WHEN {_is_list(variant)} AND {broken} = 0 THEN "
        f"CASE WHEN size({_items(variant)}) > 0 THEN to_json({variant}) END ELSE '' END"
    )


def objects(variant: str) -> str:
    """Compact JSON text of a list of objects; null for an empty one and JSON's null, else an empty text."""
    other = f"size(filter({_items(variant)}, e -> NOT coalesce(schema_of_variant(e) LIKE 'OBJECT%', FALSE)))"
    return (
        f"CASE WHEN schema_of_variant({variant}) = 'VOID' THEN CAST(NULL AS STRING) "
        f"WHEN {_is_list(variant)} AND {other} = 0 THEN "
        f"CASE WHEN size({_items(variant)}) > 0 THEN to_json({variant}) END ELSE '' END"
    )


def weight(variant: str) -> str:
    """A message's weight; -1, which no gate takes for one, where the VARIANT is no number."""
    number = f"schema_of_variant({variant}) RLIKE '^(BIGINT|DECIMAL|DOUBLE|FLOAT)'"
    return (
        f"CASE WHEN coalesce(schema_of_variant({variant}), 'VOID') = 'VOID' THEN CAST(NULL AS DOUBLE) "
        f"WHEN {number} THEN coalesce({_as(variant, 'DOUBLE')}, -1.0D) ELSE -1.0D END"
    )


def message(role: str, content: str, name: str, weight: str, tool_calls: str, tool_call_id: str) -> str:
    """A message of `PAIR_SCHEMA`."""
    fields = {
        "role": role,
        "content": content,
        "name": name,
        "weight": weight,
        "tool_calls": tool_calls,
        "tool_call_id": tool_call_id,
    }
    return f"named_struct({', '.join(f'{literal(field)}, {value}' for field, value in fields.items())})"


def messages(variant: str) -> str:
    """The messages of a list of objects; null where the VARIANT is anything else."""
    other = f"size(filter({_items(variant)}, m -> NOT coalesce(schema_of_variant(m) LIKE 'OBJECT%', FALSE)))"
    field = {name: _as("m", "VARIANT", f"$.{name}") for name in ("role", "content", "name", "weight", "tool_call_id")}
    called = _as("m", "VARIANT", "$.tool_calls")
    # As a list of one, so that what a message calls is spelled out once.
    tools = f"CASE WHEN {_is(called, 'STRING')} THEN {from_json(_as(called, 'STRING'))} ELSE {called} END"
    tool_calls = f"CASE WHEN {called} IS NOT NULL THEN transform(array({tools}), c -> {calls('c')})[0] END"
    made = message(
        string(field["role"]),
        string(field["content"]),
        string(field["name"]),
        weight(field["weight"]),
        tool_calls,
        string(field["tool_call_id"]),
    )
    return f"CASE WHEN {_is_list(variant)} AND {other} = 0 THEN transform({_items(variant)}, m -> {made}) END"


def utc(timestamp: str) -> str:
    """A TIMESTAMP as text in UTC, whatever the session's time zone."""
    at = f"timestampadd(MICROSECOND, unix_micros({timestamp}), TIMESTAMP_NTZ'1970-01-01 00:00:00')"
    return f"concat({local(at)}, 'Z')"


def local(timestamp: str) -> str:
    """A TIMESTAMP_NTZ as text."""
    return f"replace(CAST({timestamp} AS STRING), ' ', 'T')"


def _as(variant: str, kind: str, path: str = "$") -> str:
    return f"try_variant_get({variant}, {literal(path)}, {literal(kind)})"


def _items(variant: str) -> str:
    return _as(variant, "ARRAY<VARIANT>")


def _is(variant: str, kind: str) -> str:
    return f"schema_of_variant({variant}) = {literal(kind)}"


def _is_list(variant: str) -> str:
    return f"schema_of_variant({variant}) LIKE 'ARRAY%'"
