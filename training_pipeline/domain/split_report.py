"""What came of splitting the included pairs into training and validation."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

#: So many pairs are named in a report at most.
MOST_NAMED: Final = 100


class NearReport(BaseModel):
    """What nearly equal questions tied. Counts are pairs unless stated otherwise."""

    model_config = ConfigDict(frozen=True)

    #: The least similarity, from 0.8 to 1; 0 where only equal questions were tied.
    similarity: float = 0.0
    #: Pairs that are tied to others by a nearly equal question.
    tied: int = 0
    #: Groups that held so much of the sheet that their questions had to be more similar.
    tightened_groups: int = 0
    #: Groups that hold so much nevertheless.
    too_large_groups: int = 0


class TextReport(BaseModel):
    """What is told of the texts of the included pairs; it excludes none. `MOST_NAMED` of each are named at most."""

    model_config = ConfigDict(frozen=True)

    #: Pairs whose text spells a control token of a known model family; None where nobody looked.
    control_tokens: int | None = None
    control_token_ids: tuple[str, ...] = ()
    #: Pairs whose question is nearly equal to a held-out one; None where nobody looked: where only equal questions are
    #: tied, and where the held-out ones are in a warehouse.
    near_held_out: int | None = None
    near_held_out_ids: tuple[str, ...] = ()


class KeptSides(BaseModel):
    """What a split kept of its predecessor's. Counts are pairs."""

    model_config = ConfigDict(frozen=True)

    #: The job whose split was kept, and its dataset.
    job_id: str
    dataset_digest: str
    #: Pairs that are on the side on which they were.
    kept: int
    #: Pairs that no predecessor had.
    new: int
    #: Pairs of the predecessor that are not in this dataset.
    gone: int
    #: Pairs that went from validation to train, because they may not be validated on any more, or are now tied to pairs
    #: that are or were trained on. Never the other way.
    moved: int
    #: Ids of those, `MOST_NAMED` at most.
    moved_pair_ids: tuple[str, ...]
    #: The achieved ratio less the requested one: what keeping the sides costs.
    drift: float
    #: Whether both validation splits have the same examples.
    losses_comparable: bool


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
    near: NearReport = NearReport()
    texts: TextReport = TextReport()
    #: None where the split was made without a predecessor.
    kept: KeptSides | None = None

    def to_text(self) -> str:
        """The result in a few sentences."""
        sentences = [f"Split into {self.train} training and {self.validation} validation pairs."]
        if self.kept is not None:
            comparable = "can" if self.kept.losses_comparable else "cannot"
            sentences.append(
                f"The sides of training job {self.kept.job_id} were kept: {self.kept.kept} pairs kept, {self.kept.new} "
                f"new, {self.kept.moved} moved to training; validation losses {comparable} be compared."
            )
        if self.near.tightened_groups:
            sentences.append(f"{self.near.tightened_groups} groups of nearly equal questions were tightened.")
        if self.near.too_large_groups:
            sentences.append(f"{self.near.too_large_groups} hold more than 5 % of the pairs each and stay together.")
        if self.texts.near_held_out:
            sentences.append(f"{self.texts.near_held_out} pairs nearly equal a held-out question.")
        return " ".join(sentences)
