"""Composition root: the services of one installation, and whether they are ready."""
