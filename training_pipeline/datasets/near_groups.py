"""Groups of pairs that ask the same, or nearly the same: what a split keeps together, for people to look at."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from training_pipeline.datasets.questions import read_questions
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.components import connected
from training_pipeline.domain.rules.policy import LEAST_SIMILARITY, GatePolicy
from training_pipeline.domain.rules.text.id_order import counted
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet

#: Groups that are told, and pairs of each that are named.
MOST_GROUPS: Final = 50
MOST_NAMED: Final = 20


class NearGroup(BaseModel):
    """Pairs that ask nearly the same; `wordings` is how many different questions they ask."""

    model_config = ConfigDict(frozen=True)

    pairs: int
    wordings: int
    pair_ids: tuple[str, ...]


class NearGroups(BaseModel):
    """The groups of the pairs that may be trained on, the largest first, and how many there are in all."""

    model_config = ConfigDict(frozen=True)

    similarity: float
    groups: int
    pairs: int
    largest: tuple[NearGroup, ...]


def near_groups(opened: OpenSheet, policy: GatePolicy, *, withdrawn: Withdrawn = NOTHING) -> NearGroups:
    """Compare the questions of the pairs that pass both gates; prompts that are instructions aside. Keeps no text."""
    similarity = policy.near_question_similarity or LEAST_SIMILARITY
    with verdicts(opened, policy, withdrawn=withdrawn) as table, disk_errors("compare the questions"):
        kept = table.filter(table.reason.isnull() & table.prompt_hash.notnull())
        rows = (
            kept.select("pair_id", "prompt_hash", "instruction").order_by(counted(kept.pair_id), "pair_id").to_pyarrow()
        )
    asked = read_questions(opened, policy, rows["pair_id"], rows["prompt_hash"], rows["instruction"])
    near = asked.asked.near(similarity=similarity)
    _, first, question = np.unique(asked.codes, return_index=True, return_inverse=True)
    every = np.flatnonzero(asked.codes >= 0)
    group = connected(
        np.concatenate([every, near.first]), np.concatenate([first[question[every]], near.second]), len(asked.codes)
    )
    return _told(group, question, rows["pair_id"], similarity)


def _told(
    group: NDArray[np.int64], question: NDArray[np.int64], pair_ids: pa.ChunkedArray, similarity: float
) -> NearGroups:
    sizes = np.bincount(group)
    several = np.flatnonzero(sizes > 1)
    largest = several[np.argsort(-sizes[several], kind="stable")][:MOST_GROUPS]
    order = np.argsort(group, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    told = []
    for number in largest:
        rows = order[starts[number] : starts[number + 1]]
        named = tuple(pair_ids.take(pa.array(rows[:MOST_NAMED])).to_pylist())
        told.append(NearGroup(pairs=len(rows), wordings=len(np.unique(question[rows])), pair_ids=named))
    return NearGroups(similarity=similarity, groups=len(several), pairs=int(sizes[several].sum()), largest=tuple(told))
