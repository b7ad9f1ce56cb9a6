"""The metrics of an evaluation in words: of which model one is, and its interval."""

from __future__ import annotations


def interval(lower: float | None, upper: float | None) -> str:
    """An interval such as `0.41 to 0.62`; an end that is not known is a question mark."""
    return " to ".join("?" if bound is None else f"{bound:.4g}" for bound in (lower, upper))


def model_of(role: str, champion_version: str | None) -> str:
    """The model that has this role in an evaluation; other roles are called as they are."""
    return {"tuned": "this version", "base": "base model", "champion": f"version {champion_version}"}.get(role, role)
