"""Kept until 0.3 for a `dagster.yaml` written by 0.1, which names this module: see `infra.dagster_storage`."""

from training_pipeline.infra.dagster_storage import OurStorage as OurStorage
