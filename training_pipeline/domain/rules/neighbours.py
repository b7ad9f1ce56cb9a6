"""What a pair's neighbours in the sheet say of it: prohibited examples, held-out questions, copies, instructions.

Questions and examples are compared by hashes of their loose form, copies by that of the strict one (`comparison.py`).
Nearly all pairs have one of each, and are compared by plain equality; the few conversations with several are compared
once for each different text of hashes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.rules.comparison import HASH_DIGITS
from training_pipeline.domain.rules.gates import Keep, unkept
from training_pipeline.domain.rules.policy import GatePolicy, Reason

#: `pair_id` and `example`, the hash of the whole example, of the pairs whose ids stand in a table.
Examples = Callable[[ir.Table], ir.Table]


def judge_together(judged: ir.Table, policy: GatePolicy, *, examples_of: Examples, keep: Keep = unkept) -> ir.Table:
    """Finish the verdicts of `judge_each`, to which `Comparison.of` added what is compared.

    `examples_of` is asked for the few pairs of one turn that ask the same as a prohibited one. `keep` may store a small
    table that is read several times. Returns the columns of `judged` but for what only the comparison needs, with the
    final `reason` and `may_validate` (false for excluded pairs), and `prompt_hash`: the hashes of the questions that
    tie the pair, between blanks; `instruction`: they are put to so many items that they tie nothing; `instructions`:
    all questions of the pair for which this holds.
    """
    several = keep(_several(judged, "asked"))
    hits = _Questions.of(judged, several, policy, keep)
    examples = _prohibited_examples(judged, keep)
    shows = keep(
        _several(judged, "shown").semi_join(examples, ibis._.hash == examples.example).select("whole").distinct()
    )
    identical = keep(_identical(judged, examples, examples_of, keep))
    joined = (
        judged.left_join(hits.instructions, judged.asked == hits.instructions.instruction_prompt)
        .left_join(hits.held_out, judged.asked == hits.held_out.held_out_prompt)
        .left_join(hits.conversations, judged.asked == hits.conversations.conversation)
        .left_join(examples, judged.shown == examples.example)
        .left_join(shows, judged.shown == shows.whole)
        .left_join(identical, judged.pair_id == identical.identical_id)
    )
    one_question = joined.conversation.isnull()
    is_instruction = joined.instruction_prompt.notnull()
    prohibited = joined.example.notnull() | joined.whole.notnull() | joined.identical_id.notnull()
    held_out = joined.held_out_prompt.notnull() | joined.asks_held_out.fill_null(False)
    known = joined.select(
        *(name for name in judged.columns if name not in {"reason", "asked", "shown"}),
        reason=ibis.coalesce(
            joined.reason,
            ibis.cases((prohibited, str(Reason.IDENTICAL_TO_PROHIBITED)), (held_out, str(Reason.HELD_OUT_PROMPT))),
        ),
        prompt_hash=ibis.cases((one_question, joined.asked), else_=ibis.coalesce(joined.ties, joined.put_to_many)),
        instruction=ibis.cases(
            (one_question, is_instruction), else_=joined.ties.isnull() & joined.put_to_many.notnull()
        ),
        instructions=ibis.cases((is_instruction, joined.asked), else_=joined.put_to_many),
    )
    copies = keep(
        known.filter(known.reason.isnull())
        .group_by(copied_hash="copy_hash")
        .having(lambda group: group.count() > 1)
        .agg(kept_id=lambda group: group.pair_id.min(), all_may_validate=lambda group: group.may_validate.all())
    )
    final = known.left_join(copies, known.copy_hash == copies.copied_hash)
    duplicate = final.reason.isnull() & (final.pair_id != final.kept_id).fill_null(False)
    return final.select(
        *(name for name in known.columns if name not in {"reason", "may_validate", "copy_hash"}),
        reason=ibis.cases((duplicate, str(Reason.DUPLICATE)), else_=final.reason),
        may_validate=final.reason.isnull() & ~duplicate & final.may_validate & final.all_may_validate.fill_null(True),
    )


def _several(judged: ir.Table, column: str) -> ir.Table:
    """The hashes in texts with more than one of them: each `whole` text, and a row for each `hash` in it."""
    texts = judged.filter(judged[column].length() > HASH_DIGITS).select(whole=column).distinct()
    return texts.select("whole", hash=texts.whole.split(" ").unnest())


@dataclass(frozen=True, slots=True)
class _Questions:
    """What is known of questions, from all pairs of the sheet."""

    #: `instruction_prompt`: questions that are put to too many items.
    instructions: ir.Table
    #: `held_out_prompt`: questions of held-out pairs, but for instructions.
    held_out: ir.Table
    #: For each text of several questions, `conversation`: `asks_held_out`, its `ties`, and what it has `put_to_many`.
    conversations: ir.Table

    @staticmethod
    def of(judged: ir.Table, several: ir.Table, policy: GatePolicy, keep: Keep) -> _Questions:
        items = policy.instruction_prompt_items
        marked = several.hash.startswith("+")
        outright = several.filter(~marked)
        columns = ("item_ref", "held_out")
        single = judged.filter(judged.asked.length() <= HASH_DIGITS).select(*columns, question="asked")
        many = judged.inner_join(outright, judged.asked == outright.whole).select(*columns, question="hash")
        asked = single.union(many)
        # Counting distinct items is dear; few questions are asked often enough to need it.
        frequent = asked.group_by("question").having(lambda group: group.count() > items).agg()
        instructions = keep(
            asked.semi_join(frequent, "question")
            .group_by(instruction_prompt="question")
            .having(lambda group: group.item_ref.nunique() > items)
            .agg()
        )
        held_out = keep(
            asked.filter(asked.held_out)
            .anti_join(instructions, ibis._.question == instructions.instruction_prompt)
            .select(held_out_prompt="question")
            .distinct()
        )
        found = keep(
            several.select("whole", "hash", question=ibis.cases((marked, several.hash.substr(1)), else_=several.hash))
        )
        known = asked.semi_join(found, "question").select(known="question").distinct()
        each = (
            found.left_join(instructions, found.question == instructions.instruction_prompt)
            .left_join(held_out, found.question == held_out.held_out_prompt)
            .left_join(known, found.question == known.known)
        )
        instruction = each.instruction_prompt.notnull()
        of_each = each.select(
            "whole",
            asks_held_out=each.held_out_prompt.notnull(),
            # A question that no pair asks outright is one of a conversation alone: it ties nothing by itself.
            tie=ibis.cases((~instruction & each.known.notnull(), each.question)),
            many=ibis.cases((instruction & (each.hash == each.question), each.question)),
        )
        conversations = of_each.group_by(conversation="whole").agg(
            asks_held_out=lambda group: group.asks_held_out.any(),
            ties=lambda group: _listed(group.tie),
            put_to_many=lambda group: _listed(group.many),
        )
        return _Questions(instructions, held_out, keep(conversations))


def _listed(hashes: ir.StringColumn) -> ir.StringValue:
    """The hashes of a group in their order, between blanks; null where there are none."""
    return hashes.collect(where=hashes.notnull(), distinct=True).sort().join(" ").nullif("")


def _prohibited_examples(judged: ir.Table, keep: Keep) -> ir.Table:
    prohibited = judged.filter(judged.prohibited & judged.shown.notnull())
    return keep(prohibited.select(example=prohibited.shown.left(HASH_DIGITS)).distinct())


def _identical(judged: ir.Table, examples: ir.Table, examples_of: Examples, keep: Keep) -> ir.Table:
    """`identical_id`: the pairs of one turn that show a prohibited example. The answers of others are not looked at."""
    forbidden = judged.filter(judged.prohibited).select(question=judged.asked.fill_null("")).distinct()
    unsettled = judged.filter(judged.reason.isnull() & judged.shown.isnull())
    asking = unsettled.select("pair_id", question=unsettled.asked.fill_null(""))
    suspects = keep(asking.semi_join(forbidden, "question").select("pair_id"))
    shown = examples_of(suspects).view()
    return shown.filter(shown.example.isin(examples.example)).select(identical_id="pair_id")
