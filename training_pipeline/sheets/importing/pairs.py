"""A row of a file as a pair of a training sheet: columns by the mapping, words by its values, the rest as stated.

What is missing or malformed stays null, and null denies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.examples.chat_format import INVALIDATING, Problem, pair_problems
from training_pipeline.sheets.columns import LIST_COLUMNS, QUESTION_ANSWER
from training_pipeline.sheets.importing.formats.base import Flat, Format, Notes
from training_pipeline.sheets.importing.formats.messages import kind_of, tools_of
from training_pipeline.sheets.importing.mapping import ColumnMapping, spelled
from training_pipeline.sheets.importing.tally import Tally
from training_pipeline.sheets.importing.value_mapping import Meanings, as_text, meanings_of, uses_meant, word_meant

#: Columns of a sheet that are taken over under their own name, however it is spelled. They narrow, explain or belong to
#: the example, and never allow.
CARRIED: Final = tuple(
    name
    for name in PAIR_SCHEMA
    if name.startswith(("label_", "reviewed_", "constraints_"))
    or name in ("usage_reason", "tools", "pair_id", "item_ref", "canonical_label_id")
)
#: Where a format has several columns that may hold the question, or the answer, the first of these counts.
_LIKELY: Final = {"question": ("question", "prompt", "text"), "answer": ("answer", "response", "completion")}
_EMPTY: Final[dict[str, Any]] = dict.fromkeys(PAIR_SCHEMA)
_BLANK: Final[tuple[object, ...]] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of one file become pairs: worked out once, from its first rows."""

    format: Format
    mapping: ColumnMapping
    #: Column of the sheet to column of the file. `question` may have several.
    sources: Mapping[str, tuple[str, ...]]
    #: What is stated for every pair, by column of the sheet; fills a column that the file does not have at all.
    stated: Mapping[str, object]
    sheet_id: str
    #: What the words of a column mean, for the columns where something is said of them.
    meanings: Meanings
    #: What stands between the words of a list, in a file that has nothing but text.
    separator: str | None
    #: The format's messages count; else question and answer are columns.
    gives_messages: bool
    #: The columns of the file that are used.
    used: frozenset[str]
    #: Of `sources`, those that give one text, and those that give a list of words.
    texts: tuple[tuple[str, str], ...]
    lists: tuple[tuple[str, str], ...]


def plan_of(
    first: list[Flat],
    form: Format,
    mapping: ColumnMapping,
    *,
    stated: Mapping[str, object],
    sheet_id: str,
    is_text: bool,
) -> Plan:
    """The plan for a file that begins with these rows."""
    gives_messages = any("messages" in flat.given for flat in first)
    there: dict[str, str] = {}
    for column in (column for flat in first for column in flat.columns):
        there[spelled(column)] = column if column in CARRIED else there.get(spelled(column), column)
    sources: dict[str, tuple[str, ...]] = {name: (there.get(spelled(name), name),) for name in CARRIED}
    if not gives_messages:
        for name, pools in (("question", [f.questions for f in first]), ("answer", [f.answers for f in first])):
            pool = list(dict.fromkeys(column for columns in pools for column in columns))
            likely = [column for column in _LIKELY[name] if column in pool]
            if likely or len(pool) == 1:
                sources[name] = ((likely or pool)[0],)
        if not form.status_words:
            sources["system"] = ("system",)
    sources |= mapping.columns
    used = frozenset(name for names in sources.values() for name in names)
    filled = {name: value for name, value in stated.items() if value is not None and name not in mapping.columns}
    single = [(name, sources[name][0]) for name in PAIR_SCHEMA if name in sources]
    return Plan(
        form,
        mapping,
        sources,
        filled,
        sheet_id,
        meanings_of(mapping, form.status_words),
        mapping.list_separator if is_text else None,
        gives_messages,
        used,
        texts=tuple(one for one in single if one[0] not in LIST_COLUMNS),
        lists=tuple(one for one in single if one[0] in LIST_COLUMNS),
    )


