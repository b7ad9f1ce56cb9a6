"""Fine-tuning on this machine: a directory a run, and a supervisor process that does everything else.

The backend only reads and writes files in `<runs>/<job id>-<attempt>/` (see `run_directory.py`) and starts supervisors.
At any moment at most one supervisor of a run lives, because it holds a file lock that its starter handed to it, and at
most one trainer, for the same reason.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from training_pipeline.backends.asking import AskedModel, AskLimits, ChatTurn, ModelAnswer
from training_pipeline.backends.base_models import BaseModelOffer
from training_pipeline.backends.defaults import resolve
from training_pipeline.backends.evaluating import EvaluationOrder, ScoresFile
from training_pipeline.backends.handles import Handle
from training_pipeline.backends.local import asking, disk_room, evaluation, outcomes
from training_pipeline.backends.local.base_models import ChosenModel, ModelCatalogue
from training_pipeline.backends.local.hardware import best_precision
from training_pipeline.backends.local.machine import this_machine
from training_pipeline.backends.local.model_facts import model_facts
from training_pipeline.backends.local.progress import read_points
from training_pipeline.backends.local.rehearsal import rehearse
from training_pipeline.backends.local.run_directory import EarlyOrders, Orders, RunDirectory
from training_pipeline.backends.local.run_log import log_tail, read_log
from training_pipeline.backends.local.slots import has_room
from training_pipeline.backends.local.supervisor_start import start_supervisor
from training_pipeline.backends.logs import LogPart
from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.rehearsal import Rehearsal
from training_pipeline.backends.results import AnsweredQuestion, PairLoss, TrainingResult
from training_pipeline.backends.run_state import RunState
from training_pipeline.backends.submission import Submission
from training_pipeline.backends.trainer_contract import (
    ANSWERS_FILE,
    LOSSES_FILE,
    answered_questions,
    pair_losses,
    trainer_config,
    training_result,
)
from training_pipeline.domain.advice.facts import ModelFacts
from training_pipeline.domain.errors import (
    BackendFailed,
    Conflict,
    FieldProblem,
    InvalidRequest,
    NotFound,
    PipelineError,
    Unavailable,
)
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.job_id import is_job_id
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.infra.file_lock import hold, is_held, try_lock
from training_pipeline.infra.json_file import BrokenFile, read_json, write_json
from training_pipeline.infra.processes import ProcessIdentity

#: The training program; it is given the path of config.json.
PROGRAM: Final = (sys.executable, "-m", "training_pipeline.sft")

#: What must be the same when an attempt is submitted again.
_SAME_REQUEST: Final = {"dataset_digest", "base_model", "model_name"}


class LocalBackend:
    """Runs fine-tuning jobs in processes of this machine."""

    name = "local"

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
    ) -> None:
        self._runs = runs.absolute()
        self._slots = slots
        self._resumes = resumes
        self._cancel_grace_seconds = cancel_grace_seconds
        self._program = tuple(program)
        self._models = ModelCatalogue(models_dir, allowed=allowed_models)
        self._asks_permission = asks_permission
        self._early_start = early_start
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
        run = self._directory(submission.job_id, submission.attempt)
        request = submission.model_dump(mode="json", include=_SAME_REQUEST)
        with _using(run):
            self._runs.mkdir(mode=0o700, parents=True, exist_ok=True)
            run.path.mkdir(mode=0o700, exist_ok=True)
            with hold(run.run_lock):
                orders = run.orders()
                if orders is None:
                    write_json(run.config, trainer_config(submission, run.path))
                    run.write_orders(self._orders(submission, request))
                elif orders.request != request:
                    raise Conflict(_other_request(run, orders.request, request), hint="Submit it as another attempt.")
                if run.outcome() is None and run.supervision() is None:
                    self._start(run)
                self._launched(run)
        return _handle(run)

    def start_early(self, job_id: str, attempt: int, *, base_model: str) -> None:
        """Have a trainer import its libraries while its dataset is made, where a slot is free. Never raises.

        Only our own program can wait. The lock that says that this process is at the launch is held until `submit`, or
        until it ends.
        """
        with suppress(PipelineError, OSError, ValueError):
            run = self._directory(job_id, attempt)
            if not self._early_start or self._program != PROGRAM or not has_room(run.slots, self._slots):
                return
            self._runs.mkdir(mode=0o700, parents=True, exist_ok=True)
            run.path.mkdir(mode=0o700, exist_ok=True)
            with hold(run.run_lock):
                launching = None if run.orders() is not None else try_lock(run.launching_lock)
                if launching is None:
                    return
                self._launching[run.path] = launching
                run.write_early_orders(EarlyOrders(self._program, base_model, self._slots, time.time()))
                self._start(run)

    def _launched(self, run: RunDirectory) -> None:
        launching = self._launching.pop(run.path, None)
        if launching is not None:
            os.close(launching)

    def find(self, job_id: str, attempt: int) -> Handle | None:
        """The handle of an attempt that was submitted, else None. Reads."""
        run = self._directory(job_id, attempt)
        with _using(run):
            return None if run.orders() is None else _handle(run)

    def status(self, job_id: str, attempt: int) -> RunState:
        """The state of the run, from its files and locks. Reads."""
        run = self._submitted(job_id, attempt)
        with _using(run):
            # The lock first: a supervisor that ends between the two looks has written its outcome by then.
            supervised = _is_supervised(run)
            outcome = run.outcome()
            supervision = run.supervision()
            progress = _progress(run)
            if outcome is not None:
                progress.pop("eta_seconds", None)
                status = JobStatus(outcome.status)
                return RunState(status=status, error=outcome.error, error_details=outcome.error_details, **progress)
            if not supervised:
                return _lost(run, progress)
            asks_since = supervision.asks_since if supervision else None
            if supervision is None or not supervision.has_run:
                message = supervision.message if supervision else ""
                return RunState(
                    status=JobStatus.QUEUED, asks_since=asks_since, message=message or "Waiting for a slot."
                )
            if supervision.message:
                progress["message"] = supervision.message
            # Not asked of the supervisor, who may have no room to write it down.
            waits = not is_held(run.trainer_lock) and disk_room.was_full(run)
            waits_for = disk_room.waits_for_room(run) if waits else None
            return RunState(status=JobStatus.RUNNING, asks_since=asks_since, waits_for=waits_for, **progress)

    def metrics(self, job_id: str, attempt: int, offset: int) -> tuple[list[MetricPoint], int]:
        """The points from byte `offset` of progress.jsonl on, and the byte to go on from. Reads."""
        run = self._submitted(job_id, attempt)
        with _using(run):
            return read_points(run.progress, offset)

    def cancel(self, job_id: str, attempt: int) -> None:
        """Request a cancel; the supervisor ends the run within seconds. Idempotent."""
        run = self._submitted(job_id, attempt)
        with _using(run):
            if run.outcome() is None and not run.cancel.exists():
                write_json(run.cancel, {"requested_at": time.time()})

    def allow(self, job_id: str, attempt: int, *, asked: float) -> None:
        """Let the run begin that has asked at this time. Idempotent."""
        run = self._submitted(job_id, attempt)
        with _using(run):
            write_json(run.permission, {"asked": asked})

    def recover(self, job_id: str, attempt: int) -> bool:
        """Give a run with neither outcome nor supervisor a new supervisor, at most as often as a trainer is resumed.

        A trainer that still lives goes on under the new one; otherwise it is resumed from its checkpoint. A supervisor
        that was told to stop does not count. Where it was lost too often its trainer is killed and the outcome is
        written here. False if the run has failed for good, else true. Idempotent.
        """
        run = self._submitted(job_id, attempt)
        with _using(run), hold(run.run_lock):
            if run.outcome() is None and not is_held(run.supervisor_lock):
                supervision = run.supervision()
                done = int((read_json(run.recoveries) or {"count": 0})["count"])
                interrupted = supervision is not None and supervision.interrupted
                if interrupted or done < self._resumes:
                    self._start(run)
                    if not interrupted:
                        write_json(run.recoveries, {"count": done + 1})
                else:
                    _give_up(run, done)
            outcome = run.outcome()
        return outcome is None or outcome.status != JobStatus.FAILED

    def result(self, job_id: str, attempt: int) -> TrainingResult:
        """What a succeeded run left behind, paths absolute; raises `BackendFailed` with the cause otherwise. Reads."""
        run = self._submitted(job_id, attempt)
        with _using(run):
            outcome = run.outcome()
            if outcome is None:
                raise BackendFailed(f"The run {run.path.name} has not ended yet, so it has no result.")
            if outcome.status != JobStatus.SUCCEEDED:
                raise BackendFailed(outcome.error or f"The run {run.path.name} ended as {outcome.status}.")
            return training_result(read_json(run.result) or {}, run.path)

    def answers(self, job_id: str, attempt: int) -> list[AnsweredQuestion]:
        """What the run was asked before and after training. Reads."""
        run = self._submitted(job_id, attempt)
        with _using(run):
            asked = run.path / ANSWERS_FILE
            return answered_questions(asked.read_bytes()) if asked.exists() else []

    def pair_losses(self, job_id: str, attempt: int) -> list[PairLoss]:
        """How badly the trained model predicts each validation pair. Reads."""
        run = self._submitted(job_id, attempt)
        with _using(run):
            measured = run.path / LOSSES_FILE
            return pair_losses(measured.read_bytes()) if measured.exists() else []

    def log(self, job_id: str, attempt: int, offset: int | None, *, limit: int) -> LogPart:
        """What the trainer has printed; see `KeepsLog`. Reads."""
        run = self._submitted(job_id, attempt)
        with _using(run):
            return read_log(run.trainer_log, offset, limit=limit, ended=run.outcome() is not None)

    def ask(
        self, models: Sequence[AskedModel], messages: Sequence[ChatTurn], *, max_tokens: int, limits: AskLimits
    ) -> list[ModelAnswer]:
        """What each model answers; see `Asking`."""
        with _using(RunDirectory(self._runs)):
            return asking.ask(self._runs, models, messages, max_tokens=max_tokens, limits=limits)

    def evaluate(self, order: EvaluationOrder) -> None:
        """Start an evaluation, in a slot as a training. Idempotent; raises as `submit` does."""
        run = self._directory(order.evaluation_id, 1)
        with _using(run):
            self._runs.mkdir(mode=0o700, parents=True, exist_ok=True)
            run.path.mkdir(mode=0o700, exist_ok=True)
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
                        )
                    )
                if run.outcome() is None and run.supervision() is None:
                    self._start(run)

    def hand_over(self, evaluation_id: str, lines: Callable[[], Iterable[str]], *, asked: float) -> bool:
        """Write the questions and let the run begin; see `Evaluating`."""
        run = self._submitted(evaluation_id, 1)
        with _using(run):
            return evaluation.hand_over(run, lines, asked=asked)

    def scores(self, evaluation_id: str) -> Mapping[str, ScoresFile]:
        """The scores that a succeeded evaluation left. Reads."""
        run = self._submitted(evaluation_id, 1)
        with _using(run):
            return evaluation.scores(run)

    def _directory(self, job_id: str, attempt: int) -> RunDirectory:
        if not is_job_id(job_id):
            raise NotFound(f"{job_id!r} is no job id: 1 to 64 letters, digits, '_' and '-' were expected.")
        return RunDirectory(self._runs / f"{job_id}-{attempt}")

    def _submitted(self, job_id: str, attempt: int) -> RunDirectory:
        run = self._directory(job_id, attempt)
        with _using(run):
            if run.orders() is None:
                raise NotFound(f"Attempt {attempt} of the job {job_id} was never submitted to {self._runs}.")
        return run

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

    def _start(self, run: RunDirectory) -> None:
        """Start a supervisor unless one lives. The caller holds run.lock, so nobody else looks at supervisor.lock."""
        lock = try_lock(run.supervisor_lock)
        if lock is None:
            return
        try:
            start_supervisor(run, lock)
        finally:
            os.close(lock)


def _handle(run: RunDirectory) -> Handle:
    return Handle(backend_job_id=run.path.name, backend_run_id=str(run.path))


def _is_supervised(run: RunDirectory) -> bool:
    # Shared: whoever starts a supervisor must not mistake this look at the lock for one.
    with hold(run.run_lock, shared=True):
        return is_held(run.supervisor_lock)


def _progress(run: RunDirectory) -> dict[str, Any]:
    """The fields of a `RunState` that the trainer's status.json tells."""
    try:
        status = read_json(run.status) or {}
    except ValueError:
        return {"message": f"{run.status} cannot be read."}
    names = ("step", "planned_steps", "epoch", "total_epochs", "eta_seconds")
    return {**{name: status.get(name) for name in names}, "message": status.get("message") or status.get("phase") or ""}


