"""Keys of hashes in memory, for tests: some can be read, and some were destroyed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from training_pipeline.domain.hash_key import SECRET_BYTES, HashKey


def key_number(number: int) -> HashKey:
    """A key that is the same in every run."""
    return HashKey(f"hk-{number:016x}", bytes([number]) * SECRET_BYTES)


class KeysInMemory:
    """The keys that can be read; the last of them is that of every training sheet."""

    def __init__(self, keys: Collection[HashKey] = (), *, unreadable: Collection[HashKey] = ()) -> None:
        self._keys = {key.id: key for key in keys}
        self._unreadable = {key.id for key in unreadable}

    def within(self, connection: Any) -> KeysInMemory:
        """See `HashKeys`."""
        return self

    def read(self, key_id: str) -> HashKey | None:
        """See `HashKeys`."""
        return self._keys.get(key_id)

    def is_destroyed(self, key_id: str) -> bool:
        """See `HashKeys`."""
        return key_id not in self._keys and key_id not in self._unreadable

    def of_sheet(self, training_sheet_id: str) -> HashKey | None:
        """See `HashKeys`."""
        return [*self._keys.values()][-1] if self._keys else None

    def readable(self) -> list[HashKey]:
        """See `HashKeys`."""
        return [*self._keys.values()]
