"""What a study's trials are compared by, and whether more or less of it is better; whether a suite can say it."""

from __future__ import annotations

from collections import Counter
from typing import Final

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.evaluating import Evaluating
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, NotFound
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.study import StudyRequest
from training_pipeline.models.evaluation.aging import AGED, sheets_now
from training_pipeline.models.evaluation.guard import SAME_EXAMPLE
from training_pipeline.models.evaluation.metrics import METRICS, comparable
from training_pipeline.models.evaluation.subsets import Half
from training_pipeline.models.evaluation.suite import Suite
from training_pipeline.models.evaluation.suites import Suites
from training_pipeline.sheets.base import TrainingSheetSource

#: How the halves of a suite are called.
HALVES: Final = {Half.CHOOSING: "the half that chooses", Half.HELD_BACK: "the half that is held back"}


def sign_of(request: StudyRequest) -> int:
    """What the values of trials are multiplied by, so that less is better."""
    return -METRICS[request.metric].sign if request.objective == "suite" else 1


def choosing(request: StudyRequest) -> Half | None:
    """The half of the suite that chooses among the trials; None where the validation loss does."""
    return Half.CHOOSING if request.objective == "suite" else None


def reporting(request: StudyRequest) -> Half | None:
    """The half of the suite that says how good the best trial is; None for all of it."""
    return Half.HELD_BACK if request.objective == "suite" else None


class Objectives:
    """Looks at the suites that studies name. Reads only."""

    def __init__(
        self, suites: Suites, source: TrainingSheetSource, policy: GatePolicy, backend: FineTuningBackend
    ) -> None:
        self._suites, self._source, self._policy, self._backend = suites, source, policy, backend

    def problems_of(self, request: StudyRequest) -> list[FieldProblem]:
        """What can be said against the suite and the metric of a study before any trial. Reads sheet and suite.

        What any base model of ours has seen is told by the guard, with the first trial. Raises what the source raises.
        """
        if request.suite is None:
            stated = request.model_fields_set & {"metric"}
            found = [FieldProblem(f"/{name}", "no_suite", "says nothing without a suite") for name in stated]
            if request.objective == "suite":
                found.append(FieldProblem("/suite", "missing", "names the suite that chooses; it must be there"))
            return found
        found = []
        try:
            comparable([request.metric], "metric")
        except InvalidRequest as error:
            found += [FieldProblem("/metric", each.code, each.message) for each in error.problems]
        if not isinstance(self._backend, Evaluating):
            said = f"cannot be used: the backend {self._backend.name} does not evaluate models"
            return [*found, FieldProblem("/suite", "cannot_evaluate", said)]
        try:
            suite = self._suites.get(request.suite).suite
        except NotFound as error:
            return [*found, FieldProblem("/suite", "unknown", f"{error.message} {error.hint}".strip())]
        return [*found, *self._of_pairs(request, suite)]

    def _of_pairs(self, request: StudyRequest, suite: Suite) -> list[FieldProblem]:
        """A half, or a suite, none of whose pairs may be asked."""
        parts = [suite] if request.objective == "val_loss" else [_half(suite, half) for half in Half]
        found = []
        for part in parts:
            left = self._left(part, request.job.training_sheet_id)
            if left[""]:
                continue
            named = f"has {HALVES[part.half]} with" if part.half else "has"
            reasons = ", ".join(f"{count:,} {why}" for why, count in sorted(left.items()) if count)
            said = f"{named} no pair that may be asked: {reasons or 'it is empty'}"
            found.append(FieldProblem("/suite", "nothing_left", f"{said}; make a suite of other pairs"))
        return found

    def _left(self, suite: Suite, sheet_id: str) -> Counter[str]:
        """The pairs of a suite by why they cannot be asked of what is trained on the sheet; under "" those that can."""
        rows = pa.concat_tables([now.rows for now in sheets_now(self._source, self._policy, suite)])
        trained = self._trained(sheet_id, rows)
        why = pc.coalesce(rows[AGED], pc.if_else(pc.is_in(rows["row_hash"], trained), SAME_EXAMPLE, ""))
        return Counter(why.to_pylist())

    def _trained(self, sheet_id: str, rows: pa.Table) -> pa.Array:
        """The examples among these that a job on the sheet would be trained or validated on."""
        wanted = ibis.memtable(pa.table({"wanted": rows["row_hash"]}))
        with self._source.open(sheet_id) as opened, verdicts(opened, self._policy) as judged:
            passed = judged.filter(judged.reason.isnull())
            found = passed.semi_join(wanted, passed.row_hash == wanted.wanted).select("row_hash").to_pyarrow()
        return found["row_hash"].combine_chunks()


def _half(suite: Suite, half: Half) -> Suite:
    return suite.model_copy(update={"half": half})
