"""What is asked of an engine about the pairs of a sheet, as plans: made once for all sheets that they fit."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.comparison import Comparison
from training_pipeline.domain.rules.constraints import names, words
from training_pipeline.domain.rules.examples.control_tokens import spells_control_token
from training_pipeline.domain.rules.examples.rendering import row_hash
from training_pipeline.domain.rules.examples.tool_definitions import with_tools
from training_pipeline.domain.rules.examples.validity import has_messages
from training_pipeline.domain.rules.gates import judge_each
from training_pipeline.domain.rules.neighbours import Examples, judge_together, tell_ties
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.rules.text.characters import trimmed
from training_pipeline.domain.rules.text.normal_form import normal_form_table
from training_pipeline.domain.usage import TagConstraints, Use
from training_pipeline.sheets.kept_plans import kept
from training_pipeline.sheets.plan import Dialect, Plan, Planner

#: The table of what questions are read of: `asks` tells whether the question of a row is wanted.
ASKING: Final = ibis.schema({"number": "int64", "wanted_id": "string", "asks": "bool"})
#: The table of pairs whose verdict is known.
PASSED: Final = ibis.schema({"pair_id": "string"})
#: Of every pair what is read of its text.
TEXTS: Final = ibis.schema({name: PAIR_SCHEMA[name] for name in ("pair_id", "messages", "tools")})
#: Of every pair its canonical label, and what constrains it.
LABELS: Final = (
    "canonical_label_id",
    "label_allowed_uses",
    "label_prohibited_uses",
    "label_data_classification",
    "label_usage_reason",
)


@lru_cache(maxsize=32)
@kept
def verdicts_plan(dialect: Dialect, tags: TagConstraints, policy: GatePolicy, use: Use = Use.TRAINING) -> Plan:
    """The verdicts of `judge_together` on all pairs: may they have this use?"""
    planner = Planner(dialect)
    # It holds the text, so it is not kept.
    required = policy.require_constraints_set_by
    each = judge_each(planner.pairs, tags, use=use, keep=planner.keep, require_constraints_set_by=required)
    alone = planner.name(each)
    comparison = comparison_of(planner)
    hashed = planner.keep(comparison.of(alone))
    examples = _examples(planner, comparison)
    return planner.plan(judge_together(hashed, policy, examples_of=examples, keep=planner.keep))


@lru_cache(maxsize=8)
def ties_plan(dialect: Dialect, tags: TagConstraints, policy: GatePolicy) -> Plan:
    """What `tell_ties` tells of all pairs, as if each valid one could be trained on, and each that states so itself
    were kept for evaluation or testing. `alone` and `holds_out` are what holds.
    """
    planner = Planner(dialect)
    required = policy.require_constraints_set_by
    alone = planner.name(judge_each(planner.pairs, tags, keep=planner.keep, require_constraints_set_by=required))
    comparison = comparison_of(planner)
    invalid = str(Reason.INVALID)
    stated = words(planner.pairs.allowed_uses)
    kept_for = names(stated, Use.EVALUATION) | names(stated, Use.TESTING)
    kept = planner.keep(planner.pairs.filter(kept_for).select(kept_id="pair_id").distinct())
    liftable = alone.mutate(
        alone=alone.reason,
        reason=ibis.cases((alone.reason == invalid, invalid)),
        holds_out=alone.held_out,
        held_out=alone.pair_id.isin(kept.kept_id),
    )
    hashed = planner.keep(comparison.of(planner.name(liftable)))
    examples = _examples(planner, comparison)
    return planner.plan(tell_ties(hashed, policy, examples_of=examples, keep=planner.keep))


@lru_cache(maxsize=32)
def alone_plan(dialect: Dialect, tags: TagConstraints, policy: GatePolicy) -> Plan:
    """Of each pair on its own: `pair_id`, `reason`, `prohibited`, `held_out`, `may_validate`."""
    planner = Planner(dialect)
    required = policy.require_constraints_set_by
    alone = judge_each(planner.pairs, tags, keep=planner.keep, require_constraints_set_by=required)
    return planner.plan(alone.select("pair_id", "reason", "prohibited", "held_out", "may_validate"))


@lru_cache(maxsize=32)
@kept
def held_out_plan(dialect: Dialect, tags: TagConstraints, policy: GatePolicy) -> Plan:
    """`asked`: what pairs ask that may be evaluated or tested on, and not trained on."""
    planner = Planner(dialect)
    comparison = comparison_of(planner)
    asked = comparison.questions(_held_out(planner, planner.pairs, tags, policy))
    return planner.plan(asked.select("asked").distinct())


@lru_cache(maxsize=32)
@kept
def held_out_questions_plan(dialect: Dialect, tags: TagConstraints, policy: GatePolicy) -> Plan:
    """The texts of the same, marked as in `Comparison.turn_texts`: `asks`. Pairs of the table `passed` beside the pairs
    are not looked at.
    """
    planner = Planner(dialect)
    comparison = comparison_of(planner)
    others = planner.name(planner.pairs.anti_join(planner.beside("passed", PASSED), "pair_id"))
    named = comparison.turn_texts(_held_out(planner, others, tags, policy).select("messages"))
    return planner.plan(named.select(asks=named.asks.unnest()).distinct())


@lru_cache(maxsize=32)
@kept
def shown_plan(dialect: Dialect) -> Plan:
    """What each pair shows, whatever its verdict: `pair_id`, `item_ref` and `canonical_label_id` as verdicts have them,
    `row_hash`, and `shown`, the hash of the whole example, then of those that its turns show, between blanks.
    """
    planner = Planner(dialect)
    return planner.plan(comparison_of(planner).shown(planner.name(_named(planner, dialect))))


@lru_cache(maxsize=32)
@kept
def known_plan(dialect: Dialect) -> Plan:
    """What each pair shows, as `shown_plan` has it, with `asked`, the hashes of its questions."""
    planner = Planner(dialect)
    comparison = comparison_of(planner)
    asking = planner.name(comparison.questions(planner.name(_named(planner, dialect))))
    return planner.plan(comparison.shown(asking))


def _named(planner: Planner, dialect: Dialect) -> ir.Table:
    pairs = planner.pairs
    return pairs.select(
        "pair_id",
        "messages",
        item_ref=trimmed(pairs.item_ref).nullif(""),
        canonical_label_id=trimmed(pairs.canonical_label_id).nullif(""),
        row_hash=row_hash(with_tools(dialect.rendered(pairs.messages), pairs.tools)),
    )


@lru_cache(maxsize=32)
@kept
def copies_plan(dialect: Dialect) -> Plan:
    """What pairs are copies by, whatever their verdict: `pair_id`, and `copy_hash`, equal for copies alone."""
    planner = Planner(dialect)
    pairs = planner.pairs.filter(has_messages(planner.pairs.messages)).select("pair_id", "messages", "tools")
    return planner.plan(comparison_of(planner).copies(planner.name(pairs)))


@lru_cache(maxsize=32)
@kept
def questions_plan(dialect: Dialect) -> Plan:
    """Of the rows of the table `wanted` beside `TEXTS`, in order: `number`, what it `asks` where that is wanted, as in
    `Comparison.turn_texts`, and whether any of its texts spells a control token, as `controlled`; only rows of which
    either is to be told.
    """
    planner = Planner(dialect, TEXTS)
    comparison = comparison_of(planner)
    wanted = planner.beside("wanted", ASKING)
    said = planner.pairs.inner_join(wanted, planner.pairs.pair_id == wanted.wanted_id)
    looked_at = said.select(
        "number",
        messages=ibis.cases((said.asks, said.messages)),
        controlled=spells_control_token(said.messages).fill_null(False),
    )
    # The filter comes after, so that no engine works out the questions for it and once more for the row.
    asked = planner.name(comparison.turn_texts(looked_at))
    told = asked.filter(asked.asks.notnull() | asked.controlled).select("number", "controlled", "asks")
    return planner.plan(told.order_by("number"))


@lru_cache(maxsize=32)
@kept
def labels_plan(dialect: Dialect) -> Plan:
    """The canonical labels of all pairs: the columns `LABELS`, each row once."""
    planner = Planner(dialect)
    labeled = planner.pairs.filter(planner.pairs.canonical_label_id.notnull())
    return planner.plan(labeled.select(*LABELS).distinct())


def _examples(planner: Planner, comparison: Comparison) -> Examples:
    def examples(ids: ir.Table) -> ir.Table:
        pairs = planner.pairs.select("pair_id", "messages")
        if planner.dialect.filters_early:
            return planner.name(comparison.examples(pairs)).semi_join(ids, "pair_id")
        return comparison.examples(pairs.semi_join(ids, "pair_id"))

    return examples


def _held_out(planner: Planner, pairs: ir.Table, tags: TagConstraints, policy: GatePolicy) -> ir.Table:
    required = policy.require_constraints_set_by
    alone = planner.name(judge_each(pairs, tags, keep=planner.keep, require_constraints_set_by=required))
    return alone.filter(alone.held_out)


def comparison_of(planner: Planner) -> Comparison:
    """How texts are compared in a plan: with the table of normal forms as one of its steps."""
    forms = planner.constant(normal_form_table(planner.pairs))
    return Comparison(planner.dialect.words, planner.dialect.rendered, forms)
