"""What came of splitting the included pairs into training and validation."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SplitReport(BaseModel):
    """The result of a split. Ratios are the share of pairs in train; counts are pairs unless stated otherwise."""

    model_config = ConfigDict(frozen=True)

    requested_ratio: float
    achieved_ratio: float
    train: int
    validation: int
    #: Groups of pairs that are tied together, directly or through others.
    components: int
    largest_component: int
    #: Pairs sent to train because they, or a pair tied to them, may not be used for validation.
    kept_from_validation: int
    seed: str
