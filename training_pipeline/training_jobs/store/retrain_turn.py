"""Turns in creating the job that retrains a model: the schedule and a person may both want one."""

from __future__ import annotations

from sqlalchemy import Connection

from training_pipeline.infra import advisory_lock


def take(connection: Connection, training_sheet_id: str, model_name: str) -> None:
    """Wait for the turn, which is over with the caller's transaction: the next one sees the job that it stored."""
    advisory_lock.take(connection, f"retrain:{training_sheet_id}:{model_name}")
