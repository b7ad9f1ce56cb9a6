"""Polls the backends for the state of training jobs and stores the answers."""
