"""From a file to the pairs of a sheet in one pass: recognise, map, judge, count.

Memory does not grow with the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Final

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.sheets.files.row import Row
from training_pipeline.sheets.importing.duplicates import Seen
from training_pipeline.sheets.importing.formats.base import CHOICES, Flat, Format, Gathering, Notes, flattened
from training_pipeline.sheets.importing.formats.registry import FORMATS, recognised
from training_pipeline.sheets.importing.gathering import gathered, shared_tasks
from training_pipeline.sheets.importing.mapping import ColumnMapping, spelled
from training_pipeline.sheets.importing.pairs import CARRIED, Plan, judged, pair_of, plan_of
from training_pipeline.sheets.importing.reading.file_kind import Source
from training_pipeline.sheets.importing.request import ImportRequest, flag_of
from training_pipeline.sheets.importing.stored import stored
from training_pipeline.sheets.importing.tally import MOST_COLUMNS, Tally
from training_pipeline.sheets.shown_name import shown_name

#: Rows that a format is recognised by.
_FIRST: Final = 200
#: Names of columns that belong to a question. One that is full and unused refuses the import.
_QUESTION_PARTS: Final = frozenset(
    spelled(name)
    for name in (
        *("question", "query", "prompt", "instruction", "instructions", "input", "inputs", "messages", "conversations"),
        *("context", "contexts", "passage", "document", "documents", "background", "history", "system"),
        *("system_prompt", "system_message", "tools", "functions", "image", "images", "audio", "audios", "video"),
        *("videos", "user_input", "chat", "dialog", "dialogue", "turns"),
    )
)
#: Names of columns that say whether an answer is good. To leave one aside could train on what was turned down.
_JUDGEMENTS: Final = frozenset(
    spelled(name)
    for name in ("label", "chosen", "rejected", "accepted", "approved", "is_correct", "non_preferred_output")
)
#: Columns that state what an option speaks of, or what is taken over, to the column of a sheet that they would be.
_STATEMENTS: Final = {
    spelled(name): "status" if name == "review_status" else name
    for name in ("status", "review_status", "allowed_uses", "prohibited_uses", "data_classification", *CARRIED)
}


@dataclass(slots=True)
class Conversion:
    """The pairs of a file; `tally` and `refusals` are complete once `pairs` has been read to its end."""

    source: Source
    request: ImportRequest
    format: Format
    #: Why the rows were taken for this format.
    why: str
    plan: Plan
    _rows: Iterator[Row]
    _shared: Counter[bytes]
    #: The list of objects in the first row, which are what was meant where that row is the only one.
    _nested: str | None = None
    tally: Tally = field(default_factory=Tally)
    _items: Seen = field(default_factory=Seen)
    _ids: Seen = field(default_factory=Seen)

    def pairs(self) -> Iterator[dict[str, Any]]:
        """The pairs with the types of `PAIR_SCHEMA`, in the order of the file."""
        choose = self.request.mapping.choose or CHOICES[0]
        form = self.format
        for rows in gathered(form, self._sound_rows(), self._shared):
            notes = Notes()
            line, _ = rows[-1]
            flat = flattened(form, [values for _, values in rows], notes, choose)
            if notes.left_out:
                self.tally.left_out.update(+notes.left_out)
            if flat is None or self._again(flat):
                for name, count in notes.unused.items():
                    self.tally.add_unused(name, count)
                continue
            yield self._pair(flat, notes, line)

    def _sound_rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows that can be read, with their lines; counts all."""
        for row in self._rows:
            self.tally.rows += 1
            whole = row.values is not None
            for problem in row.problems:
                is_fault = problem.code != "repeated_key"
                (self.tally.faults if is_fault else self.tally.findings).add(problem)
                whole = whole and not is_fault
            if whole and row.values is not None:
                yield row.line, row.values

    def _pair(self, flat: Flat, notes: Notes, line: int) -> dict[str, Any]:
        pair = pair_of(flat, self.plan, notes, self.tally)
        self.tally.pairs += 1
        if not self._names("pair_id"):
            pair["pair_id"] = f"{self.plan.sheet_id}-{self.tally.pairs:06d}"
        elif isinstance(pair["pair_id"], str) and self._ids.holds(pair["pair_id"]):
            path = self.plan.sources["pair_id"][0]
            again = "is also used in an earlier row; every pair needs its own id"
            self.tally.findings.add(Problem(path, "duplicate_pair_id", again, line))
        if not self._names("item_ref"):
            pair["item_ref"] = pair["pair_id"]
        sound, problems = judged(pair, self.plan, notes, line)
        self.tally.sound += sound
        for problem in problems:
            self.tally.findings.add(problem)
        return stored(pair)

    def _names(self, target: str) -> bool:
        """Whether the file says this of its pairs, be it by a column that some rows lack."""
        (column,) = self.plan.sources[target]
        if column in self.tally.columns:
            return True
        return bool(self.format.status_words) and (target != "pair_id" or self.format.name != "argilla")

    def _again(self, flat: Flat) -> bool:
        """Whether this is a task that an export holds once more."""
        item = flat.given.get("item_ref")
        if self.format.name != "label-studio" or item is None or not self._items.holds(item):
            return False
        self.tally.left_out["tasks that the file holds twice"] += 1
        return True

    def used_sources(self) -> dict[str, tuple[str, ...]]:
        """Column of the sheet to column of the file, for the columns that the file has."""
        found = {
            target: tuple(n for n in names if n in self.tally.columns) for target, names in self.plan.sources.items()
        }
        return {target: names for target, names in found.items() if names}

    def resolved(self) -> ColumnMapping:
        """The mapping with all that was recognised, to read the next file in the same way."""
        mapping = self.request.mapping
        named: dict[str, object] = {"format": self.format.name, "columns": {**self.used_sources(), **mapping.columns}}
        named["delimiter"] = self.source.delimiter
        return mapping.model_copy(update=named)

    def refusals(self) -> Iterator[FieldProblem]:
        """What the mapping leaves open, once all rows were read."""
        tally, mapping = self.tally, self.request.mapping
        there = f"the file has {', '.join(shown_name(name) for name in islice(tally.columns, 40))}"
        if any(shown_name(name) != name for name in islice(tally.columns, 40)):
            there = f"{there}; has it a line with the names of its columns?"
        for target, names in mapping.columns.items():
            for name in names:
                if name not in tally.columns:
                    yield FieldProblem(flag_of(target), "unknown_column", f"there is no column '{name}'; {there}")
        if not self.plan.gives_messages and (tally.pairs or not tally.rows):
            for target in ("question", "answer"):
                if target not in self.plan.sources:
                    yield FieldProblem(flag_of(target), "unknown_column", f"which column is the {target}? {there}")
            knows_none = not self.plan.sources.keys() & {"question", "answer"}
            if self._nested is not None and tally.rows == 1 and knows_none:
                text = (
                    f"is one object; if the list in '{shown_name(self._nested)}' has the rows, make a file of that list"
                )
                yield FieldProblem("FILE", "rows_inside", text)
        for name in tally.columns:
            states = _STATEMENTS.get(spelled(name))
            is_replaced = states in CARRIED and states in mapping.columns
            if states and name not in self.plan.used and not is_replaced:
                flag = flag_of(states)
                use = f"call it {states}" if states in CARRIED else f"{flag} '{name}'"
                text = f"the file has a column '{name}' of its own; use it ({use}) or take it out of the file"
                yield FieldProblem(flag, "ignored_statement", text)
        if tally.has_too_many_columns:
            text = f"has more than {MOST_COLUMNS:,} different columns or keys; is each row an object of its own kind?"
            yield FieldProblem("FILE", "too_many_columns", text)
        missing = any(name not in tally.columns for names in mapping.columns.values() for name in names)
        for name, count in () if missing else tally.unused.items():
            last = spelled(name.rpartition(".")[2].rpartition("]")[2])
            if last in _QUESTION_PARTS and name not in mapping.ignore:
                text = f"'{shown_name(name)}' ({count:,} rows) belongs to the question by its name and is not used"
                advice = "add it (--question-column may be repeated), or leave it out with --ignore"
                yield FieldProblem("--ignore", "unused_question_part", f"{text}: {advice}")
            if last in _JUDGEMENTS and name not in mapping.ignore:
                text = f"'{shown_name(name)}' ({count:,} rows) may judge the answers by its name and is not used"
                advice = "use it (as with --status-column, --allowed-uses-column), or leave it out with --ignore"
                yield FieldProblem("--ignore", "unused_judgement", f"{text}: {advice}")
        for target, values in tally.unmapped.items():
            shown = ", ".join(f"{value} ({count:,})" for value, count in values.most_common(8))
            more = f" and {len(values) - 8:,} more" if len(values) > 8 else ""
            example = f"--map-value {target}:VALUE={'training,validation' if target.endswith('uses') else 'WORD'}"
            text = f"means nothing in {target}: {shown}{more}; say what each stands for ({example}, or nothing after =)"
            yield FieldProblem(flag_of(target), "unmapped_value", text)


