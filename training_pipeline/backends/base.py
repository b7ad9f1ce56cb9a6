"""The interface between a training job and the backend that trains it.

All verbs are idempotent by job id and attempt: calling one again, from any process, after any crash, never starts a
second training.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.backends.log_part import LogPart
from training_pipeline.domain.advice.facts import ModelFacts, TokenLengths
from training_pipeline.domain.export_summary import SheetWarning
from training_pipeline.domain.job import Handles, JobStatus
from training_pipeline.domain.lineage import BaseModelRecord, TrainingRecipe
from training_pipeline.domain.training_config import TrainingConfig


class BaseModelOffer(BaseModel):
    """A base model that a backend can run."""

    model_config = ConfigDict(frozen=True)

    id: str
    description: str
    parameters: int | None = None
    context_length: int | None = None
    licence: str | None = None
    accelerators: tuple[str, ...] = ()
    default: bool = False


class Plan(BaseModel):
    """A configuration with every "auto" replaced by the value that will be used. `config` has no "auto" left.

    `uc_catalog` and `uc_schema` are where the model goes if the job does not say it; null where that is not needed.
    """

    model_config = ConfigDict(frozen=True)

    base_model: str
    config: TrainingConfig
    uc_catalog: str | None = None
    uc_schema: str | None = None


class Submission(BaseModel):
    """Everything a backend needs to train one job."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    attempt: int
    model_name: str
    base_model: str
    config: TrainingConfig
    train_file: Path
    validation_file: Path
    dataset_digest: str
    #: The manifest of the dataset, by which errors name pairs.
    manifest_file: Path | None = None
    #: What the two files are in the record, by SHA-256: the trainer trains on these bytes, or not at all.
    train_sha256: str | None = None
    validation_sha256: str | None = None
    #: What the base model is in the record: a commit of the Hub, or its files by SHA-256.
    base_model_revision: str | None = None
    base_model_files: dict[str, str] | None = None
    #: The full name under which a backend whose runs register the model themselves is to do so; null for not at all.
    register_as: str | None = None


class Handle(BaseModel):
    """Where the backend keeps the run; stored with the job right after `submit`."""

    model_config = ConfigDict(frozen=True)

    backend_job_id: str
    backend_run_id: str


class RunState(BaseModel):
    """What the backend says about a run now. `status` is never `pending`.

    `lost` with `failed` means that nobody watches over the run any more although it has no outcome: `recover` may yet
    save it. Where it cannot, the run has failed. The MLflow ids are those of a run that logs to MLflow directly;
    `run_url` is the page of the run, where the backend has pages. A run with `asks_since` waits until `allow` answers
    the question whether its pairs may still be trained on; the time, in seconds since 1970, names the question. One
    that runs and `waits_for` something goes on by itself once somebody has seen to it: the sentence says what.
    """

    model_config = ConfigDict(frozen=True)

    status: JobStatus
    lost: bool = False
    asks_since: float | None = None
    waits_for: str | None = None
    step: int | None = None
    planned_steps: int | None = None
    epoch: float | None = None
    total_epochs: float | None = None
    eta_seconds: float | None = None
    message: str = ""
    run_url: str | None = None
    mlflow_experiment_id: str | None = None
    mlflow_run_id: str | None = None
    error: str | None = None
    error_details: dict[str, Any] | None = None


#: Ends the name of the points that stand for values that were NaN or infinite.
NOT_FINITE: Final = "_not_finite"

#: What the names of points begin with that say what the machine does; their step is the number of the sample.
SYSTEM: Final = "system/"

#: The name of the point that counts the damaged checkpoints which a resume passed over, at the step it went on from.
PASSED_OVER: Final = "checkpoints_passed_over"


