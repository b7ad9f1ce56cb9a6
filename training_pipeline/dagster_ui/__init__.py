"""Dagster's webserver in a process of ours, behind the same checks as the REST API."""
