"""The gate before an alias: is this model good enough, and not worse than the one in use? It knows scores alone.

There are three answers. Where an interval reaches over what is asked, that is neither kept nor missed, and the answer
says how many pairs more would settle it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from training_pipeline.models.evaluation.figures import figures
from training_pipeline.models.evaluation.intervals import SEED, Interval, more_needed
from training_pipeline.models.evaluation.metrics import METRICS
from training_pipeline.models.evaluation.paired import Comparison, at_worst, compare, unscored
from training_pipeline.models.promotion.requirements import Gate


class Verdict(StrEnum):
    """The verdict on a model, and on each requirement."""

    SHIP = "ship"
    DO_NOT_SHIP = "do not ship"
    NOT_ENOUGH_EVIDENCE = "not enough evidence"


class Finding(BaseModel):
    """The answer to one thing that a gate asks."""

    model_config = ConfigDict(frozen=True)

    asked: str
    verdict: Verdict
    reason: str
    #: About so many pairs more would settle it, four times of five; null where it is settled or no number would.
    more_pairs: int | None = None


class Decision(BaseModel):
    """The answer of a gate, with its reasons."""

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    findings: tuple[Finding, ...]

    @property
    def more_pairs(self) -> int | None:
        """How many pairs more would settle all that is open; null where nothing is, or no number would."""
        wanted = [finding.more_pairs for finding in self.findings if finding.verdict is Verdict.NOT_ENOUGH_EVIDENCE]
        known = [more for more in wanted if more is not None]
        return max(known) if known and len(known) == len(wanted) else None


def decide(findings: tuple[Finding, ...]) -> Decision:
    """One thing missed and the model is not shipped; one thing open, and the evidence is not enough.

    Raises `ValueError` for no findings: what is asked nothing is not let through.
    """
    if not findings:
        raise ValueError("a gate asks for something")
    found = {finding.verdict for finding in findings}
    strictest = (Verdict.DO_NOT_SHIP, Verdict.NOT_ENOUGH_EVIDENCE, Verdict.SHIP)
    return Decision(verdict=next(verdict for verdict in strictest if verdict in found), findings=findings)


def judge(gate: Gate, new: pa.Table, held: pa.Table | None, *, seed: int = SEED) -> Decision:
    """What the gate says of a model with the scores `new`, where the model in use has the scores `held`, if any.

    Every interval is one of `gate.level`, so a model that is worse by exactly a margin is shipped in half of what that
    leaves. Of slices only a sure loss counts, at a level for all of them together. A pair of which the model has no
    score, though the model in use has one or every model that answers does, leaves the metric open: the rest of the
    pairs may be those that are easy for it. So does a judge without a verdict, if the worst of them would.
    """
    findings = [*_thresholds(gate, new, held, seed)]
    if worst := at_worst(gate.thresholds, new, new):
        findings = [*_unless_unjudged(findings, _thresholds(gate, worst[0], held, seed))]
    if held is None:
        findings += [_alone(gate, new, name) for name in gate.margins]
    else:
        findings += not_worse(gate, gate.margins, new, held, seed=seed)
    return decide(tuple(findings))


def _thresholds(gate: Gate, new: pa.Table, held: pa.Table | None, seed: int) -> Iterator[Finding]:
    found = {each.metric: each.value for each in figures(new, level=gate.level, seed=seed) if each.of is None}
    for name, threshold in gate.thresholds.items():
        metric = METRICS[name]
        asked = f"{name} at {'most' if metric.better == 'lower' else 'least'} {threshold:g}"
        if name in found:
            reached = _turned(found[name], metric.sign)
            said = f"{name} is {_in_words(found[name])}"
            bounds = None if metric.is_proportion else metric.bounds  # as its interval was made
            finding = _finding(gate, asked, reached, metric.sign * threshold, said, bounds=bounds, reaches=True)
            yield _with_all_scored(finding, name, new, held)
        else:
            yield _unscored(gate, asked, name)


def not_worse(
    gate: Gate,
    margins: Mapping[str, float],
    new: pa.Table,
    held: pa.Table,
    *,
    than: str = "the model in use",
    seed: int = SEED,
) -> Iterator[Finding]:
    """Whether the new scores are worse by less than these margins, over all pairs; of slices only a sure loss."""
    compared = compare(new, held, margins, level=gate.level, seed=seed)
    findings = _within(gate, margins, compared, new, held, than)
    if worst := at_worst(margins, new, held):
        less = compare(*worst, margins, level=gate.level, seed=seed)
        findings = _unless_unjudged(findings, _within(gate, margins, less, *worst, than))
    yield from findings
    worse = [each for each in compared if each.of is not None and _is_missed(margins, each)]
    count = sum(each.of is not None for each in compared)
    if worse:  # of many, some are by chance: what holds for all of them together is looked for further out
        stricter = compare(new, held, margins, level=1 - (1 - gate.level) / count, seed=seed)
        worse = [each for each in stricter if each.of is not None and _is_missed(margins, each)]
    yield Finding(
        asked="no slice surely worse by more than the margin",
        verdict=Verdict.DO_NOT_SHIP if worse else Verdict.SHIP,
        reason="; ".join(f"{each.of}: {_compared(each)}" for each in worse)
        or f"none of {count} comparisons of slices that have enough pairs",
    )


def _within(
    gate: Gate, margins: Mapping[str, float], compared: Iterable[Comparison], new: pa.Table, held: pa.Table, than: str
) -> Iterator[Finding]:
    """Whether the model is within each margin, over all pairs."""
    found = {each.metric: each for each in compared if each.of is None}
    for name, margin in margins.items():
        asked = f"{name} worse by less than {margin:g}" if margin else f"{name} better"
        if name in found:
            said = f"against {than}, {_compared(found[name])}"
            bounds = METRICS[name].reach
            finding = _finding(gate, asked, found[name].difference, -margin, said, bounds=bounds, reaches=False)
            yield _with_all_scored(finding, name, new, held)
        else:
            yield _unscored(gate, asked, name)


def _is_missed(margins: Mapping[str, float], one: Comparison) -> bool:
    return one.difference.upper < -margins[one.metric]


def _alone(gate: Gate, new: pa.Table, name: str) -> Finding:
    """Nothing is in use that could be better; the metric must still have been measured."""
    asked = f"{name} measured"
    n = len(new) - new[name].null_count if name in new.column_names else 0
    if not n:
        return _unscored(gate, asked, name)
    if n < gate.min_pairs:
        return _too_few(gate, asked, n, None)
    finding = Finding(asked=asked, verdict=Verdict.SHIP, reason=f"no model is in use, and {n:,} pairs have a score")
    return _with_all_scored(finding, name, new, None)


def _with_all_scored(finding: Finding, name: str, new: pa.Table, held: pa.Table | None) -> Finding:
    """The finding, left open where the model came to no score on some of the pairs; what is surely missed stays so."""
    missing = unscored(name, new, held)
    if not missing or finding.verdict is Verdict.DO_NOT_SHIP:
        return finding
    said = f"on {missing:,} of {len(new):,} pairs the model came to no score in {name}, and the others do not speak"
    return Finding(
        asked=finding.asked,
        verdict=Verdict.NOT_ENOUGH_EVIDENCE,
        reason=f"{said} for them ({finding.reason}): use a metric that every pair has, such as exact_match",
    )


def _unless_unjudged(measured: Iterable[Finding], at_worst: Iterable[Finding]) -> Iterator[Finding]:
    """What was found, left open where it holds only if the judge's missing verdicts do not speak against the model."""
    for found, worst in zip(measured, at_worst, strict=True):
        if found.verdict is Verdict.SHIP and worst.verdict is not Verdict.SHIP:
            said = f"{found.reason}; but were the answers without a verdict of the judge to speak against it"
            change = {"verdict": Verdict.NOT_ENOUGH_EVIDENCE, "reason": f"{said}, {worst.reason}: evaluate it again"}
            yield found.model_copy(update=change)
        else:
            yield found


