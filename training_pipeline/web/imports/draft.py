"""What somebody has chosen on the page of imports, and the request that says so. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from training_pipeline.domain.rules.examples.chat_format import word_of
from training_pipeline.domain.usage import DataClassification, Status
from training_pipeline.schemas.sheet_import import ImportDryRun, ImportTrainingSheet
from training_pipeline.sheets.importing.mapping import WORDS

#: A column of the file is chosen, or the same for every pair.
COLUMN: Final = "column:"
EVERY: Final = "every:"
CONTEXT: Final = "context"
_USES: Final = ("training, validation", "training", "validation", "evaluation", "training, validation, evaluation")
#: Column of the sheet: what may be said for every pair, or of a word.
OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "status": tuple(str(word) for word in Status),
    "allowed_uses": _USES,
    "prohibited_uses": ("none", "training, validation", "evaluation", "few_shot", "testing"),
    "data_classification": tuple(str(word) for word in DataClassification),
}
#: Column of the sheet: what it is called on the page, and what it is for.
TARGETS: Final[Mapping[str, tuple[str, str]]] = {
    "question": ("Question", "What is asked."),
    CONTEXT: ("Context", "Placed before the question, with a blank line between them."),
    "answer": ("Answer", "What the model should answer."),
    "status": ("Review status", "Only labeled pairs are trained on."),
    "allowed_uses": ("Allowed uses", "A pair is trained on only where training is allowed."),
    "prohibited_uses": ("Prohibited uses", "Overrides the allowed uses. Enter none where nothing is prohibited."),
    "data_classification": ("Classification", "How sensitive a pair is."),
    "reviewed_by": ("Reviewed by", "Who approved each pair."),
    "reviewed_at": ("Reviewed at", "When."),
    "constraints_set_by": ("Uses set by", "Who decided on the uses of each pair."),
    "constraints_set_at": ("Uses set at", "When."),
    "usage_reason": ("Reason for the uses", ""),
    "pair_id": ("Pair id", "Without it, pairs are numbered."),
    "item_ref": ("Source item", "Pairs of one item stay on one side of the split."),
    "canonical_label_id": ("Canonical label", ""),
}
_STATED: Final = {
    "status": "status",
    "allowed_uses": "allow",
    "prohibited_uses": "prohibit",
    "data_classification": "classification",
}
_UNFIT: Final = re.compile(r"[^a-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class ImportDraft:
    """Everything that is chosen. `choices` has a column or words for every pair, by column of the sheet."""

    sheet_id: str
    name: str = ""
    source: str = ""
    template: str = ""
    sheet_status: str = "review"
    choices: Mapping[str, str] = field(default_factory=dict)
    #: Column of the sheet to word of the file to what it means; "" where it means nothing.
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    #: How the file is read; "" for as it is recognised.
    format: str = ""
    worksheet: str = ""
    annotation: str = ""
    replaces: bool = False

    def choose(self, target: str, value: str) -> ImportDraft:
        """The draft with another choice for a column of the sheet; "" leaves it to be recognised."""
        choices = {name: one for name, one in self.choices.items() if name != target}
        meanings = {name: words for name, words in self.meanings.items() if name != target}
        return replace(self, choices={**choices, **({target: value} if value else {})}, meanings=meanings)

    def mean(self, target: str, word: str, meaning: str | None) -> ImportDraft:
        """The draft in which a word of the file means something else; null takes back what was said."""
        words = {one: meant for one, meant in self.meanings.get(target, {}).items() if one != word}
        if meaning is not None:
            words[word] = meaning
        return replace(self, meanings={**self.meanings, target: words})

    def ignore(self, column: str, *, ignored: bool) -> ImportDraft:
        """The draft in which a column is left out on purpose, or no longer."""
        return replace(self, ignored=self.ignored | {column} if ignored else self.ignored - {column})

    def request(self, found: ImportDryRun | None) -> ImportTrainingSheet:
        """What is asked for. `found` is what was found last: words that are known stay what they are."""
        columns: dict[str, list[str]] = {}
        stated: dict[str, Any] = {}
        for target, value in self.choices.items():
            if value.startswith(COLUMN):
                columns[target] = [value.removeprefix(COLUMN)]
            elif value.startswith(EVERY) and target in _STATED:
                words = [word.strip() for word in value.removeprefix(EVERY).split(",")]
                stated[_STATED[target]] = words if target.endswith("_uses") else words[0]
        context = columns.pop(CONTEXT, [])
        if context:
            question = columns.get("question") or list((found.used if found else {}).get("question", []))
            columns["question"] = [*context, *(name for name in question if name not in context)]
        values = {target: self._meant(target, found) for target, words in self.meanings.items() if words}
        return ImportTrainingSheet.model_validate(
            {
                "id": self.sheet_id,
                "name": self.name or None,
                "sheet_status": self.sheet_status,
                "source": {"id": self.source, "name": self.source} if self.source else None,
                "template": {"id": self.template, "name": self.template} if self.template else None,
                "mapping": {
                    "columns": columns,
                    "values": values,
                    "ignore": sorted(self.ignored),
                    "format": self.format or None,
                    "worksheet": self.worksheet or None,
                    "choose": self.annotation or None,
                },
                "replace": self.replaces,
                **stated,
            }
        )

    def _meant(self, target: str, found: ImportDryRun | None) -> dict[str, list[str]]:
        said = {word: _split(meaning) for word, meaning in self.meanings[target].items()}
        for word in words_of(target, found):
            if word not in said and word_of(word) in WORDS[target]:
                said[word] = [word_of(word)]
        return said


def words_of(target: str, found: ImportDryRun | None) -> tuple[str, ...]:
    """The words of the file in the column that becomes `target`, as far as they are few and short."""
    used = found.used.get(target, []) if found is not None else []
    if found is None or not used:
        return ()
    return next((tuple(column.values) for column in found.columns if column.name == used[0]), ())


def unknown_words(target: str, found: ImportDryRun | None) -> tuple[str, ...]:
    """Those of `words_of` that mean nothing in a training sheet by themselves."""
    return tuple(word for word in words_of(target, found) if word_of(word) not in WORDS[target])


def id_of(file: str) -> str:
    """The id that a training sheet made of a file may have."""
    stem = file.lower().removesuffix(".gz").partition(".")[0]
    return _UNFIT.sub("-", stem).strip("-_.")[:60] or "imported"


def _split(meaning: str) -> list[str]:
    return [word.strip() for word in meaning.split(",") if word.strip() and word.strip() != "none"]
