"""The gate that is in force for an alias, and what another one asks less for."""

from __future__ import annotations

from collections.abc import Iterable

from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.models.promotion.records import Promotion
from training_pipeline.models.promotion.requirements import Gate, looser, parse_gate


def in_force(decisions: Iterable[Promotion]) -> Promotion | None:
    """Of the decisions about an alias, the newest first, the one by whose gate it was moved last.

    What was refused, or waits for an approval, sets no gate: else a gate that let nothing through, or that nobody else
    has agreed to, would be the next one's. Rolling back takes none away.
    """
    return next((each for each in decisions if each.gate is not None and each.moved_at is not None), None)


def gate_in_force(name: str, alias: str, last: Promotion | None) -> Gate:
    """The gate of the decision in force. Raises `InvalidRequest` where there is none, or it may not be asked for any
    more.
    """
    if last is None or last.gate is None:
        raise InvalidRequest(
            f"There is no gate for {alias} of {name} yet: none has moved it.",
            problems=[FieldProblem("/gate/margins", "missing", "must name at least one metric and a margin")],
            hint="Give one, such as --margin exact_match=0.02. Once it has moved the alias it stays, until another one "
            "moves it.",
        )
    return parse_gate(last.gate.model_dump())


def asks_less(gate: Gate, suite: str | None, last: Promotion) -> str:
    """What a decision asks less for than the one in force did, and whether it rests on another suite, in words. Empty
    where neither is so.
    """
    less = [] if last.gate is None else looser(gate, last.gate)
    said = f" It asks for less than decision {last.number} did: {', '.join(less)}." if less else ""
    if suite is not None and last.suite not in (None, suite):
        said += f" It rests on the suite {suite}, and decision {last.number} on {last.suite}."
    return said
