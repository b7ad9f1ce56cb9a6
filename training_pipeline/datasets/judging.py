"""What the gates ask of an engine, as plans: made once for all sheets with the same tags and policy."""

from __future__ import annotations

from functools import lru_cache

import ibis.expr.types as ir

from training_pipeline.domain.rules.comparison import Comparison
from training_pipeline.domain.rules.gates import judge_each
from training_pipeline.domain.rules.neighbours import judge_together
from training_pipeline.domain.rules.normal_form import normal_form_table
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.usage import TagConstraints, Use
from training_pipeline.sheets.plan import Dialect, Plan, Planner


@lru_cache(maxsize=32)
def verdicts_plan(dialect: Dialect, tags: TagConstraints, policy: GatePolicy, use: Use = Use.TRAINING) -> Plan:
    """The verdicts of `judge_together` on all pairs: may they have this use? Pure."""
    planner = Planner(dialect)
    # It holds the text, so it is not kept.
    required = policy.require_constraints_set_by
    each = judge_each(planner.pairs, tags, use=use, keep=planner.keep, require_constraints_set_by=required)
    alone = planner.name(each)
    comparison = Comparison(dialect.words, dialect.rendered, planner.keep(normal_form_table(planner.pairs)))

    def examples(ids: ir.Table) -> ir.Table:
        pairs = planner.pairs.select("pair_id", "messages")
        if dialect.filters_early:
            return planner.name(comparison.examples(pairs)).semi_join(ids, "pair_id")
        return comparison.examples(pairs.semi_join(ids, "pair_id"))

    hashed = planner.keep(comparison.of(alone))
    return planner.plan(judge_together(hashed, policy, examples_of=examples, keep=planner.keep))


@lru_cache(maxsize=32)
def held_out_plan(dialect: Dialect, tags: TagConstraints, policy: GatePolicy) -> Plan:
    """`asked`: what pairs ask that may be evaluated or tested on, and not trained on. Pure."""
    planner = Planner(dialect)
    required = policy.require_constraints_set_by
    alone = planner.name(judge_each(planner.pairs, tags, require_constraints_set_by=required))
    forms = planner.keep(normal_form_table(planner.pairs))
    asked = Comparison(dialect.words, dialect.rendered, forms).questions(alone.filter(alone.held_out))
    return planner.plan(asked.select("asked").distinct())
