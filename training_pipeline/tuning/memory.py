"""Whether the trials of a study fit into memory: at every corner of what the memory depends on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.search import BASE_MODEL
from training_pipeline.domain.study import StudyRequest
from training_pipeline.domain.study_space import ends

#: What is searched and changes the memory that a training needs. It grows with each number.
_KEYS: Final = ("method", "batch_size", "lora_rank")
#: Why a training with these values does not fit; None where it does, or nobody can say.
Lacks = Callable[[Mapping[str, Any]], str | None]


def problems_of(request: StudyRequest, lacks: Lacks) -> Iterator[FieldProblem]:
    """What does not fit: the base model with whatever values, or else the values with which it does not."""
    searched = request.space.searched
    among = {name: ends(searched[name]) for name in _KEYS if name in searched}
    corners = [dict(zip(among, values, strict=True)) for values in itertools.product(*among.values())]
    told = [(corner, lacks(corner)) for corner in corners]
    short = [(corner, why) for corner, why in told if why is not None]
    if not short:
        return
    if len(short) == len(corners):
        at = f"/space/{BASE_MODEL}" if BASE_MODEL in searched else f"/job/{BASE_MODEL}"
        yield FieldProblem(at, "does_not_fit", f"does not fit{', whatever the values' * bool(among)}: {short[0][1]}")
        return
    least: dict[tuple[str, Any], str] = {}  # why a value does not fit, which fits beside no value of the others
    for name, values in among.items():
        for value in values:
            with_it = [why for corner, why in told if corner[name] == value]
            if all(with_it):
                least[name, value] = with_it[0] or ""
    others = ", whatever the others" * (len(among) > 1)
    for (key, value), why in least.items():
        yield FieldProblem(f"/space/{key}", "does_not_fit", f"{value} does not fit{others}: {why}")
    if not least:
        corner, why = short[0]
        together = ", ".join(f"{name} {value}" for name, value in corner.items())
        yield FieldProblem(f"/space/{next(reversed(corner))}", "does_not_fit", f"{together} do not fit together: {why}")