def pair_of(flat: Flat, plan: Plan, notes: Notes, tally: Tally) -> dict[str, Any]:
    """The pair, as JSON has it. Counts what is unused and what no word stands for."""
    pair: dict[str, Any] = _EMPTY | flat.given
    for target, source in plan.texts:
        if source in flat.columns:
            pair[target] = _value(flat.columns[source], target, source, plan, notes, tally)
    for target, source in plan.lists:
        if source in flat.columns:
            pair[target] = uses_meant(flat.columns[source], target, plan.meanings, tally, plan.separator)
    if plan.format.status_words and "status" not in plan.mapping.columns:
        pair["status"] = word_meant(flat.given.get("status"), "status", plan.meanings, tally)
    if notes.spoilt:
        pair["messages"] = None
    elif not plan.gives_messages:
        pair["messages"] = _question_answer(flat, plan, notes)
    for target, value in plan.stated.items():
        if pair[target] is None and not _is_said(target, flat, plan, tally):
            pair[target] = value
    _count_unused(flat, plan, notes, tally)
    return pair


def _is_said(target: str, flat: Flat, plan: Plan, tally: Tally) -> bool:
    """Whether the file says this of its pairs: then what is stated fills none of its gaps."""
    sources = plan.sources.get(target, ())
    return target in flat.given or any(name in flat.columns or name in tally.columns for name in sources)


def judged(pair: Mapping[str, Any], plan: Plan, notes: Notes, row: int) -> tuple[bool, list[Problem]]:
    """Whether the pair is sound in its form, and every problem of its row; one fault is told once."""
    problems = [Problem(p.path, p.code, p.message, row) for p in notes.problems]
    told = {problem.path for problem in problems}
    sound = True
    for found in pair_problems(pair):
        sound = sound and found.code not in INVALIDATING
        path = found.path if plan.gives_messages else _column(found.path, pair, plan)
        if found.code in ("missing_content", "missing_messages_list") and told:
            continue  # what the format says of it is nearer to the file
        if path not in told:
            problems.append(Problem(path, found.code, found.message, row))
    return sound, problems


def _column(path: str, pair: Mapping[str, Any], plan: Plan) -> str:
    """The column of the file behind a path of the pair."""
    if path.startswith("messages[") and path.partition("].")[2] == "content":
        index = int(path[len("messages[") : path.index("]")])
        roles = {role: column for column, role in QUESTION_ANSWER.items()}
        role = pair["messages"][index]["role"]
        path = roles.get(role, path)
    return plan.sources[path][0] if path in plan.sources else path


def _question_answer(flat: Flat, plan: Plan, notes: Notes) -> list[dict[str, Any]]:
    """The messages of a row; a text of which a part cannot be read is none, so that the pair is invalid."""
    texts: dict[str, str | None] = {}
    broken = set()
    for name in QUESTION_ANSWER:
        told = len(notes.problems)
        parts = [_content(flat.columns.get(source), notes, source) for source in plan.sources.get(name, ())]
        texts[name] = parts[0] if len(parts) == 1 else "\n\n".join(part for part in parts if part) or None
        if len(notes.problems) > told:
            texts[name] = None
            broken.add(name)
    return [
        {"role": role, "content": texts[name]}
        for name, role in QUESTION_ANSWER.items()
        if name != "system" or texts[name] or name in broken
    ]


def _content(value: object, notes: Notes, source: str) -> str | None:
    """A question or an answer as text: a number or a moment as JSON would write it; anything else is a problem."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | list | dict | bytes):
        notes.problem(source, "wrong_type", f"is {kind_of(value)}; expected text", spoils=False)
        return None
    return as_text(value)


def _value(value: object, target: str, source: str, plan: Plan, notes: Notes, tally: Tally) -> object:
    if target == "tools":
        return tools_of(value)
    if isinstance(value, list | dict | bytes):
        notes.problem(source, "wrong_type", f"is {kind_of(value)}; expected text", spoils=False)
        return None
    return word_meant(as_text(value), target, plan.meanings, tally) or None


def _count_unused(flat: Flat, plan: Plan, notes: Notes, tally: Tally) -> None:
    for name, value in flat.columns.items():
        is_used = name in plan.used
        if not is_used or name not in tally.columns:
            tally.add_column(name, unused=not is_used and value not in _BLANK)
    for name, count in notes.unused.items():
        tally.add_unused(name, count)
