"""What a pair may be used for: statuses, uses, classifications, and how constraints are inherited.

Inheritance only ever narrows: allowed uses are intersected, prohibited uses are united, the stricter
classification wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict


class Status(StrEnum):
    """The review status of a pair. Only `labeled` passes the quality gate."""

    UNLABELED = "unlabeled"
    LABELED = "labeled"
    REJECTED = "rejected"
    FLAGGED = "flagged"


#: Review words that some sources write instead of a status.
REVIEW_WORDS: Final[Mapping[str, Status]] = {
    "approved": Status.LABELED,
    "edited": Status.LABELED,
    "pending": Status.UNLABELED,
}


class Use(StrEnum):
    """What a pair may be used for. Training and validation leave a permanent trace in the weights."""

    TRAINING = "training"
    VALIDATION = "validation"
    EVALUATION = "evaluation"
    FEW_SHOT = "few_shot"
    TESTING = "testing"


class DataClassification(StrEnum):
    """How sensitive a pair is, from the least to the most."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


#: Classifications in rising order of strictness.
STRICTNESS: Final[tuple[DataClassification, ...]] = tuple(DataClassification)


class TagRule(BaseModel):
    """The restrictions that a tag on the source table puts on every pair made from it."""

    model_config = ConfigDict(frozen=True)

    prohibits: frozenset[Use]
    classification: DataClassification


TAG_RULES: Final[Mapping[str, TagRule]] = {
    "PII": TagRule(prohibits=frozenset({Use.TRAINING, Use.VALIDATION}), classification=DataClassification.RESTRICTED),
    "PHI": TagRule(prohibits=frozenset({Use.TRAINING, Use.VALIDATION}), classification=DataClassification.RESTRICTED),
    "CONFIDENTIAL": TagRule(
        prohibits=frozenset({Use.FEW_SHOT, Use.EVALUATION}), classification=DataClassification.CONFIDENTIAL
    ),
}


class TagConstraints(BaseModel):
    """The combined restrictions of all tags of a source table."""

    model_config = ConfigDict(frozen=True)

    prohibits: frozenset[Use] = frozenset()
    classification: DataClassification | None = None
    reason: str = ""


def ruling_words(text: str) -> list[str]:
    """The words in a text that have a rule as tags, between white space and any of `,;|/`.

    Brackets and quotation marks around a word count for nothing. A part of a word is no word: `non-PII` says the
    opposite of `PII`.
    """
    words = (word.strip("()[]{}\"'") for word in re.split(r"[\s,;|/]+", text))
    return [word for word in words if word.upper() in TAG_RULES]


def constraints_from_tags(tags: Iterable[str]) -> TagConstraints:
    """Unite the rules of `tags`, compared without regard to case and surrounding white space.

    Tags without a rule restrict nothing.
    """
    rules = {word: TAG_RULES[word] for tag in tags if (word := tag.strip().upper()) in TAG_RULES}
    if not rules:
        return TagConstraints()
    return TagConstraints(
        prohibits=frozenset().union(*(rule.prohibits for rule in rules.values())),
        classification=max((rule.classification for rule in rules.values()), key=STRICTNESS.index),
        reason=f"source table is tagged {', '.join(sorted(rules))}",
    )
