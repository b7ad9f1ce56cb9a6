"""What Dagster sees: thin shells over the steps of a training job."""
