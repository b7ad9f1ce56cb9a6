"""The metadata of evaluations and of a gate's decisions: figures, counts, verdicts and links. No text of a pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import dagster as dg

from training_pipeline.domain.figure_in_words import interval
from training_pipeline.models.evaluation.records import Evaluation, StoredFigure
from training_pipeline.models.promotion.gate import Decision
from training_pipeline.models.promotion.records import Promotion
from training_pipeline.urls import Urls

Metadata = dict[str, Any]

NO_VERDICT: Final = "none yet: launch promote_model"
_FIGURES: Final = ("| model | metric | mean | interval | pairs |", "| --- | --- | ---: | --- | ---: |")
_DUELS: Final = (
    "| against | metric | better by | interval | wins | losses | ties |",
    "| --- | --- | ---: | --- | ---: | ---: | ---: |",
)


def of_evaluation(found: Evaluation, decided: Promotion | None, links: Urls) -> Metadata:
    """An evaluation that has succeeded. The figures of the version itself are also numbers, which the UI plots."""
    overall = [each for each in found.figures or () if each.of is None]
    own = [each for each in overall if each.model == "tuned" and each.over is None]
    counts = found.counts
    return {
        "model": found.model_name,
        "model_version": found.model_version,
        "version_page": dg.MetadataValue.url(links.version(found.model_name, found.model_version)),
        "suite": found.suite_name,
        **of_verdict(decided),
        **{each.metric: _figure(each.estimate) for each in own},
        "figures": _table(_FIGURES, map(_mean, (each for each in overall if each.over is None))),
        "wins_and_losses": _table(_DUELS, map(_duel, (each for each in overall if each.over is not None))),
        "asked": counts.asked,
        "evaluated": counts.evaluated,
        "refused": sum(counts.refused.values()),
        "refused_because": _counts(counts.refused),
        "aged": sum(counts.aged.values()),
        "aged_because": _counts(counts.aged),
        "compared_with": f"version {found.champion_version}" if found.champion_version else "no version in use",
        "judge": found.judge.order.name if found.judge is not None else "none",
        "suite_digest": found.suite_digest,
        "evaluation": found.id,
        "requested_by": found.created_by,
        "training_job": dg.MetadataValue.url(links.job(found.job_id)),
    }


def of_verdict(decided: Promotion | None) -> Metadata:
    """What a gate said last, with its reasons, and what became of the alias."""
    if decided is None or decided.decision is None:
        return {"verdict": NO_VERDICT}
    more = decided.decision.more_pairs
    return {
        "verdict": str(decided.decision.verdict),
        "reasons": reasons(decided.decision),
        **({} if more is None else {"more_pairs": more}),
        "alias": decided.alias,
        "alias_moved": decided.moved_at is not None,
        "decision": decided.number,
        "decided_by": decided.actor,
        "why": decided.reason,
    }


def reasons(decision: Decision) -> dg.MetadataValue[Any]:
    """Everything that was asked, the answer, and what it rests on."""
    rows = [f"| {_cell(each.asked)} | {each.verdict} | {_cell(each.reason)} |" for each in decision.findings]
    return _table(("| asked | answer | reason |", "| --- | --- | --- |"), rows)


def _mean(one: StoredFigure) -> str:
    return f"| {one.model} | {one.metric} | {one.estimate:.4g} | {_interval(one)} | {one.n:,} |"


def _duel(one: StoredFigure) -> str:
    better = f"{one.model} over {one.over} | {one.metric} | {one.estimate:.4g} | {_interval(one)}"
    return f"| {better} | {one.wins or 0:,} | {one.losses or 0:,} | {one.ties or 0:,} |"


def _interval(one: StoredFigure) -> str:
    return f"{interval(one.lower, one.upper)} ({one.level * 100:.4g} %)"


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {why}" for why, count in found.items()) or "none"


def _table(head: tuple[str, str], rows: Iterable[str]) -> dg.MetadataValue[Any]:
    lines = [*rows]
    return dg.MetadataValue.md("\n".join([*head, *lines]) if lines else "none")


def _cell(said: str) -> str:
    return " ".join(said.replace("|", "\\|").split())


def _figure(value: float) -> float:
    return float(f"{value:.6g}")