def _lost(run: RunDirectory, progress: dict[str, Any]) -> RunState:
    progress.pop("eta_seconds", None)
    tail = log_tail(run.supervisor_log)
    error = outcomes.with_tail(
        "The supervisor of this run is gone and left no outcome.", log=str(run.supervisor_log), tail=tail
    )
    details = {"error_type": "SupervisorLost", "log": str(run.supervisor_log), "log_tail": tail}
    details["trainer_log_tail"] = log_tail(run.trainer_log)
    return RunState(status=JobStatus.FAILED, lost=True, error=error, error_details=details, **progress)


def _give_up(run: RunDirectory, recoveries: int) -> None:
    """End what is left of a run that was lost too often, and write its outcome."""
    leader = ProcessIdentity.from_json(read_json(run.trainer))
    if leader is not None and is_held(run.trainer_lock):  # the lock says that the group is still this trainer's
        leader.kill_group()
    supervision = run.supervision()
    ran_seconds = supervision.ran_seconds if supervision else 0.0
    outcome = outcomes.of_trainer(run, ran_seconds=ran_seconds)
    if outcome is None and run.cancel.exists():
        outcome = outcomes.cancelled(ran_seconds=ran_seconds)
    run.write_outcome(outcome or outcomes.abandoned(run, recoveries, ran_seconds=ran_seconds))


def _other_request(run: RunDirectory, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    differ = ", ".join(sorted(name for name in {*before, *now} if before.get(name) != now.get(name)))
    return f"{run.path.name} was submitted before with a different {differ}."


@contextmanager
def _using(run: RunDirectory) -> Iterator[None]:
    """Turn what the file system refuses into an error for people."""
    try:
        yield
    except BrokenFile as error:
        raise BackendFailed(f"The run {run.path.name} cannot be read: {error}.") from error
    except OSError as error:
        what = f"The run directory {error.filename or run.path} cannot be used: {error.strerror or error}."
        hint = "Free disk space, or check its owner and TRAINING_PIPELINE_STATE_DIR. It is retried automatically."
        raise Unavailable(what, hint=hint) from error
