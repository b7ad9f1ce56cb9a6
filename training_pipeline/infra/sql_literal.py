"""A text of our own as a literal of SQL, for what is asked of DuckDB with nothing but paths.

With parameters DuckDB loads pandas, to see whether one of them is a value of its: a quarter of a second, for which a
command that reads one manifest need not wait.
"""

from __future__ import annotations


def literal(text: object) -> str:
    """The text in single quotes. Raises `ValueError` for one with a zero byte, which no literal can hold."""
    said = str(text)
    if "\0" in said:
        raise ValueError("a text with a zero byte is no SQL literal")
    return "'" + said.replace("'", "''") + "'"
