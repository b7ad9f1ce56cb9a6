"""What is in a training sheet beside its verdicts: conversations, lengths, near duplicates, what lifting would add."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from training_pipeline.schemas.base import Answer

_DIGEST: Final = "3b1f0d2c" * 8


class SheetMessage(Answer):
    """A message of a pair, as its sheet has it; null for what it does not have."""

    role: str | None = Field(description="Role of the speaker.", examples=["user"])
    content: str | None = Field(description="Its text.", examples=["Who is next?"])
    name: str | None = Field(description="Name of the speaker.", examples=["ada"])
    weight: float | None = Field(description="Whether it is trained on: 0 or 1; null for the default.", examples=[1])
    tool_calls: list[dict[str, Any]] = Field(description="Calls of tools.", examples=[[]])
    tool_call_id: str | None = Field(description="Id of the tool call that this answers.", examples=["call-1"])


class Conversation(Answer):
    """What a pair says."""

    messages: list[SheetMessage] = Field(description="The messages in their order.")
    tools: list[dict[str, Any]] = Field(description="Definitions of the tools that may be called.", examples=[[]])


class PairConversations(Answer):
    """What the pairs with an id say: one, unless several have the same id, which are invalid then."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    digest: str = Field(description="Its version: SHA-256 (hex).", examples=[_DIGEST])
    pair_id: str = Field(description="Id of the pair.", examples=["qa-0003"])
    conversations: list[Conversation] = Field(description="What the pair says.")


class LengthBin(Answer):
    """A bar of the histogram."""

    least: int = Field(description="Tokens of its shortest pairs.", examples=[1])
    most: int = Field(description="Tokens of its longest pairs.", examples=[64])
    pairs: int = Field(description="Number of pairs with that many tokens.", examples=[120])


class TrainingSheetLengths(Answer):
    """How many tokens the pairs have that may be trained on, and how many would be cut."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    digest: str = Field(description="Its version: SHA-256 (hex).", examples=[_DIGEST])
    base_model: str = Field(description="Base model whose tokenizer is used.", examples=["builtin:tiny"])
    is_estimate: bool = Field(
        description=(
            "Whether tokens are estimated at four characters each, because the tokenizer is not on this machine."
        ),
        examples=[True],
    )
    pairs: int = Field(description="Number of pairs that were measured; a sample if there are many.", examples=[310])
    eligible: int = Field(description="Pairs that may be trained on.", examples=[310])
    max_length: int = Field(description="Tokens after which a pair is cut.", examples=[384])
    cut: int = Field(description="Measured pairs that are longer.", examples=[3])
    share_cut: float = Field(description="Share of the measured pairs that are longer.", examples=[0.0097])
    median: int = Field(description="Median number of tokens.", examples=[57])
    longest: int = Field(description="Tokens of the longest pair.", examples=[412])
    bins: list[LengthBin] = Field(description="The histogram.")


class NearDuplicateGroup(Answer):
    """Pairs with equal or nearly equal questions."""

    pairs: int = Field(description="Pairs in the group.", examples=[4])
    wordings: int = Field(description="Number of different questions that they ask.", examples=[2])
    pair_ids: list[str] = Field(description="Ids of the first pairs.", examples=[["qa-0003", "qa-0017"]])


class TrainingSheetNearDuplicates(Answer):
    """Groups of pairs for training that have equal or nearly equal questions; a split keeps each on one side."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    digest: str = Field(description="Its version: SHA-256 (hex).", examples=[_DIGEST])
    similarity: float = Field(description="Minimum similarity of two questions in a group.", examples=[0.8])
    groups: int = Field(description="Number of groups.", examples=[12])
    pairs: int = Field(description="Pairs in all groups.", examples=[31])
    largest: list[NearDuplicateGroup] = Field(description="The largest groups, 50 at most.")


class LiftedReason(Answer):
    """A reason that a person can lift."""

    reason: str = Field(description="Reason for the exclusion.", examples=["training_prohibited"])
    pairs: int = Field(description="Pairs that are excluded for it.", examples=[12])
    added: int = Field(description="Additional pairs that could be trained on if it were lifted.", examples=[9])


class LiftedRestriction(Answer):
    """A restriction that a person can lift: a reason, a use, a tag of the source, what a label or a steward says."""

    by: Literal["reason", "use", "tag", "label", "steward"] = Field(
        description="What kind of restriction it is.", examples=["label"]
    )
    name: str = Field(description="The reason, the use, the tag, the label or the steward.", examples=["urgent"])
    pairs: int = Field(description="Pairs that have it.", examples=[12])
    added: int = Field(description="Additional pairs that could be trained on if it were lifted.", examples=[9])
    may_validate: int = Field(
        description="How many more pairs could go to the validation split; negative where fewer could.", examples=[4]
    )


class TrainingSheetLifting(Answer):
    """How many pairs lifting each restriction alone would add. Nothing was changed."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    digest: str = Field(description="Its version: SHA-256 (hex).", examples=[_DIGEST])
    eligible: int = Field(description="Pairs that may be trained on now.", examples=[310])
    may_validate: int = Field(description="Those of them that may be validated on.", examples=[290])
    reasons: list[LiftedReason] = Field(description="Reasons for exclusion in the sheet that can be lifted.")
    restrictions: list[LiftedRestriction] = Field(
        description=(
            "Restrictions of pairs that can be lifted: these reasons, uses, tags, and the 20 labels and 20 "
            "stewards with the most pairs. Lifting a use that holds pairs out also frees the pairs that ask "
            "the same question; lifting the decision of a steward permits training on the pairs that the "
            "steward refused."
        )
    )
