"""Lower case, the same in every engine.

Engines agree on every letter but two: a capital I with a dot becomes one letter here and two there, and a sigma that
ends a word has a form of its own only where the engine looks at the letters beside it. (Letters that a later version
of Unicode added stay as they are in an engine that does not know them yet.)
"""

from __future__ import annotations

import ibis.expr.types as ir


def lowered(text: ir.StringValue) -> ir.StringValue:
    """`text` in lower case, a final sigma like any other; null stays null."""
    return text.replace("\u0130", "i\u0307").lower().replace("\u03c2", "\u03c3")