class MetricPoint(BaseModel):
    """One measured value. `name` is one of train_loss, val_loss, train_accuracy, val_accuracy, learning_rate,
    grad_norm; `epoch` is fractional, `tokens` counts from the start of the job, `time` is seconds since 1970. Names
    that begin with `SYSTEM` are those of samples of the machine.

    `value` is finite. A measurement that was not is the point `<name>_not_finite` with the value 1 at its step, so that
    their number is the count of such points. `(name, step)` identifies a point. `PASSED_OVER` is no measurement: each
    such point is an event.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    step: int
    value: Annotated[float, Field(allow_inf_nan=False)]
    epoch: float | None = None
    tokens: int | None = None
    time: float


class TrainingResult(BaseModel):
    """What a run left behind. Figures that were not measured are null."""

    model_config = ConfigDict(frozen=True)

    model_dir: Path | None
    model_files: dict[str, str]  # file name -> SHA-256 (hex)
    steps: int
    planned_steps: int
    epochs_completed: float
    tokens: int | None
    duration_seconds: float
    train_loss_first: float | None = None
    train_loss: float | None = None
    val_loss: float | None = None
    train_accuracy: float | None = None
    val_accuracy: float | None = None
    custom_metrics: dict[str, float] = {}
    truncated_examples: int = 0
    #: What the training program read: its two files by SHA-256, and the commit of a base model from the Hub.
    train_sha256: str | None = None
    validation_sha256: str | None = None
    base_model_revision: str | None = None
    #: Null where a training program of an earlier version does not say it.
    recipe: TrainingRecipe | None = None


class AnsweredQuestion(BaseModel):
    """A validation question, the expert's answer, and the model's before and after training; null where it had none."""

    model_config = ConfigDict(frozen=True)

    question: str
    expected: str
    before: str | None = None
    after: str | None = None


class PairLoss(BaseModel):
    """The mean loss of a token of the expert's answer to a validation pair; null where it is not finite."""

    model_config = ConfigDict(frozen=True)

    pair_id: str | None = None
    loss: float | None
    tokens: int


@runtime_checkable
class MeasuresPairs(Protocol):
    """What a backend has besides where its runs measure the loss of single validation pairs."""

    def pair_losses(self, job_id: str, attempt: int) -> Sequence[PairLoss]:
        """The losses with the trained weights, in the order of the validation file. Reads only.

        Empty where none were measured, as by earlier releases.
        """
        ...


#: A run as a backend is asked about it: job id and attempt.
Run: TypeAlias = tuple[str, int]


@runtime_checkable
class BulkStatus(Protocol):
    """What a backend has besides where telling the states of many runs costs it no more than telling one."""

    def statuses(self, runs: Collection[Run]) -> Mapping[Run, RunState]:
        """The states of these runs now, as `status` says them. Reads only.

        A run that it cannot tell about, for whatever reason, is left out: `status` is asked about that one. So it
        raises only where nothing can be told at all.
        """
        ...


#: What is stored of runs: the handles of those among them that were submitted.
StoredHandles: TypeAlias = Callable[[Collection[Run]], Mapping[Run, Handles]]


@runtime_checkable
class FindsByHandle(Protocol):
    """What a backend has besides where a run is found sooner by its stored handle than by job id and attempt."""

    def handles_from(self, stored: StoredHandles) -> None:
        """Take the handles of runs that this process did not submit from `stored` from now on. Told once, at first."""
        ...


@runtime_checkable
class AsksPermission(Protocol):
    """What a backend has besides where its runs ask, once they have their compute, whether they may begin."""

    def allow(self, job_id: str, attempt: int, *, asked: float) -> None:
        """Let the run begin that has asked at this time (`RunState.asks_since`). A later question stays open."""
        ...


@runtime_checkable
class StartsEarly(Protocol):
    """What a backend has besides where a run takes long to start, and need not know for that what it trains on."""

    def start_early(self, job_id: str, attempt: int, *, base_model: str) -> None:
        """Start what can be started before `submit`, for which this process then has to follow. Never raises.

        Nothing is read or trained before `submit`. Where this process ends without it, what was started ends too.
        """
        ...


