"""An error as events, logs and other errors tell it."""

from __future__ import annotations

from training_pipeline.domain.errors import PipelineError


def describe(error: Exception) -> str:
    """An error as events tell it: the message and hint of ours, of others only the type, for their words may hold an
    address or a text.
    """
    if not isinstance(error, PipelineError):
        return type(error).__name__
    return f"{error.message.rstrip('.')}. {error.hint}".strip() if error.hint else error.message
