"""The two gates: one verdict and one reason for every pair, as Ibis expressions over `PAIR_SCHEMA`.

`judge_each` looks at every pair on its own, `judge_together` (in `neighbours.py`) at what its neighbours in the sheet
say. Both compile for any engine that Ibis knows. Missing, null or unknown constraints deny.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.rules.constraints import all_known, classification, names, strictness, words
from training_pipeline.domain.rules.examples.tool_definitions import has_sound_tools
from training_pipeline.domain.rules.examples.validity import chat_letters, is_chat
from training_pipeline.domain.rules.policy import Reason, not_allowed, prohibited_reason
from training_pipeline.domain.rules.text.characters import is_blank, trimmed, word_of
from training_pipeline.domain.usage import REVIEW_WORDS, STRICTNESS, Status, TagConstraints, Use

#: How an engine may hold an intermediate table that is small or read several times.
Keep = Callable[[ir.Table], ir.Table]


def unkept(table: ir.Table) -> ir.Table:
    """The table as it is: nothing is held."""
    return table


_CARRIED: Final = ("reviewed_by", "reviewed_at", "constraints_set_by", "constraints_set_at")


def _status(word: ir.StringValue) -> ir.StringValue:
    """The `Status` that a word stands for; null for an unknown word."""
    return ibis.cases(
        (word == "", str(Status.UNLABELED)),
        (word.isin([str(known) for known in Status]), word),
        *((word == review, str(meaning)) for review, meaning in REVIEW_WORDS.items()),
    )


def _facts(pairs: ir.Table) -> ir.Table:
    """The constraints of each pair as short texts, which are cheap to compare more than once."""
    return pairs.select(
        "pair_id",
        "messages",
        "tools",
        *_CARRIED,
        item_ref=trimmed(pairs.item_ref).nullif(""),
        canonical_label_id=trimmed(pairs.canonical_label_id).nullif(""),
        named=~is_blank(pairs.pair_id) & ~is_blank(pairs.item_ref),
        sound_tools=has_sound_tools(pairs.tools),
        chat=chat_letters(pairs.messages),
        status=word_of(pairs.status),
        allowed=words(pairs.allowed_uses),
        prohibited=words(pairs.prohibited_uses),
        label_allowed=words(pairs.label_allowed_uses),
        label_prohibited=words(pairs.label_prohibited_uses),
        classification=word_of(pairs.data_classification),
        label_classification=word_of(pairs.label_data_classification),
        usage_reason=trimmed(pairs.usage_reason).nullif(""),
        label_usage_reason=trimmed(pairs.label_usage_reason).nullif(""),
    )


def judge_each(
    pairs: ir.Table,
    tags: TagConstraints,
    *,
    use: Use = Use.TRAINING,
    keep: Keep = unkept,
    require_constraints_set_by: bool = False,
) -> ir.Table:
    """Judge each pair of `pairs` (`PAIR_SCHEMA`) on its own: may it have this `use`? `keep` may store a small table, so
    that it is not part of the query that reads the text: DuckDB stores what a query reads twice. With
    `require_constraints_set_by` the constraints of a pair count as forgotten where nobody is recorded to have set them.

    Returns one row a pair: `pair_id`, `item_ref` and `canonical_label_id` (trimmed, null where blank),
    `reviewed_by`, `reviewed_at`, `constraints_set_by`, `constraints_set_at`, `messages`, `tools`, and
    `reason` (null where both gates are open), `may_validate`, `classification` (the strictest of pair, label and tags),
    `usage_reason`, `prohibited` (the use is prohibited), `held_out` (may be evaluated or tested on, not trained on; of
    another use than training no pair is). Of that use are the names of reasons, too: `evaluation_prohibited`.
    """
    ambiguous = keep(pairs.group_by(ambiguous_id=pairs.pair_id).having(lambda group: group.count() > 1).agg())
    # The join keeps Ibis from folding the facts into the verdict, where each would be computed again at every use.
    facts = _facts(pairs).left_join(ambiguous, ibis._.pair_id == ambiguous.ambiguous_id)

    def allowed(use: Use) -> ir.BooleanValue:
        return names(facts.allowed, use).fill_null(False) & names(facts.label_allowed, use).fill_null(True)

    def prohibited(use: Use) -> ir.BooleanValue:
        by_pair = names(facts.prohibited, use).fill_null(False)
        return by_pair | names(facts.label_prohibited, use).fill_null(False) | (use in tags.prohibits)

    def permitted(use: Use) -> ir.BooleanValue:
        return allowed(use) & ~prohibited(use)

    of_pair, of_label = strictness(facts.classification), strictness(facts.label_classification)
    # Everything is said that must be said, and every word is known.
    stated = (
        all_known(facts.allowed).fill_null(False)
        & all_known(facts.prohibited).fill_null(False)
        & all_known(facts.label_allowed).fill_null(True)
        & all_known(facts.label_prohibited).fill_null(True)
        & (of_pair >= 0).fill_null(False)
        & of_label.notnull()
    )
    if require_constraints_set_by:
        stated &= ~is_blank(facts.constraints_set_by)
    of_tags = -1 if tags.classification is None else STRICTNESS.index(tags.classification)
    strictest = ibis.greatest(of_pair.fill_null(-1), of_label.fill_null(-1), of_tags)
    status = _status(facts.status)
    valid = facts.named & facts.sound_tools & is_chat(facts.chat) & status.notnull() & facts.ambiguous_id.isnull()
    reason = ibis.cases(
        (~valid, str(Reason.INVALID)),
        (status == str(Status.UNLABELED), str(Reason.UNLABELED)),
        (status == str(Status.REJECTED), str(Reason.REJECTED)),
        (status == str(Status.FLAGGED), str(Reason.FLAGGED)),
        (~(stated & allowed(use)), not_allowed(use)),
        (prohibited(use), prohibited_reason(use)),
    )
    return facts.select(
        "pair_id",
        "item_ref",
        "canonical_label_id",
        *_CARRIED,
        "messages",
        "tools",
        reason=reason,
        may_validate=stated & permitted(Use.VALIDATION),
        classification=classification(strictest),
        usage_reason=ibis.coalesce(
            facts.usage_reason, facts.label_usage_reason, ibis.literal(tags.reason or None, type="string")
        ),
        # These two take pairs out of training for the sake of others, so forgotten fields do not weaken them.
        prohibited=prohibited(use),
        held_out=~(stated & permitted(Use.TRAINING)) & (permitted(Use.EVALUATION) | permitted(Use.TESTING))
        if use is Use.TRAINING
        else ibis.literal(False),
    )
