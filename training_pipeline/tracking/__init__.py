"""MLflow: runs, curves, model versions."""
