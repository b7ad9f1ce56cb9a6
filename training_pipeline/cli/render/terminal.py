"""The console that everything is printed on."""

from __future__ import annotations

from typing import Any

from rich.console import Console


def terminal(**options: Any) -> Console:
    """A console that shows texts as they are. Rich's markup is off: names and messages of people have brackets, too."""
    return Console(markup=False, **options)
