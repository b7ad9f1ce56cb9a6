"""Fine-tuning on this machine: a directory a run, and a supervisor process that does everything else.

The backend only reads and writes files in `<runs>/<job id>-<attempt>/` (see `run_directory.py`) and starts supervisors.
At any moment at most one supervisor of a run lives, because it holds a file lock that its starter handed to it, and at
most one trainer, for the same reason.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from training_pipeline.backends.asking import AskedModel, AskLimits, ChatTurn, ModelAnswer
from training_pipeline.backends.base_models import BaseModelOffer
from training_pipeline.backends.defaults import resolve
from training_pipeline.backends.evaluating import EvaluationOrder, ScoresFile
from training_pipeline.backends.handles import Handle
from training_pipeline.backends.local import asking, evaluation
from training_pipeline.backends.local.base_models import ChosenModel, ModelCatalogue
from training_pipeline.backends.local.hardware import best_precision
from training_pipeline.backends.local.machine import this_machine
from training_pipeline.backends.local.model_facts import model_facts
from training_pipeline.backends.local.recovery import recover
from training_pipeline.backends.local.rehearsal import rehearse
from training_pipeline.backends.local.run_directory import EarlyOrders, Orders, RunDirectory
from training_pipeline.backends.local.runs import Runs, using
from training_pipeline.backends.local.slots import has_room
from training_pipeline.backends.local.stored_runs import StoredRuns, handle_of
from training_pipeline.backends.local.supervisor_start import ensure_supervisor
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.rehearsal import Rehearsal
from training_pipeline.backends.submission import Submission
from training_pipeline.backends.trainer_contract import (
    Sharding,
    trainer_config,
)
from training_pipeline.domain.advice.facts import ModelFacts
from training_pipeline.domain.errors import (
    Conflict,
    FieldProblem,
    InvalidRequest,
    PipelineError,
    Unavailable,
)
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.infra.file_lock import hold, try_lock
from training_pipeline.infra.json_file import write_json

#: The training program; it is given the path of config.json.
PROGRAM: Final = (sys.executable, "-m", "training_pipeline.sft")

#: What must be the same when an attempt is submitted again.
_SAME_REQUEST: Final = {"dataset_digest", "base_model", "model_name"}


class LocalBackend(StoredRuns):
    """Runs fine-tuning jobs in processes of this machine."""

    name = "local"
    measures_machine = True

    def __init__(
        self,
        runs: Path,
        slots: int,
        resumes: int,
        cancel_grace_seconds: float,
        program: Sequence[str] = PROGRAM,
        models_dir: Path | None = None,
        *,
        asks_permission: bool = False,
        allowed_models: Sequence[str] = ("*",),
        early_start: bool = False,
        sharding: Sharding = "auto",
    ) -> None:
        super().__init__(Runs(runs))
        self._slots = slots
        self._resumes = resumes
        self._cancel_grace_seconds = cancel_grace_seconds
        self._program = tuple(program)
        self._models = ModelCatalogue(models_dir, allowed=allowed_models)
        self._asks_permission = asks_permission
        self._early_start = early_start
        self._sharding = sharding
        #: Locks of runs that this process has started early and not submitted yet.
        self._launching: dict[Path, int] = {}

    def base_models(self) -> list[BaseModelOffer]:
        """The built-in model, and the directories with a config.json in the models directory. Reads."""
        return self._models.offers()

    def plan(self, base_model: str | None, config: TrainingConfig, *, train_pairs: int | None) -> Plan:
        """Resolve every "auto"; raises `InvalidRequest` with everything that is wrong at once. Reads."""
        model = self._models.choose(base_model)
        problems: list[FieldProblem] = []
        if isinstance(model, FieldProblem):
            problems.append(model)
            model = ChosenModel(base_model or "")
        resolved, more = resolve(
            config,
            from_scratch=model.from_scratch,
            train_pairs=train_pairs,
            precision=best_precision(),
            context_length=model.context_length,
        )
        problems += more
        if problems:
            raise InvalidRequest("This machine cannot run the requested training.", problems=problems)
        return Plan(base_model=model.id, config=resolved)

    def revision(self, base_model: str) -> str | None:
        """The commit of a model of the Hub now; None for others, or where the Hub takes too long. Asks the Hub."""
        return self._models.revision(base_model)

    def identify(self, base_model: str, revision: str | None = None) -> BaseModelRecord:
        """What exactly the base model is; raises `Unavailable` for files that cannot be read. Reads."""
        try:
            return self._models.identify(base_model, revision)
        except OSError as error:
            raise Unavailable(
                f"The base model {base_model} cannot be read: {error.strerror or error} ({error.filename}).",
                hint="Check its owner and rights. It is retried automatically.",
            ) from error

    def tokenizer(self, base_model: str) -> str | None:
        """Which tokenizer our own program would load without a network; None where it would load none. Reads."""
        return self._models.tokenizer(base_model) if self._program == PROGRAM else None

    def rehearse(self, submission: Submission) -> Rehearsal:
        """What the trainer would make of the dataset; its tokenizer reads every example. Reads only."""
        return rehearse(submission)

    def describe(self, base_model: str, config: TrainingConfig) -> ModelFacts:  # noqa: ARG002 - all train on this machine
        """What the files of the base model say of it, and this machine. Reads; never raises."""
        return model_facts(base_model, this_machine(), self._models.copy_of(base_model))

    def submit(self, submission: Submission) -> Handle:
        """Start training and return; the existing handle where this attempt was submitted before.

        May be called by several processes at once, and again after dying at any line. Raises `Conflict` if the attempt
        was submitted with something else to train, `Unavailable` if the directory cannot be written.
        """
        run = self._runs.of(submission.job_id, submission.attempt)
        request = submission.model_dump(mode="json", include=_SAME_REQUEST)
        with using(run):
            self._runs.make(run)
            with hold(run.run_lock):
                orders = run.orders()
                if orders is None:
                    write_json(run.config, trainer_config(submission, run.path, sharding=self._sharding))
                    run.write_orders(self._orders(submission, request))
                elif orders.request != request:
                    raise Conflict(_other_request(run, orders.request, request), hint="Submit it as another attempt.")
                if run.outcome() is None and run.supervision() is None:
                    ensure_supervisor(run)
                self._launched(run)
        return handle_of(run)

    def start_early(self, job_id: str, attempt: int, *, base_model: str) -> None:
        """Have a trainer import its libraries while its dataset is made, where a slot is free. Never raises.

        Only our own program can wait. The lock that says that this process is at the launch is held until `submit`, or
        until it ends.
        """
        with suppress(PipelineError, OSError, ValueError):
            run = self._runs.of(job_id, attempt)
            if not self._early_start or self._program != PROGRAM or not has_room(run.slots, self._slots):
                return
            self._runs.make(run)
            with hold(run.run_lock):
                launching = None if run.orders() is not None else try_lock(run.launching_lock)
                if launching is None:
                    return
                self._launching[run.path] = launching
                run.write_early_orders(EarlyOrders(self._program, base_model, self._slots, time.time()))
                ensure_supervisor(run)

    def _launched(self, run: RunDirectory) -> None:
        launching = self._launching.pop(run.path, None)
        if launching is not None:
            os.close(launching)

    def cancel(self, job_id: str, attempt: int) -> None:
        """Request a cancel; the supervisor ends the run within seconds. Idempotent."""
        run = self._runs.submitted(job_id, attempt)
        with using(run):
            if run.outcome() is None and not run.cancel.exists():
                write_json(run.cancel, {"requested_at": time.time()})

    def allow(self, job_id: str, attempt: int, *, asked: float) -> None:
        """Let the run begin that has asked at this time. Idempotent."""
        run = self._runs.submitted(job_id, attempt)
        with using(run):
            write_json(run.permission, {"asked": asked})

    def recover(self, job_id: str, attempt: int) -> bool:
        """Give a run with neither outcome nor supervisor a new supervisor, at most as often as a trainer is resumed.

        A trainer that still lives goes on under the new one; otherwise it is resumed from its checkpoint. A supervisor
        that was told to stop does not count. Where it was lost too often its trainer is killed and the outcome is
        written here. False if the run has failed for good, else true. Idempotent.
        """
        run = self._runs.submitted(job_id, attempt)
        with using(run), hold(run.run_lock):
            recover(run, resumes=self._resumes)
            outcome = run.outcome()
        return outcome is None or outcome.status != JobStatus.FAILED

    def ask(
        self,
        models: Sequence[AskedModel],
        messages: Sequence[ChatTurn],
        *,
        max_tokens: int,
        limits: AskLimits,
        asked_by: str,
    ) -> list[ModelAnswer]:
        """What each model answers; see `Asking`."""
        runs = self._runs.path
        with using(RunDirectory(runs)):
            return asking.ask(runs, models, messages, max_tokens=max_tokens, limits=limits, asked_by=asked_by)

    def evaluate(self, order: EvaluationOrder) -> None:
        """Start an evaluation, in a slot as a training. Idempotent; raises as `submit` does."""
        run = self._runs.of(order.evaluation_id, 1)
        with using(run):
            self._runs.make(run)
            with hold(run.run_lock):
                if run.orders() is None:
                    write_json(run.config, evaluation.config(order, run))
                    run.write_orders(
                        Orders(
                            program=evaluation.PROGRAM,
                            slots=self._slots,
                            resumes=self._resumes,
                            cancel_grace_seconds=self._cancel_grace_seconds,
                            timeout_seconds=evaluation.TIMEOUT_SECONDS,
                            submitted_at=time.time(),
                            asks_permission=True,
                            answer_seconds=evaluation.QUESTIONS_SECONDS,
                        )
                    )
                if run.outcome() is None and run.supervision() is None:
                    ensure_supervisor(run)

    def hand_over(self, evaluation_id: str, lines: Callable[[], Iterable[str]], *, asked: float) -> bool:
        """Write the questions and let the run begin; see `Evaluating`."""
        run = self._runs.submitted(evaluation_id, 1)
        with using(run):
            return evaluation.hand_over(run, lines, asked=asked)

    def scores(self, evaluation_id: str) -> Mapping[str, ScoresFile]:
        """The scores that a succeeded evaluation left. Reads."""
        run = self._runs.submitted(evaluation_id, 1)
        with using(run):
            return evaluation.scores(run)

    def _orders(self, submission: Submission, request: dict[str, Any]) -> Orders:
        return Orders(
            program=self._program,
            slots=self._slots,
            resumes=self._resumes,
            cancel_grace_seconds=self._cancel_grace_seconds,
            timeout_seconds=submission.config.timeout_minutes * 60,
            submitted_at=time.time(),
            asks_permission=self._asks_permission,
            request=request,
        )


def _other_request(run: RunDirectory, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    differ = ", ".join(sorted(name for name in {*before, *now} if before.get(name) != now.get(name)))
    return f"{run.path.name} was submitted before with a different {differ}."
