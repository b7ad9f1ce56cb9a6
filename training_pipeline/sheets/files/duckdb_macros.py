"""JSON to the types of `PAIR_SCHEMA` in DuckDB's SQL: macros, leniently in form and strictly in meaning."""

from __future__ import annotations

from typing import Final

MESSAGES_TYPE: Final = (
    "STRUCT(role VARCHAR, content VARCHAR, name VARCHAR, weight DOUBLE, tool_calls VARCHAR, tool_call_id VARCHAR)[]"
)

#: JSON to the types of `PAIR_SCHEMA`. A weight that is no number becomes -1, which no gate takes for a weight; JSON's
#: true is no number. `tool_calls` is empty, and so invalid, where it is stated and neither a list nor the JSON text of
#: one, and where a call in it is no object with a named `function`. `json_valid` allows NaN, Infinity and a comma after
#: the last element, `is_json` does not; it leaves the quotes of a text, lest the comma before it seem to be the last.
#: JSON text that is nested 1000 deep is no JSON to `json_of`, as to a warehouse.
#: Calls and tools with a key twice in an object are invalid, and those with a number that no double can hold: it would
#: be trained as Infinity. `value_of` looks whether a value is JSON only where it may not be: text, and what DuckDB
#: writes of numbers that JSON does not have.
MACROS: Final = """
CREATE TEMP MACRO string_or_number_of(x) AS
    CASE WHEN json_type(x) IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'DOUBLE') THEN x ->> '$' END;
CREATE TEMP MACRO stated(x) AS CASE WHEN json_type(x) <> 'NULL' THEN x END;
CREATE TEMP MACRO string_of(x) AS CASE WHEN json_type(x) = 'VARCHAR' THEN x ->> '$' END;
CREATE TEMP MACRO text_of(x) AS CASE json_type(x) WHEN 'NULL' THEN NULL WHEN 'VARCHAR' THEN x ->> '$'
    ELSE x::VARCHAR END;
CREATE TEMP MACRO words_of(x) AS CASE WHEN len(list_filter(json_type(x, '$[*]'), lambda t: t <> 'VARCHAR')) = 0
    THEN from_json(x, '["VARCHAR"]') END;
CREATE TEMP MACRO is_json(t) AS json_valid(t)
    AND NOT regexp_matches(regexp_replace(t, '"(\\\\.|[^"\\\\])*"', '""', 'g'), '(?i),\\s*[\\]}]|nan|inf');
CREATE TEMP MACRO brackets(t) AS regexp_replace(regexp_replace(t, '"(\\\\.|[^"\\\\])*"', '', 'g'), '[^][{}]', '', 'g');
CREATE TEMP MACRO depth_of(t) AS list_reduce(
    list_transform(string_split(t, ''), lambda c: {'now': CASE WHEN c IN ('[', '{') THEN 1 ELSE -1 END, 'most': 1}),
    lambda a, b: {'now': a.now + b.now, 'most': greatest(a.most, a.now + b.now)}).most;
CREATE TEMP MACRO json_of(t) AS CASE WHEN is_json(t) AND (length(t) < 2000
    OR CASE WHEN length(brackets(t)) < 2000 THEN TRUE ELSE depth_of(brackets(t)) < 1000 END) THEN CAST(t AS JSON) END;
CREATE TEMP MACRO value_of(x) AS CASE
    WHEN json_type(x) = 'VARCHAR' OR contains(x::VARCHAR, 'NaN') OR contains(x::VARCHAR, 'Infinity')
    THEN json_of(text_of(x)) ELSE x END;
CREATE TEMP MACRO is_ambiguous(x) AS
    len(list_filter(json_keys(x, '$..*'), lambda keys: len(keys) > len(list_distinct(keys)))) > 0;
CREATE TEMP MACRO numbers_of(t) AS regexp_extract_all(
    regexp_replace(t, '"(\\\\.|[^"\\\\])*"', '', 'g'), '[0-9][0-9.eE+-]*');
CREATE TEMP MACRO is_finite(t) AS CASE WHEN regexp_matches(t, '[eE][+]?[0-9]{3}|[0-9]{200}')
    THEN len(list_filter(numbers_of(t), lambda n: NOT coalesce(isfinite(TRY_CAST(n AS DOUBLE)), FALSE))) = 0
    ELSE TRUE END;
CREATE TEMP MACRO calls_of(x) AS CASE json_type(x) WHEN 'NULL' THEN NULL WHEN 'ARRAY' THEN CASE
    WHEN json_array_length(x) = 0 THEN NULL
    WHEN len(list_filter(json_extract(x, '$[*].function.name'),
        lambda n: json_type(n) = 'VARCHAR' AND trim(n ->> '$') <> '')) < json_array_length(x) THEN ''
    WHEN is_ambiguous(x) OR NOT is_finite(x::VARCHAR) OR len(list_filter(json_extract(x, '$[*].function.arguments'),
        lambda a: json_type(a) = 'VARCHAR'
        AND CASE WHEN is_json(a ->> '$') THEN is_ambiguous('[' || (a ->> '$') || ']') OR NOT is_finite(a ->> '$')
            ELSE TRUE END)) > 0 THEN ''
    ELSE regexp_replace(x::VARCHAR, '("(?:\\\\.|[^"\\\\])*")|[ \\t\\n\\r]+', '\\1', 'g') END ELSE '' END;
CREATE TEMP MACRO objects_of(x) AS CASE WHEN json_type(x) = 'NULL' THEN NULL
    WHEN json_type(x) = 'ARRAY' AND len(list_filter(json_type(x, '$[*]'), lambda t: t <> 'OBJECT')) = 0
        AND NOT is_ambiguous(x) AND is_finite(x::VARCHAR)
    THEN CASE WHEN json_array_length(x) > 0 THEN json(x)::VARCHAR END ELSE '' END;
CREATE TEMP MACRO weight_of(x) AS CASE WHEN json_type(x) <> 'NULL' THEN coalesce(
    CASE WHEN json_type(x) IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN TRY_CAST(x AS DOUBLE) END, -1) END;
CREATE TEMP MACRO messages_of(x) AS CASE WHEN len(list_filter(json_type(x, '$[*]'), lambda t: t <> 'OBJECT')) = 0 THEN
    list_transform(
        from_json(x, '[{"role":"JSON","content":"JSON","name":"JSON","weight":"JSON","tool_calls":"JSON",
                        "tool_call_id":"JSON"}]'),
        lambda m: struct_pack(
            role := string_of(m.role), content := string_of(m.content), name := string_of(m.name),
            weight := weight_of(m.weight),
            tool_calls := CASE WHEN json_type(m.tool_calls) <> 'NULL' THEN
                list_transform([value_of(m.tool_calls)], lambda c: calls_of(c))[1] END,
            tool_call_id := string_of(m.tool_call_id))) END;
"""
