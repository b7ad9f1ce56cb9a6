"""Response models of what differs between two training jobs: their pairs, and everything else on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, JsonValue

from training_pipeline.domain.differences import flat
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.schemas.base import Answer, NextCursor
from training_pipeline.schemas.lineage import LineagePair

if TYPE_CHECKING:  # heavy, and whoever asks a remote service needs none of it
    from training_pipeline.datasets.diff import ChangedPair, DatasetDiff


class PairChanges(Answer):
    """How many pairs changed in each way. A pair may have moved and be edited or renamed as well.

    Texts cannot be compared where a key of their hashes was destroyed and the text is gone.
    """

    added: int = Field(description="Pairs that only the second job used.", examples=[12])
    removed: int = Field(description="Pairs that only the first job used.", examples=[3])
    edited: int | None = Field(
        description="Pairs that both used, with different texts; null if not known.", examples=[1]
    )
    renamed: int | None = Field(
        description="Examples that both used, under another pair id; null where that is not known.", examples=[0]
    )
    moved: int = Field(description="Pairs that both used, on different sides of the split.", examples=[2])


class PairDifference(Answer):
    """A pair that changed, as the record of each job has it. Never its text."""

    pair_id: str = Field(description="Id of the pair; the new id if it was renamed.", examples=["p-0001"])
    changes: list[PairChange] = Field(description="What changed.", examples=[["moved"]])
    before: LineagePair | None = Field(description="In the first job; null where its sheet had no such pair.")
    after: LineagePair | None = Field(description="In the second job; null where its sheet has no such pair.")

    @classmethod
    def of(cls, pair: ChangedPair) -> PairDifference:
        """From a compared pair."""
        return cls(
            pair_id=pair.pair_id,
            changes=list(pair.changes),
            before=pair.before and LineagePair.model_validate(pair.before),
            after=pair.after and LineagePair.model_validate(pair.after),
        )


class FieldDifference(Answer):
    """Something on record that differs between the jobs, apart from their pairs."""

    field: str = Field(description="Name of what differs.", examples=["training_config.learning_rate"])
    before: JsonValue = Field(description="Its value in the first job; null where it has none.", examples=[0.0001])
    after: JsonValue = Field(description="Its value in the second job; null where it has none.", examples=[0.0002])


class TrainingJobDiff(Answer):
    """What differs between two training jobs."""

    first_job_id: str = Field(description="The first job.", examples=["tj-20261101-081500-1c2d3e"])
    second_job_id: str = Field(description="The second job.", examples=["tj-20261123-072145-9f3a2c"])
    counts: PairChanges = Field(description="Number of pairs that changed, by kind of change.")
    fields: list[FieldDifference] = Field(
        description="What else differs, by name: configuration, base model, sheet, template, gate policy, versions."
    )
    pairs: list[PairDifference] = Field(description="This page of the changed pairs, by pair id.")
    next_cursor: NextCursor

    @classmethod
    def of(
        cls, first_id: str, second_id: str, pairs: DatasetDiff, fields: list[FieldDifference], next_cursor: str | None
    ) -> TrainingJobDiff:
        """The answer for one page."""
        return cls(
            first_job_id=first_id,
            second_job_id=second_id,
            counts=PairChanges(**{str(change): count for change, count in pairs.counts.items()}),
            fields=fields,
            pairs=[PairDifference.of(pair) for pair in pairs.pairs],
            next_cursor=next_cursor,
        )


def field_differences(before: dict[str, Any], after: dict[str, Any]) -> list[FieldDifference]:
    """What differs between two nested values, by dotted name, in order."""
    old, new = flat(before), flat(after)
    return [
        FieldDifference(field=name, before=old.get(name), after=new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
