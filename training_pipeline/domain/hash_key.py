"""The key under which hashes of a training sheet are stored: without it no text leads to its row.

What is stored is `hmac_sha256(key, hash)` in hexadecimal, where `hash` is the SHA-256 of an example (64 digits) or the
hash of a question (32, of whose result 32 are kept), as its ASCII digits. See docs/adr/0012-keyed-hashes.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

#: Bytes of a secret.
SECRET_BYTES: Final = 32
#: What every face accepts for the id of a key.
KEY_ID_PATTERN: Final = r"^hk-[0-9a-f]{16}$"
#: What may stand before the hash of a question, and stays there.
MARKS: Final = "+*"
_BLOCK: Final = 64
_INNER, _OUTER = bytes(byte ^ 0x36 for byte in range(256)), bytes(byte ^ 0x5C for byte in range(256))


@dataclass(frozen=True, slots=True)
class HashKey:
    """A key and its secret, which no message and no `repr` shows."""

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(KEY_ID_PATTERN, self.id) or len(self.secret) != SECRET_BYTES:
            raise ValueError(f"a key of hashes has an id such as hk-0123456789abcdef and {SECRET_BYTES} bytes")

    @property
    def pads(self) -> tuple[bytes, bytes]:
        """What HMAC hashes before the inner and before the outer text."""
        block = self.secret.ljust(_BLOCK, b"\0")
        return block.translate(_INNER), block.translate(_OUTER)

    def of(self, hashed: str) -> str:
        """A hash of an example or of a question under the key, with as many digits."""
        return self.of_all([hashed])[0]

    def of_all(self, hashes: Iterable[str]) -> list[str]:
        """The same of many: HMAC with the states of the two pads copied, which takes half the time of `hmac`."""
        inner, outer = (hashlib.sha256(pad) for pad in self.pads)
        found = []
        for one in hashes:
            within, around = inner.copy(), outer.copy()
            within.update(one.encode())
            around.update(within.digest())
            found.append(around.hexdigest()[: len(one)])
        return found

    def of_questions(self, stored: str) -> str:
        """The hashes of a pair's questions as a manifest has them, between blanks: marks stay, and the order is new."""
        each = [(one[: len(one) - len(one.lstrip(MARKS))], one.lstrip(MARKS)) for one in stored.split(" ")]
        made = zip((mark for mark, _ in each), self.of_all(hashed for _, hashed in each), strict=True)
        return " ".join(sorted(mark + hashed for mark, hashed in made))


class HashKeys(Protocol):
    """The keys that can be read here. Reads only."""

    def within(self, connection: Any) -> HashKeys:
        """The same, reading in the caller's transaction: who holds a connection waits for no second one."""
        ...

    def read(self, key_id: str) -> HashKey | None:
        """The key of this id; None where it was destroyed or cannot be read."""
        ...

    def is_destroyed(self, key_id: str) -> bool:
        """Whether nobody will read the key of this id again: it was destroyed, or none is on record."""
        ...

    def of_sheet(self, training_sheet_id: str) -> HashKey | None:
        """The living key of a training sheet; None where it has none or it cannot be read."""
        ...

    def readable(self) -> list[HashKey]:
        """Every key that can be read."""
        ...


class NoKeys:
    """No key at all: hashes under one are known to nobody."""

    def within(self, connection: Any) -> HashKeys:  # noqa: ARG002 - of the protocol
        """The same."""
        return self

    def read(self, key_id: str) -> HashKey | None:  # noqa: ARG002 - of the protocol
        """None."""
        return None

    def is_destroyed(self, key_id: str) -> bool:  # noqa: ARG002 - of the protocol
        """True."""
        return True

    def of_sheet(self, training_sheet_id: str) -> HashKey | None:  # noqa: ARG002 - of the protocol
        """None."""
        return None

    def readable(self) -> list[HashKey]:
        """None of them."""
        return []


NO_KEYS: Final = NoKeys()
