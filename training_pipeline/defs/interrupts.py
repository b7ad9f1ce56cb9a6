"""Interrupts that a library turned into errors of its own.

Whoever terminates a run in Dagster interrupts its process, once. An interrupt that comes while DuckDB executes a query
leaves it as `RuntimeError: Query interrupted`, and reading a sheet makes a `PipelineError` of that. Taken for an error,
it would have the job tried again, or failed, where it was to be cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def kept() -> Iterator[None]:
    """An error inside that comes of an interrupt leaves as `DagsterExecutionInterruptedError`, any other unchanged."""
    try:
        yield
    except Exception as error:
        if comes_of_interrupt(error):
            raise dg.DagsterExecutionInterruptedError from error
        raise


def comes_of_interrupt(error: BaseException) -> bool:
    """Whether an interrupt is among the causes of an error, or was being handled when it was raised."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        if isinstance(one, (KeyboardInterrupt, dg.DagsterExecutionInterruptedError)):
            return True
        seen.add(id(one))
        left += [one.__cause__, one.__context__]
    return False
