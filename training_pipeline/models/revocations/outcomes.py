"""What comes of a revocation: when it is put on record, and when somebody asks beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from training_pipeline.domain.revocations import Revocation, Taint, UnreadDataset
from training_pipeline.domain.uses import NotSearched
from training_pipeline.models.uses.in_use import InUses


@dataclass(frozen=True, slots=True)
class Recorded:
    """A revocation, and the models it taints."""

    revocation: Revocation
    taints: tuple[Taint, ...]
    #: Whether it was on record before.
    known: bool
    #: Datasets of which nobody can say yet: what learned from them is tainted once their manifests can be read.
    unread: tuple[UnreadDataset, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a revocation would taint."""

    taints: tuple[Taint, ...]
    in_progress: tuple[str, ...]
    #: The same revocation, where it is on record.
    known: Revocation | None
    #: Where the versions are in use.
    in_use: InUses
    #: Sheets of which nobody can say whether their models learned from it: their hashes are under a key that is gone.
    not_searched: tuple[NotSearched, ...] = ()
    #: Datasets of which nobody can say, because their manifests cannot be read.
    unread: tuple[UnreadDataset, ...] = ()
