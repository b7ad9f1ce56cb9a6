"""When a training job is tried again, and how long it waits for a backend that is out of reach."""

from __future__ import annotations

from typing import Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.infra.retry import RetryPolicy

#: Between two runs that launch a job or finish it.
RUNS: Final = RetryPolicy(first=5.0, longest=300.0)
#: Between two runs that finish a trained job which used up its attempts: it is never given up.
FINISHES: Final = RetryPolicy(first=5.0, longest=3600.0)
#: Between two polls of a backend that could not be asked about a job.
POLLS: Final = RetryPolicy(first=2.0, longest=300.0)


def is_outage(error: Exception) -> bool:
    """Whether `error` says that a backend is out of reach, which a job waits for whatever its number of attempts."""
    return isinstance(error, PipelineError) and error.is_outage
