"""Stands in for the training program on a worker."""
