"""The order in which examples are taken: batches of about equally long ones, so that little is filled up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import torch
from torch.utils.data import Sampler

#: Batches among whose examples the equally long ones are looked for. More of them leave less to fill up, and make a
#: batch depend more on lengths than on chance.
_TOGETHER: Final = 50


class ByLength(Sampler[int]):
    """Every example once an epoch, in an order that follows from `seed` and the epoch alone.

    The examples are shuffled, sorted by length among those of 50 batches, and the batches are shuffled: which examples
    meet is chance among equally long ones, and long batches come at any time. The last batch, where it is smaller than
    the others, has examples of any length.
    """

    def __init__(self, lengths: Sequence[int], *, seed: int, batch: int) -> None:
        self._lengths, self._seed, self._batch = lengths, seed, batch
        self._epoch = 0

    def __iter__(self) -> Iterator[int]:
        chance = torch.Generator().manual_seed(self._seed + self._epoch)
        shuffled: list[int] = torch.randperm(len(self._lengths), generator=chance).tolist()
        full = len(shuffled) // self._batch * self._batch
        batches = []
        for start in range(0, full, self._batch * _TOGETHER):
            # Sorting is stable: chance decides between equal lengths.
            part = sorted(shuffled[start : min(full, start + self._batch * _TOGETHER)], key=self._lengths.__getitem__)
            batches += [part[first : first + self._batch] for first in range(0, len(part), self._batch)]
        for place in torch.randperm(len(batches), generator=chance).tolist():
            yield from batches[place]
        yield from shuffled[full:]

    def __len__(self) -> int:
        return len(self._lengths)

    def set_epoch(self, epoch: int) -> None:
        """Another order for another epoch."""
        self._epoch = epoch
