"""Text, the same in every engine: white space, letter case, and the engine's functions that Ibis has no word for.

What counts as white space are the characters with the Unicode property White_Space, listed here: engines and regular
expression dialects disagree about `\\s`; so none of them is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from training_pipeline.domain.rules.text.white_space import WHITE_SPACE

#: The characters as regular expressions spell them, the same in RE2 and in Java: as code points, because a string
#: literal of Databricks reads `\\v` as the letter v.
_SPELLED: Final = "".join(f"\\x{{{ord(character):X}}}" for character in WHITE_SPACE)
#: A regular expression that finds any character that is not white space, and one that finds white space.
VISIBLE: Final = f"[^{_SPELLED}]"
BLANKS: Final = f"[{_SPELLED}]+"


def engine_function(name: str, arguments: Mapping[str, dt.DataType], returns: dt.DataType) -> Callable[..., ir.Value]:
    """The engine's function `name` for use in expressions, with the types of its arguments and of what it returns."""

    def function() -> None: ...

    # Ibis reads the names of the arguments from the signature.
    function.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(argument, Parameter.POSITIONAL_OR_KEYWORD) for argument in arguments]
    )
    built: Callable[..., ir.Value] = ibis.udf.scalar.builtin(
        function, name=name, signature=(tuple(arguments.values()), returns)
    )
    return built


_trim = engine_function("trim", {"text": dt.string, "characters": dt.string}, dt.string)


def trimmed(text: ir.StringValue) -> ir.StringValue:
    """`text` without spaces, tabs and line ends around it: those that every engine can name in a literal."""
    return _trim(text, " \t\n\r")


def lowered(text: ir.StringValue) -> ir.StringValue:
    """`text` in lower case, a final sigma like any other; null stays null.

    Engines agree on every letter but two: a capital I with a dot becomes one letter here and two there, and a sigma
    that ends a word has a form of its own only where the engine looks at the letters beside it. (Letters that a later
    version of Unicode added stay as they are in an engine that does not know them yet.)
    """
    return text.replace("\u0130", "i\u0307").lower().replace("\u03c2", "\u03c3")


def word_of(text: ir.StringValue) -> ir.StringValue:
    """`text` as words are compared: trimmed, in lower case, empty where it is null."""
    return lowered(trimmed(text.fill_null("")))


def is_blank(text: ir.StringValue) -> ir.BooleanValue:
    """Whether `text` is null or white space only. Never null."""
    return ~text.re_search(VISIBLE).fill_null(False)
