"""What a pair's neighbours in the sheet say of it: prohibited examples, held-out questions, copies, instructions.

Questions and examples are compared by hashes of their loose form, copies by that of the strict one (`comparison.py`).
Nearly all pairs have one of each, and are compared by plain equality; the few conversations with several are compared
once for each different text of hashes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.rules.gates import Keep, unkept
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.rules.text.dialects import where
from training_pipeline.domain.rules.turns import ALONE, HASH_DIGITS, LATER, is_outright

#: `pair_id` and `example`, the hash of the whole example, of the pairs whose ids stand in a table.
Examples = Callable[[ir.Table], ir.Table]
#: What stands before the hash of what only meets a part of another pair.
WITHIN: Final = "*"
#: What `tell_ties` says of a pair.
TIED: Final = (
    *("pair_id", "item_ref", "canonical_label_id", "constraints_set_by", "alone", "prohibited", "holds_out"),
    *("may_validate", "row_hash", "copy_hash", "prompt_hash"),
)


def judge_together(judged: ir.Table, policy: GatePolicy, *, examples_of: Examples, keep: Keep = unkept) -> ir.Table:
    """Finish the verdicts of `judge_each`, to which `Comparison.of` added what is compared.

    `examples_of` is asked for the few pairs of one turn that ask the same as a prohibited one. `keep` may store a small
    table that is read several times. Returns the columns of `judged` but for what only the comparison needs, with the
    final `reason` and `may_validate` (false for excluded pairs), and `prompt_hash`: the hashes of the questions that
    tie the pair, between blanks, and marked by `+` those that its turns ask and that tie nothing; `instruction`: the
    first are put to so many items that they tie nothing either; `instructions`: all questions for which this holds;
    `kept_id`: the pair that is kept, for it and its duplicates.
    """
    questions = keep(_questions(judged, policy))
    conversations = keep(_conversations(judged, questions))
    examples = _prohibited_examples(judged, keep)
    wholes = examples.filter(examples.is_whole)
    shows = keep(
        _several(judged, "shown").semi_join(wholes, ibis._.hash == wholes.example).select("several").distinct()
    )
    identical = keep(_identical(judged, examples, examples_of, keep))
    joined = (
        judged.left_join(questions, judged.asked == questions.question)
        .left_join(conversations, _key(judged.asked) == conversations.conversation)
        .left_join(examples, judged.shown.left(HASH_DIGITS) == examples.example)
        .left_join(shows, _key(judged.shown) == shows.several)
        .left_join(identical, judged.pair_id == identical.identical_id)
    )
    one_question = joined.conversation.isnull()
    is_instruction = joined.is_instruction.fill_null(False)
    prohibited = joined.example.notnull() | joined.several.notnull() | joined.identical_id.notnull()
    asked_outright = joined.is_held_out | joined.is_held_out_within
    held_out = ibis.cases((one_question, asked_outright), else_=joined.asks_held_out).fill_null(False)
    known = joined.select(
        *(name for name in judged.columns if name not in {"reason", "asked", "shown"}),
        reason=ibis.coalesce(
            joined.reason,
            where(
                prohibited | held_out,
                ibis.cases((prohibited, str(Reason.IDENTICAL_TO_PROHIBITED)), else_=str(Reason.HELD_OUT_PROMPT)),
            ),
        ),
        prompt_hash=_prompt_hash(joined),
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
    kept_id = where(final.reason.isnull(), final.kept_id)
    duplicate = (final.pair_id != kept_id).fill_null(False)
    return final.select(
        *(name for name in known.columns if name not in {"reason", "may_validate", "copy_hash"}),
        reason=ibis.cases((duplicate, str(Reason.DUPLICATE)), else_=final.reason),
        may_validate=final.reason.isnull() & ~duplicate & final.may_validate & final.all_may_validate.fill_null(True),
        kept_id=kept_id,
    )


def tell_ties(judged: ir.Table, policy: GatePolicy, *, examples_of: Examples, keep: Keep = unkept) -> ir.Table:
    """What `judge_together` looks at, for verdicts of `judge_each` that may yet change: `judged` must have no reason
    where a pair could be trained on by any of them, and must prohibit and hold out all that any of them does.

    One row a pair of `kind` `pair` with the columns of `TIED`; and rows with only `pair_id` and a `hash`, for what a
    pair `forbids` and `shows` (examples), and what it `holds` out and `asks` (questions): only what pairs have that
    forbid or hold out. A pair is left out for an example that another one forbids, and for a question that another one
    holds out. What a pair forbids or holds out in the midst of it alone is marked by `WITHIN`, and so is the whole of
    what others show or ask outright: an unmarked hash is not its equal.
    """
    questions = keep(_questions(judged, policy))
    conversations = keep(_conversations(judged, questions))
    examples = _prohibited_examples(judged, keep)
    wholes, within = examples.filter(examples.is_whole), examples.filter(examples.is_within)
    several = judged.filter(judged.shown.notnull()).mutate(whole=judged.shown.left(HASH_DIGITS))
    shown = several.select("pair_id", "prohibited", "whole", hash=several.shown.split(" ").unnest())
    forbids = shown.filter(shown.prohibited)
    alone = examples_of(_suspects(judged, keep)).view()
    asked = judged.select("pair_id", "held_out", hash=judged.asked.split(" ").unnest())
    outright = is_outright(asked.hash)
    asks = asked.select(
        "pair_id", "held_out", outright=outright, hash=ibis.cases((outright, asked.hash), else_=asked.hash.substr(1))
    )
    held_out = questions.filter(questions.is_held_out)
    later = questions.filter(questions.is_held_out_within)
    reserved = asks.semi_join(held_out, asks.hash == held_out.question)
    reserved_within = asks.semi_join(later, asks.hash == later.question)
    mark = ibis.literal(WITHIN)
    links = {
        "forbids": forbids.select(
            "pair_id", hash=ibis.cases((forbids.hash == forbids.whole, forbids.hash), else_=mark + forbids.hash)
        ).distinct(),
        "shows": shown.filter(shown.hash.isin(wholes.example)).select("pair_id", "hash"),
        "shows_within": several.filter(several.whole.isin(within.example)).select("pair_id", hash=mark + several.whole),
        "shows_alone": alone.filter(alone.example.isin(wholes.example)).select("pair_id", hash=alone.example),
        "shows_alone_within": alone.filter(alone.example.isin(within.example)).select(
            "pair_id", hash=mark + alone.example
        ),
        "asks": reserved.select("pair_id", "hash"),
        "asks_within": reserved_within.filter(reserved_within.outright).select(
            "pair_id", hash=mark + reserved_within.hash
        ),
        "holds": reserved.filter(reserved.outright & reserved.held_out).select("pair_id", "hash"),
        "holds_within": reserved_within.filter(~reserved_within.outright & reserved_within.held_out).select(
            "pair_id", hash=mark + reserved_within.hash
        ),
    }
    joined = judged.left_join(conversations, _key(judged.asked) == conversations.conversation)
    pairs = joined.select(*(name for name in TIED if name != "prompt_hash"), prompt_hash=_prompt_hash(joined))
    pairs = pairs.mutate(kind=ibis.literal("pair"), hash=ibis.null("string"))
    schema = pairs.schema()
    nothing = {name: ibis.null(schema[name]) for name in TIED if name != "pair_id"}
    found = [
        table.mutate(**nothing, kind=ibis.literal(kind.partition("_")[0])).select(*schema.names)
        for kind, table in links.items()
    ]
    return ibis.union(pairs, *found)


def _prompt_hash(joined: ir.Table) -> ir.StringValue:
    tying = ibis.coalesce(joined.ties, joined.put_to_many) + joined.others.fill_null("")
    return ibis.cases((joined.conversation.isnull(), joined.asked), else_=tying)


def _several(judged: ir.Table, column: str) -> ir.Table:
    """The hashes in texts with more than one of them: a row for each `hash`, and the key of its text as `several`.

    A long conversation has hundreds: its whole text beside each of them would be more than memory holds.
    """
    texts = judged.filter(judged[column].length() > HASH_DIGITS).select(whole=column).distinct()
    # As a view, for else the key would be made for each row.
    listed = texts.select(several=_key(texts.whole), hashes=texts.whole.split(" ")).view()
    return listed.select("several", hash=listed.hashes.unnest())


def _key(hashes: ir.StringValue) -> ir.StringValue:
    """What tells a text of several hashes from others; null for a text of one."""
    return where(hashes.length() > HASH_DIGITS, hashes.hexdigest("sha256"))


def _questions(judged: ir.Table, policy: GatePolicy) -> ir.Table:
    """Each `question` of which anything is to be known: put to too many items, and so an instruction
    (`is_instruction`); else asked by a held-out pair, outright (`is_held_out`) or in a longer question
    (`is_held_out_within`); or asked outright, and later in a conversation.
    """
    asked = judged.select("item_ref", "held_out", hash=judged.asked.split(" ").unnest())
    marked = ~is_outright(asked.hash)
    each = asked.select(
        question=ibis.cases((marked, asked.hash.substr(1)), else_=asked.hash),
        item_ref=where(~marked, asked.item_ref),
        held_out=~marked & asked.held_out,
        held_out_within=marked & asked.held_out,
        outright=~marked,
        marked=marked,
    )
    facts = ("held_out", "held_out_within", "outright", "marked")

    def known(group: ir.Table) -> dict[str, ir.Value]:
        return {fact: group[fact].any() for fact in facts}

    # Grouped by items first: counting distinct ones is dear.
    by_item = each.group_by("question", "item_ref").agg(**known(each))
    by_question = by_item.group_by("question").agg(items=by_item.item_ref.count(), **known(by_item))
    instruction = by_question["items"] > policy.instruction_prompt_items
    met = by_question.outright & by_question.marked
    return by_question.filter(instruction | by_question.held_out | met).select(
        "question",
        is_instruction=instruction,
        is_held_out=by_question.held_out & ~instruction,
        is_held_out_within=by_question.held_out_within & ~instruction,
    )


def _conversations(judged: ir.Table, questions: ir.Table) -> ir.Table:
    """For each text of several questions, by its key as `conversation`: `asks_held_out`, its `ties`, what it has
    `put_to_many`, and the `others`: what its turns ask, marked and each after a blank.
    """
    several = _several(judged, "asked")
    outright = is_outright(several.hash)
    found = several.select(
        "several",
        outright=outright,
        alone=several.hash.startswith(ALONE),
        asked=ibis.cases((outright, several.hash), else_=several.hash.substr(1)),
    )
    each = found.left_join(questions, found.asked == questions.question)
    instruction = each.is_instruction.fill_null(False)
    # A question that no pair asks outright is one of a conversation alone: it ties nothing on its own.
    ties = ~instruction & (each.outright | each.question.notnull())
    of_each = each.select(
        "several",
        asks_held_out=(each.is_held_out | (each.outright & each.is_held_out_within)).fill_null(False),
        tie=where(ties, each.asked),
        many=where(instruction & each.outright, each.asked),
        other=where(~ties & (each.outright | each.alone), ibis.literal(LATER) + each.asked),
    )
    return of_each.group_by(conversation="several").agg(
        asks_held_out=lambda group: group.asks_held_out.any(),
        ties=lambda group: _listed(group.tie),
        put_to_many=lambda group: _listed(group.many),
        others=lambda group: ibis.literal(" ") + _listed(group.other),
    )


def _listed(hashes: ir.StringColumn) -> ir.StringValue:
    """The hashes of a group in their order, between blanks; null where there are none."""
    return hashes.collect(where=hashes.notnull(), distinct=True).sort().join(" ").nullif("")


def _prohibited_examples(judged: ir.Table, keep: Keep) -> ir.Table:
    """Each `example` that a prohibited pair shows: all of one (`is_whole`), or one among others (`is_within`)."""
    prohibited = judged.filter(judged.prohibited & judged.shown.notnull()).select("shown").distinct()
    each = prohibited.select(whole=prohibited.shown.left(HASH_DIGITS), example=prohibited.shown.split(" ").unnest())
    return keep(
        each.group_by("example").agg(
            is_whole=lambda group: (group.example == group.whole).any(),
            is_within=lambda group: (group.example != group.whole).any(),
        )
    )


def _identical(judged: ir.Table, examples: ir.Table, examples_of: Examples, keep: Keep) -> ir.Table:
    """`identical_id`: the pairs of one turn that show a prohibited example, or one that a prohibited pair shows among
    others. The answers of others are not looked at.
    """
    shown = examples_of(_suspects(judged, keep)).view()
    return shown.filter(shown.example.isin(examples.example)).select(identical_id="pair_id")


def _suspects(judged: ir.Table, keep: Keep) -> ir.Table:
    """`pair_id`: the pairs of one turn that ask what a prohibited one asks, outright or not."""
    prohibited = judged.filter(judged.prohibited)
    asked = prohibited.select(hash=prohibited.asked.fill_null("").split(" ").unnest())
    forbidden = asked.select(
        question=ibis.cases((is_outright(asked.hash), asked.hash), else_=asked.hash.substr(1))
    ).distinct()
    unsettled = judged.filter(judged.reason.isnull() & judged.shown.isnull())
    asking = unsettled.select("pair_id", question=unsettled.asked.fill_null(""))
    return keep(asking.semi_join(forbidden, "question").select("pair_id"))
