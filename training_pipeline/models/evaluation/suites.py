"""Suites by name: made once and never changed, so that figures of different days are about the same pairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest, NotFound
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.models.evaluation.aging import aged_now
from training_pipeline.models.evaluation.ancestry import ancestry_of
from training_pipeline.models.evaluation.guard import Contamination, check
from training_pipeline.models.evaluation.subsets import MOST_SHEETS, NAME
from training_pipeline.models.evaluation.suite import Suite, freeze
from training_pipeline.models.evaluation.tables import evaluation_suites
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.training_jobs.store.jobs import JobStore


class NamedSuite(BaseModel):
    """A suite with its name, and who made it."""

    model_config = ConfigDict(frozen=True)

    name: str
    suite: Suite
    created_by: str
    created_at: datetime


class Suites:
    """Makes suites, finds them, and compares them with what models learned from."""

    def __init__(
        self,
        store: JobStore,
        source: TrainingSheetSource,
        policy: GatePolicy,
        *,
        directory: Path,
        refuse_near: bool = True,
        keys: HashKeys = NO_KEYS,
    ) -> None:
        self._keys = keys
        self._store, self._source, self._policy = store, source, policy
        self._directory, self._refuse_near = directory, refuse_near

    def create(self, name: str, sheet_ids: Sequence[str], *, created_by: str) -> NamedSuite:
        """Freeze the sheets' pairs under this name. Again with the same pairs: the suite that is there.

        Raises `InvalidRequest`, `Conflict` where the name stands for other pairs, and what `freeze` raises.
        """
        _require_sound(name, sheet_ids)
        suite = freeze(self._source, self._policy, sheet_ids, directory=self._directory)
        statement = insert(evaluation_suites).values(
            name=name,
            digest=suite.digest,
            suite=suite.model_dump(mode="json"),
            created_by=created_by,
            created_at=func.clock_timestamp(),
        )
        with self._store.begin() as connection:
            connection.execute(statement.on_conflict_do_nothing())
        stored = self.get(name)
        if stored.suite.digest != suite.digest:
            raise Conflict(
                f"The suite {name!r} has other pairs: it was made by {stored.created_by} and does not change.",
                hint="Choose another name, such as one with a date.",
            )
        return stored

    def list(self) -> list[NamedSuite]:
        """All suites, by name. Reads only."""
        with self._store.begin() as connection:
            rows = connection.execute(select(evaluation_suites).order_by(evaluation_suites.c.name)).mappings()
            return [NamedSuite.model_validate(dict(row)) for row in rows]

    def get(self, name: str) -> NamedSuite:
        """One suite; raises `NotFound`, naming those there are. Reads only."""
        query = select(evaluation_suites).where(evaluation_suites.c.name == name)
        with self._store.begin() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            known = ", ".join(each.name for each in self.list()[:20])
            hint = f"There are: {known}." if known else "Make one: `training-pipeline suites create`."
            raise NotFound(f"There is no suite {name!r}.", hint=hint)
        return NamedSuite.model_validate(dict(row))

    def aged(self, name: str) -> dict[str, int]:
        """How many of its pairs may not be evaluated on any more, by reason; see `aging.aged_now`. Reads only."""
        return aged_now(self._source, self._policy, self.get(name).suite)

    def check(self, name: str, job_id: str) -> Contamination:
        """What of a suite the model of a job may be scored on; see `guard.check`. Reads only."""
        suite = self.get(name).suite
        ancestry = ancestry_of(self._store, job_id)
        return check(self._source, self._policy, suite, ancestry, refuse_near=self._refuse_near, keys=self._keys)


def _require_sound(name: str, sheet_ids: Sequence[str]) -> None:
    problems = []
    if not re.fullmatch(NAME, name):
        said = "must have 1 to 63 lower-case letters, digits, `-` and `_`, the first a letter or digit"
        problems.append(FieldProblem("/name", "name", said))
    if not 1 <= len(sheet_ids) <= MOST_SHEETS:
        problems.append(FieldProblem("/training_sheet_ids", "count", f"must be 1 to {MOST_SHEETS}"))
    if problems:
        raise InvalidRequest("The suite cannot be made.", problems=problems)
