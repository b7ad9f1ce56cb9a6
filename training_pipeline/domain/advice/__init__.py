"""Advice on a configuration: what it should be and why, before a job and after it."""
