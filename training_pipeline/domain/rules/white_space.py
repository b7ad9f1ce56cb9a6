"""What counts as white space: the characters with the Unicode property White_Space, listed once for every engine.

Engines and regular expression dialects disagree about `\\s`; so none of them is asked.
"""

from __future__ import annotations

from typing import Final

import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from training_pipeline.domain.rules.engine_function import engine_function
from training_pipeline.domain.rules.letter_case import lowered

#: The 25 characters with the property White_Space (Unicode 4.1 and later), in code point order.
WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)

#: The characters as regular expressions spell them, the same in RE2 and in Java: as code points, because a string
#: literal of Databricks reads `\\v` as the letter v.
_SPELLED: Final = "".join(f"\\x{{{ord(character):X}}}" for character in WHITE_SPACE)
#: A regular expression that finds any character that is not white space, and one that finds white space.
VISIBLE: Final = f"[^{_SPELLED}]"
BLANKS: Final = f"[{_SPELLED}]+"


_trim = engine_function("trim", {"text": dt.string, "characters": dt.string}, dt.string)


def trimmed(text: ir.StringValue) -> ir.StringValue:
    """`text` without spaces, tabs and line ends around it: those that every engine can name in a literal."""
    return _trim(text, " \t\n\r")


def word_of(text: ir.StringValue) -> ir.StringValue:
    """`text` as words are compared: trimmed, in lower case, empty where it is null."""
    return lowered(trimmed(text.fill_null("")))


def is_blank(text: ir.StringValue) -> ir.BooleanValue:
    """Whether `text` is null or white space only. Never null."""
    return ~text.re_search(VISIBLE).fill_null(False)