#: The code of the warning that it could not be found out what a training would refuse.
NOT_REHEARSED: Final = "not_rehearsed"


class Rehearsal(BaseModel):
    """What a training would make of a dataset. Null is what nobody could say."""

    model_config = ConfigDict(frozen=True)

    #: What it would refuse or cut, with pair ids and never with text.
    warnings: tuple[SheetWarning, ...] = ()
    #: Of all examples, before any cut.
    lengths: TokenLengths | None = None
    #: Examples with a token that the vocabulary does not have.
    unknown_tokens: int | None = None


@runtime_checkable
class DescribesModels(Protocol):
    """What a backend has besides where it knows something of its base models and of what trains them."""

    def describe(self, base_model: str, config: TrainingConfig) -> ModelFacts:
        """What is known of a base model and a configuration of `plan`. Reads small local files only; never raises."""
        ...


@runtime_checkable
class Rehearsing(Protocol):
    """What a backend has besides where it can say what a training would refuse or cut, without training."""

    def rehearses(self, base_model: str) -> bool:
        """Whether it can be said for this base model. Pure."""
        ...

    def rehearse(self, submission: Submission) -> Rehearsal:
        """What the trainer would make of this dataset. Reads only, for up to a minute."""
        ...


@runtime_checkable
class MeasuresMachine(Protocol):
    """What a backend has besides where its runs measure the machine that they train on."""

    measures_machine: bool


@runtime_checkable
class KeepsLog(Protocol):
    """What a backend has besides where what its runs print can be read from here."""

    def log(self, job_id: str, attempt: int, offset: int | None, *, limit: int) -> LogPart:
        """At most `limit` bytes from `offset` on; where that is null, the last ones. Reads only.

        Raises `NotFound` if the backend knows no such attempt.
        """
        ...


class AskedModel(BaseModel):
    """A model that is to answer the questions of an evaluation: a folder, a model of the Hub, or the built-in one.

    `files` are what its folder must hold, by SHA-256. `built_in` is what the built-in base model is made from.
    """

    model_config = ConfigDict(frozen=True)

    role: Literal["base", "tuned", "champion"]
    source: str
    revision: str | None = None
    files: dict[str, str] | None = None
    built_in: dict[str, Any] = {}


class ChatTurn(BaseModel):
    """A message of a chat."""

    model_config = ConfigDict(frozen=True)

    role: str
    content: str


class AskLimits(BaseModel):
    """How long all models of a question may take together, and how much memory the process that asks them."""

    model_config = ConfigDict(frozen=True)

    seconds: float
    memory_mb: int


class ModelAnswer(BaseModel):
    """What a model answered, or the `problem` because of which it did not, in a sentence.

    `stopped` says whether it ended by itself; else it was cut. `seconds` include the time to load the model.
    """

    model_config = ConfigDict(frozen=True)

    role: Literal["base", "tuned", "champion"]
    answer: str | None = None
    stopped: bool | None = None
    tokens: int | None = None
    seconds: float | None = None
    problem: str | None = None


@runtime_checkable
class Asking(Protocol):
    """What a backend has besides where models can be asked one question from here."""

    def ask(
        self, models: Sequence[AskedModel], messages: Sequence[ChatTurn], *, max_tokens: int, limits: AskLimits
    ) -> list[ModelAnswer]:
        """What each model answers, in their order. Nothing that is asked or answered is kept or logged.

        One question at a time: raises `Conflict` while another one is asked.
        """
        ...


class EvaluationOrder(BaseModel):
    """An evaluation to run: `status`, `cancel` and `recover` know it by its id as the first attempt of a job."""

    model_config = ConfigDict(frozen=True)

    evaluation_id: str
    models: tuple[AskedModel, ...]


class ScoresFile(BaseModel):
    """The scores of one model, a row a pair and no text."""

    model_config = ConfigDict(frozen=True)

    path: Path
    sha256: str
    pairs: int


