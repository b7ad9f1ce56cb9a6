"""What is asked of texts that no sheet holds any more, as plans: those of datasets, and of suites as they are now."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import ibis

from training_pipeline.datasets.judging import comparison_of
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.sheets.engine import DUCKDB_SQL
from training_pipeline.sheets.kept_plans import kept
from training_pipeline.sheets.plan import Plan, Planner

_MESSAGES: Final = PAIR_SCHEMA["messages"]


@lru_cache(maxsize=1)
@kept
def asked_plan() -> Plan:
    """`asked`: the different texts of hashes that rows with `messages` ask, as in `Comparison.questions`."""
    planner = Planner(DUCKDB_SQL, ibis.schema({"messages": _MESSAGES}))
    return planner.plan(comparison_of(planner).questions(planner.pairs).select("asked").distinct())


@lru_cache(maxsize=1)
@kept
def asks_plan() -> Plan:
    """`asks`: the different questions that rows with `messages` ask, as in `Comparison.turn_texts`."""
    planner = Planner(DUCKDB_SQL, ibis.schema({"messages": _MESSAGES}))
    asks = comparison_of(planner).turn_texts(planner.pairs).asks
    return planner.plan(asks.unnest().name("asks").as_table().distinct())


@lru_cache(maxsize=2)
@kept
def conversations_plan(name: str, *, once: bool = False) -> Plan:
    """Of rows with `messages` and the text column `name`: that column, the hashes `shown` and `asked`, and the texts
    `asks`; with `once` no row twice.
    """
    planner = Planner(DUCKDB_SQL, ibis.schema({name: "string", "messages": _MESSAGES}))
    comparison = comparison_of(planner)
    # Steps of their own: Ibis confuses the places in lists where one of these is written inside another.
    asked = planner.name(comparison.questions(planner.pairs))
    found = comparison.shown(planner.name(comparison.with_turn_texts(asked)))
    return planner.plan(found.distinct() if once else found)
