"""Which texts stood in a file before: a hash of each is kept, not the text."""

from __future__ import annotations

import hashlib


class Seen:
    """Texts that were seen."""

    def __init__(self) -> None:
        self._hashes: set[bytes] = set()

    def holds(self, text: str) -> bool:
        """Whether the text was seen before; from now on it was."""
        count = len(self._hashes)
        self._hashes.add(hash_of(text))
        return len(self._hashes) == count


def hash_of(text: str) -> bytes:
    """128 bits that stand for a text."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
