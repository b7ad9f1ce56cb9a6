"""What counts as white space: the characters with the Unicode property White_Space. Imports no engine."""

from __future__ import annotations

from typing import Final

#: The 25 characters with the property White_Space (Unicode 4.1 and later), in code point order.
WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
