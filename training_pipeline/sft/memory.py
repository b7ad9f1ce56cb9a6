"""What to do where memory runs out: less at once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

from .errors import ran_out_of_memory
from .output import say

Item = TypeVar("Item")
Made = TypeVar("Made")


def halved(
    items: Sequence[Item], make: Callable[[Sequence[Item]], Sequence[Made | None]], *, needed: bool
) -> list[Made | None]:
    """What `make` makes of `items`, one of each: of all at once, or of the halves where memory runs out.

    For an item that is too much alone the error is raised where it is `needed`, else it is None.
    """
    try:
        return list(make(items))
    except Exception as error:
        if not ran_out_of_memory(error) or (needed and len(items) == 1):
            raise
    give_back()  # only here: the error held what filled the memory
    if len(items) == 1:
        say("Memory ran out for one alone: it is left out.")
        return [None]
    middle = len(items) // 2
    say(f"Memory ran out for {len(items)} at once: trying {middle}.")
    return [each for half in (items[:middle], items[middle:]) for each in halved(half, make, needed=needed)]


def give_back() -> None:
    """Give back the memory of what nothing refers to any more, that of a GPU too."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
