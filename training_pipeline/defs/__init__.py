"""Dagster definitions: thin wrappers around the steps of a training job."""
