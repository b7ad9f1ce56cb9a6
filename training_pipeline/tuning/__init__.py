"""Studies: sets of training jobs that search for the best configuration."""
