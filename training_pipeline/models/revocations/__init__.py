"""Revocations: which models learned from rows that may no longer be used, and what was decided about them."""
