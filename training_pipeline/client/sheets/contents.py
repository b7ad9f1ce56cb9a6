"""What is in a training sheet beside its verdicts. Counts and ids are kept under its digest, texts nowhere."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from training_pipeline.app.container import Services
from training_pipeline.client.sheets.finding import finding, judged_digest
from training_pipeline.datasets import pair_texts
from training_pipeline.datasets.lifting import Lifting, lifting
from training_pipeline.datasets.near_groups import NearGroups, near_groups
from training_pipeline.datasets.token_lengths import SheetLengths, sheet_lengths, tokenizer_of
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.advice.facts import TokenLengths, whole
from training_pipeline.domain.errors import Forbidden, NotFound, SheetChanged
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS
from training_pipeline.schemas.sheet_contents import (
    Conversation,
    LengthBin,
    LiftedReason,
    LiftedRestriction,
    NearDuplicateGroup,
    PairConversations,
    SheetMessage,
    TrainingSheetLengths,
    TrainingSheetLifting,
    TrainingSheetNearDuplicates,
)
from training_pipeline.sheets.base import OpenSheet

#: Bars of a histogram, about.
_BARS: Final = 20


def sees_every_text(services: Services, caller: Caller) -> bool:
    """Whether the caller may read pairs that may not be trained on: who decides about them must.

    In tables, they stay where they are, whoever asks.
    """
    return caller.may_act_as(Role.STEWARD) and services.settings.sheet_source == "files"


def pair_conversations(services: Services, caller: Caller, sheet_id: str, pair_id: str) -> PairConversations:
    """What a pair says. Raises `NotFound`, and `Forbidden` where only a steward may read it."""
    withdrawn = services.revocations.withdrawn(sheet_id)
    judged = judged_digest(services, sheet_id, withdrawn)
    with services.known_versions.open(sheet_id) as opened:
        if opened.digest != judged:
            raise SheetChanged(f"Training sheet '{sheet_id}' was changed while it was read.", hint="Try again.")
        if not _may_read(services, caller, opened, pair_id, withdrawn):
            raise Forbidden(
                f"Pair '{pair_id}' may not be trained on, or its sheet is not approved: only a steward reads its text.",
                hint="Ask a steward.",
            )
        found = pair_texts.conversations(opened, pair_id)
        digest = opened.digest
    return PairConversations(
        training_sheet_id=sheet_id, digest=digest, pair_id=pair_id, conversations=[_conversation(one) for one in found]
    )


def _may_read(services: Services, caller: Caller, opened: OpenSheet, pair_id: str, withdrawn: Withdrawn) -> bool:
    page = services.sheet_rows.page(opened.sheet.id, opened.digest, withdrawn=withdrawn, among=[pair_id], limit=1)
    if not page.total:
        raise NotFound(f"There is no pair '{pair_id}' in training sheet '{opened.sheet.id}'.")
    return sees_every_text(services, caller) or (
        page.rows[0].reason is None and opened.sheet.status in TRAINABLE_SHEETS
    )


def _conversation(found: pair_texts.Conversation) -> Conversation:
    messages = [
        SheetMessage.model_validate({**message, "tool_calls": _objects(message.get("tool_calls"))})
        for message in found.messages
    ]
    return Conversation(messages=messages, tools=_objects(found.tools))


def _objects(text: str | None) -> list[dict[str, Any]]:
    found = json.loads(text) if text else []
    return [one for one in found if isinstance(one, dict)]


def lengths(services: Services, sheet_id: str, base_model: str | None, max_length: int | None) -> TrainingSheetLengths:
    """Token lengths for a base model, else the default one. Raises `InvalidRequest` for one that is none."""
    asked = TrainingConfig() if max_length is None else TrainingConfig(max_length=max_length)
    plan = services.backend.plan(base_model, asked, train_pairs=None)
    told = tokenizer_of(services.backend, plan.base_model) or ""
    of = finding(
        services,
        sheet_id,
        SheetLengths,
        lambda opened, withdrawn: sheet_lengths(opened, services.policy, services.backend, plan, withdrawn=withdrawn),
        told=told,
    )
    found = of.found
    most = whole(plan.config.max_length)
    return TrainingSheetLengths(
        training_sheet_id=sheet_id,
        digest=of.digest,
        base_model=plan.base_model,
        is_estimate=found.is_estimate,
        pairs=found.pairs,
        eligible=found.eligible,
        max_length=most,
        cut=found.lengths.cut(most),
        share_cut=found.lengths.cut(most) / found.pairs if found.pairs else 0.0,
        median=found.lengths.quantile(0.5),
        longest=found.lengths.quantile(1.0),
        bins=histogram(found.lengths),
    )


def histogram(found: TokenLengths) -> list[LengthBin]:
    """About twenty bars of one width, which is a round number, from 1 to the longest."""
    if not found.counts:
        return []
    width = _round_up(max(1, math.ceil(max(found.counts) / _BARS)))
    counts = [0] * (max(found.counts) // width + 1)
    for length, pairs in found.counts.items():
        counts[max(0, length - 1) // width] += pairs
    while counts and not counts[-1]:
        counts.pop()
    return [
        LengthBin(least=number * width + 1, most=(number + 1) * width, pairs=pairs)
        for number, pairs in enumerate(counts)
    ]


def _round_up(width: int) -> int:
    power = int(10 ** (len(str(width)) - 1))
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= width)


def near_duplicates(services: Services, sheet_id: str) -> TrainingSheetNearDuplicates:
    """Groups of pairs that ask the same, or nearly."""
    of = finding(
        services,
        sheet_id,
        NearGroups,
        lambda opened, withdrawn: near_groups(opened, services.policy, withdrawn=withdrawn),
    )
    found = of.found
    return TrainingSheetNearDuplicates(
        training_sheet_id=sheet_id,
        digest=of.digest,
        similarity=found.similarity,
        groups=found.groups,
        pairs=found.pairs,
        largest=[NearDuplicateGroup.model_validate(group) for group in found.largest],
    )


def what_lifting_adds(services: Services, sheet_id: str) -> TrainingSheetLifting:
    """What lifting each restriction alone would add. Raises `Conflict` where the pairs are judged elsewhere."""
    of = finding(
        services, sheet_id, Lifting, lambda opened, withdrawn: lifting(opened, services.policy, withdrawn=withdrawn)
    )
    found = of.found
    told = [LiftedRestriction.model_validate(one) for one in found.restrictions]
    return TrainingSheetLifting(
        training_sheet_id=sheet_id,
        digest=of.digest,
        eligible=found.eligible,
        may_validate=found.may_validate,
        reasons=[LiftedReason(reason=one.name, pairs=one.pairs, added=one.added) for one in told if one.by == "reason"],
        restrictions=told,
    )
