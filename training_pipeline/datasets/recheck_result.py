"""What came of checking the pairs of a dataset again. Imports no engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.errors import GovernanceChanged

#: The finding about pairs that are no longer in the training sheet.
MISSING: Final = "missing"
#: How many pairs a message names at most, and a result.
NAMED: Final = 20
MOST_PAIR_IDS: Final = 1000


class Pairs(BaseModel):
    """How many pairs, and the ids of some of them, in order."""

    model_config = ConfigDict(frozen=True)

    count: int = 0
    ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = self.count - min(len(self.ids), NAMED)
        named = ", ".join(self.ids[:NAMED]) + (f" and {more:,} more" if more else "")
        return f"{self.count:,} {'pair' if self.count == 1 else 'pairs'} ({named})"


class RecheckResult(BaseModel):
    """The result of checking the included pairs of a dataset again."""

    model_config = ConfigDict(frozen=True)

    checked: int
    #: Pairs that may not be trained on as they stand in the dataset: a `Reason`, `text_changed`,
    #: `validation_not_permitted` for a pair of the validation split, or `tied_across_the_split`; only what occurred.
    changed: dict[str, int]
    #: Pairs that are no longer in the training sheet.
    missing: int
    #: Some of the pairs that changed or are missing.
    pair_ids: tuple[str, ...] = ()
    #: Pairs that may still be trained on, and are classified more strictly than when the dataset was made.
    raised: Pairs = Pairs()
    #: Pairs that may still be trained on, with another text; only of a training that has begun.
    edited: Pairs = Pairs()
    #: Whether it is known which texts are others: not where the key of the dataset's hashes and its text are gone.
    text_known: bool = True

    @property
    def findings(self) -> dict[str, int]:
        """What happened, to how many pairs; empty where all may be trained on as they stand."""
        return self.changed | ({MISSING: self.missing} if self.missing else {})

    @property
    def lost(self) -> Pairs:
        """All pairs that may not be trained on as they stand."""
        return Pairs(count=sum(self.findings.values()), ids=self.pair_ids)

    def require_unchanged(self, sheet_id: str) -> None:
        """Raise `GovernanceChanged` saying what changed, unless nothing did, or where nobody can say so."""
        if not self.text_known:
            raise GovernanceChanged(
                f"The key of the hashes of training sheet {sheet_id!r} was destroyed, or cannot be read, since its "
                "dataset was prepared: whether its pairs have the same text is not known.",
                hint="Retry the job: the pairs are then hashed with a new key.",
            )
        if self.findings:
            raise GovernanceChanged(
                f"Of {self.checked:,} pairs of training sheet {sheet_id!r} that were to be trained on, some no longer "
                f"may: {in_words(self.findings)} (such as {', '.join(self.pair_ids[:NAMED])}).",
                hint="Retry the job: the pairs are then checked again.",
            )


def in_words(findings: Mapping[str, int]) -> str:
    """Findings in words, such as `1 training_prohibited, 2 missing`."""
    return ", ".join(f"{count:,} {what}" for what, count in findings.items())
