"""Evaluated, revoked and used models, without training one."""
