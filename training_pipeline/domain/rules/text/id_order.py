"""The order of ids in lists that people read: as people count, `p-2` before `p-10`, wherever the number stands.

The order of what is hashed (datasets, manifests, suites) is another one, and never changes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Numbers are compared with so many digits; longer ones as texts.
_DIGITS: Final = 20
_ZEROS: Final = "0" * _DIGITS
_FILL: Final = ("([0-9]+)", rf"{_ZEROS}\1")
_TRIM: Final = (f"0*([0-9]{{{_DIGITS},}})", r"\1")
_NUMBER: Final = re.compile("[0-9]+")


def counted(ids: ir.StringValue) -> ir.StringValue:
    """Ids with their numbers filled up with zeros, which sort as people count, for DuckDB. Equal ones sort by id."""
    return ids.re_replace(*_FILL).re_replace(*_TRIM)


def counted_sql(column: str) -> str:
    """`counted` as SQL for an expression that is a text, for DuckDB and for Postgres; there with COLLATE "C"."""
    filled = f"regexp_replace({column}, '{_FILL[0]}', '{_FILL[1]}', 'g')"
    return f"regexp_replace({filled}, '{_TRIM[0]}', '{_TRIM[1]}', 'g')"


def counted_id(one: str) -> tuple[str, str]:
    """A key by which Python sorts ids as `counted` does."""
    return _NUMBER.sub(lambda found: found.group().lstrip("0").rjust(_DIGITS, "0"), one), one