@runtime_checkable
class Evaluating(Protocol):
    """What a backend has besides where models answer the questions of a suite, and are scored there.

    The run waits for its compute and then asks (`RunState.asks_since`); only then are the questions handed over. They
    are gone with its end, whatever that is, and no answer ever leaves it.
    """

    def evaluate(self, order: EvaluationOrder) -> None:
        """Start an evaluation and return at once. Idempotent by its id."""
        ...

    def hand_over(self, evaluation_id: str, lines: Callable[[], Iterable[str]], *, asked: float) -> bool:
        """Give the run that has asked at this time its questions, each a line of JSON, and let it begin.

        False, and nothing is read, where that was done before, is being done, or the run no longer asks.
        """
        ...

    def scores(self, evaluation_id: str) -> Mapping[str, ScoresFile]:
        """The scores of each model of a run that has succeeded, by role. Reads only.

        Raises `BackendFailed` where one is gone or damaged.
        """
        ...


class FineTuningBackend(Protocol):
    """Runs fine-tuning jobs. One that is a `BulkStatus` too is asked about all jobs at once."""

    name: str

    def base_models(self) -> Sequence[BaseModelOffer]:
        """The base models on offer, the default one marked."""
        ...

    def plan(self, base_model: str | None, config: TrainingConfig, *, train_pairs: int | None) -> Plan:
        """Resolve every "auto". Pure but for looking for local files; raises `InvalidRequest` for what it cannot run.

        `train_pairs` is the expected size of the training split, null where it is not known yet.
        """
        ...

    def revision(self, base_model: str) -> str | None:
        """The commit that a base model of `plan` has at the Hugging Face Hub now. Asks the Hub, for a few seconds.

        Null where it is none of the Hub, and where the Hub does not say it in time. Never raises.
        """
        ...

    def identify(self, base_model: str, revision: str | None = None) -> BaseModelRecord:
        """What exactly a base model of `plan` is now. Reads every byte of one in a folder, asks the Hub about others.

        `revision` is what `revision` said when the job was created. Raises `Unavailable` for files that cannot be read.
        """
        ...

    def submit(self, submission: Submission) -> Handle:
        """Start training and return at once; returns the existing handle if the attempt was submitted before."""
        ...

    def find(self, job_id: str, attempt: int) -> Handle | None:
        """The handle of an attempt that reached the backend, else None. Reads only."""
        ...

    def status(self, job_id: str, attempt: int) -> RunState:
        """The state of the run now; raises `NotFound` if the backend knows no such attempt. Reads only."""
        ...

    def metrics(self, job_id: str, attempt: int, offset: int) -> tuple[list[MetricPoint], int]:
        """Points written since `offset` (0 at first) and the offset to ask from next. Reads only.

        May stop before the end of a very long series: there is no more once the offset stays the same. May return
        points again where the backend lost its end of the series.
        """
        ...

    def cancel(self, job_id: str, attempt: int) -> None:
        """Ask for a stop; `status` says `cancelled` once it is confirmed. Nothing happens if the run is over."""
        ...

    def recover(self, job_id: str, attempt: int) -> bool:
        """Save a run that `status` calls lost. It goes on where it was, and counts as the same attempt.

        False if the run has failed for good, because it was lost too often; else true: ask `status` again. Nothing
        happens to a run that is over or well. Raises `NotFound`, or `Unavailable` if it may work later.
        """
        ...

    def result(self, job_id: str, attempt: int) -> TrainingResult:
        """The result of a succeeded run; raises `BackendFailed` with the cause otherwise. Reads only."""
        ...

    def answers(self, job_id: str, attempt: int) -> Sequence[AnsweredQuestion]:
        """What a succeeded run was asked before and after training; empty where it was asked nothing. Reads only.

        It is the text of pairs: for whoever trained the model, and to be stored or logged nowhere.
        """
        ...
