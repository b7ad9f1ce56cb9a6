"""The name of a column of a file as people are shown it."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = r"[\w./()\[\]-]{1,40}"
_NAME: Final = re.compile(rf"{_WORD}( {_WORD})?")


def shown_name(name: str) -> str:
    """A column's name of one or two words. A longer one is shown by its length: a file without a line of names has the
    text of a pair there.
    """
    return name if _NAME.fullmatch(name) else f"({len(name)} characters)"
