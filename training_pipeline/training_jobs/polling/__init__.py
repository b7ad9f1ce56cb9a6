"""Asking the backends how training jobs are doing, and storing the answers."""
