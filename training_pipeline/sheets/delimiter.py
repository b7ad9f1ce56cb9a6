"""What may stand between two fields of a CSV file."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

#: They mean something else in CSV; Python's reader refuses them from 3.13 on, and misreads with them before.
NO_DELIMITERS: Final = frozenset('"\r\n')


def _separates(value: str) -> str:
    if value in NO_DELIMITERS:
        raise ValueError("must be neither a quotation mark nor a line break, such as , or ; or a tab")
    return value


Delimiter = Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_separates)]