def convert(source: Source, request: ImportRequest) -> Conversion:
    """Recognise the rows of a file by the first of them, and plan how they become pairs. Reads the first rows.

    Where a format has several rows of one task, reads the file once more to know them.
    """
    rows = source.rows()
    first = list(islice(rows, _FIRST))
    values = [row.values for row in first if row.values is not None]
    named = request.mapping.format
    if named in FORMATS and named is not None:
        form, why = FORMATS[named], "it is named"
    else:
        form, why = recognised(values)
        wanted = {"question", "answer", "system"} & set(request.mapping.columns)
        if wanted and not form.status_words and form.name != "columns":
            form, why = FORMATS["columns"], f"the column of the {' and the '.join(sorted(wanted))} is named"
    flats = [flattened(form, [row], Notes(), request.mapping.choose or CHOICES[0]) for row in values]
    plan = plan_of(
        [flat for flat in flats if flat is not None],
        form,
        request.mapping,
        stated=request.stated(),
        sheet_id=request.id,
        is_text=source.is_text,
    )
    shared = Counter[bytes]()
    if isinstance(form, Gathering):
        shared = shared_tasks(form, (row.values for row in source.rows() if row.values is not None))
    nested = next((name for row in values[:1] for name, value in row.items() if _are_rows(value)), None)
    conversion = Conversion(source, request, form, why, plan, chain(first, rows), shared, nested)
    # A file whose first rows have no pair id and whose later ones do would number the first ones.
    for name in (name for flat in flats if flat is not None for name in flat.columns):
        conversion.tally.add_column(name, unused=False)
    return conversion


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
