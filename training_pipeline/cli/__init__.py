"""The command `training-pipeline`."""