def _finding(
    gate: Gate,
    asked: str,
    interval: Interval,
    target: float,
    said: str,
    *,
    bounds: tuple[float, float] | None,
    reaches: bool,
) -> Finding:
    """Is the truth over `target`, or, where it `reaches`, at it? `said` is what was measured."""
    more = more_needed(interval, target, bounds=bounds)
    if interval.n < gate.min_pairs:
        return _too_few(gate, asked, interval.n, more)
    over = interval.lower >= target if reaches else interval.lower > target
    if over:
        return Finding(asked=asked, verdict=Verdict.SHIP, reason=said)
    if interval.upper < target:
        return Finding(asked=asked, verdict=Verdict.DO_NOT_SHIP, reason=said)
    return Finding(asked=asked, verdict=Verdict.NOT_ENOUGH_EVIDENCE, reason=said, more_pairs=more)


def _too_few(gate: Gate, asked: str, n: int, more: int | None) -> Finding:
    reason = f"{n:,} {'pair has' if n == 1 else 'pairs have'} a score; nothing is decided with fewer than"
    return Finding(
        asked=asked,
        verdict=Verdict.NOT_ENOUGH_EVIDENCE,
        reason=f"{reason} {gate.min_pairs:,}",
        more_pairs=max(more or 0, gate.min_pairs - n),
    )


def _unscored(gate: Gate, asked: str, name: str) -> Finding:
    return Finding(
        asked=asked,
        verdict=Verdict.NOT_ENOUGH_EVIDENCE,
        reason=f"no pair that counts here has a score in {name}",
        more_pairs=gate.min_pairs,
    )


def _turned(interval: Interval, sign: int) -> Interval:
    """The interval of what is `sign` times as large."""
    lower, upper = sorted((sign * interval.lower + 0.0, sign * interval.upper + 0.0))  # no -0 is ever shown
    return interval.model_copy(update={"estimate": sign * interval.estimate + 0.0, "lower": lower, "upper": upper})


def _compared(one: Comparison) -> str:
    counted = f"{one.wins:,} wins, {one.losses:,} losses, {one.ties:,} ties"
    is_worse = one.difference.estimate < 0
    by = _in_words(_turned(one.difference, -1 if is_worse else 1))
    return f"{one.metric} is {'worse' if is_worse else 'better'} by {by}: {counted}"


def _in_words(interval: Interval) -> str:
    bounds = f"{interval.lower:.4g} to {interval.upper:.4g}"
    return f"{interval.estimate:.4g} ({interval.level * 100:.4g} % interval {bounds}, {interval.n:,} pairs)"
