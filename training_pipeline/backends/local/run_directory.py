"""The directory of one local run: which files are in it, and who writes them.

| file                 | written by | what it is                                                         |
| -------------------- | ---------- | ------------------------------------------------------------------ |
| config.json          | backend    | what the training program reads                                    |
| orders.json          | backend    | what the supervisor reads; written last, so the run exists with it |
| early.json           | backend    | what a supervisor reads that is started before there are orders    |
| cancel.json          | backend    | the wish to end the run                                            |
| permission.json      | backend    | the answer to the question of supervisor.json                      |
| recoveries.json      | backend    | how often a lost run was taken up again                            |
| supervisor.json      | supervisor | who it is, how far the run is, running time, resumes               |
| trainer.json         | trainer    | who it is, written just before it becomes the training program     |
| outcome.json         | supervisor | the outcome of the run, after which nothing happens; written by    |
|                      |            | the backend where supervisors were lost too often                  |
| status.json          | trainer    | progress                                                           |
| progress.jsonl       | trainer    | the metric points                                                  |
| result.json          | trainer    | what one start of it came to; no outcome: a stopped one may go on  |
| checkpoints/, model/ | trainer    | what it trained                                                    |
| questions.jsonl      | backend    | the text that an evaluation asks about; gone with its end          |
| scores/              | trainer    | what an evaluation measured, without any text                      |
| *.log                | all        | what supervisor and trainer print                                  |
| run.lock             |            | held by whoever starts a supervisor, for that moment               |
| launching.lock       |            | held by a launch run that has the trainer started early            |
| supervisor.lock      |            | held by the supervisor, from before its start to its death         |
| trainer.lock         |            | held by the trainer and everything it starts                       |

Beside the runs lies one file for all of them, `.news`. A supervisor touches it when its run has something to tell.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from training_pipeline.infra.json_file import read_json, write_json

#: The file beside the runs that is touched when one of them has something to tell.
NEWS: Final = ".news"


@dataclass(frozen=True, slots=True)
class Orders:
    """What the supervisor is to do. `request` is what was asked for, to compare with when it is asked for again."""

    program: tuple[str, ...]
    slots: int
    resumes: int
    cancel_grace_seconds: float
    timeout_seconds: float
    submitted_at: float
    #: Ask whether the pairs may still be trained on, each time a slot is given, and wait for the answer.
    asks_permission: bool = False
    #: How long it waits for that answer; null for as long as it takes.
    answer_seconds: float | None = None
    request: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EarlyOrders:
    """What a supervisor needs that starts a trainer before the run is submitted. Times in seconds since 1970."""

    program: tuple[str, ...]
    base_model: str
    slots: int
    asked_at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The final outcome of a run. `status` is succeeded, failed, cancelled or timeout; times in seconds since 1970."""

    status: str
    finished_at: float
    ran_seconds: float = 0.0
    error: str | None = None
    error_details: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Supervision:
    """What the supervisor says about itself and the run.

    `has_run`: training has begun, so the run is not queued any more. `interrupted`: the supervisor was told to stop.
    `asks_since`: the run has its slot and asks whether it may begin. Times are in seconds since 1970.
    """

    supervisor: dict[str, Any]
    has_run: bool
    interrupted: bool
    resumes: int
    ran_seconds: float
    updated_at: float
    message: str = ""
    asks_since: float | None = None


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The files of one run. Reads and writes nothing unless a method says so."""

    path: Path

    @property
    def slots(self) -> Path:
        """Where the runs beside this one share out the machine."""
        return self.path.parent / ".slots"

    @property
    def config(self) -> Path:
        """What the training program reads."""
        return self.path / "config.json"

    @property
    def cancel(self) -> Path:
        """The wish to end the run."""
        return self.path / "cancel.json"

    @property
    def permission(self) -> Path:
        """The answer to the question whether the run may begin."""
        return self.path / "permission.json"

    @property
    def recoveries(self) -> Path:
        """How often the run was taken up again."""
        return self.path / "recoveries.json"

    @property
    def trainer(self) -> Path:
        """The identity of the process that trains."""
        return self.path / "trainer.json"

    @property
    def status(self) -> Path:
        """The trainer's progress."""
        return self.path / "status.json"

    @property
    def progress(self) -> Path:
        """The trainer's metric points."""
        return self.path / "progress.jsonl"

    @property
    def result(self) -> Path:
        """The trainer's result."""
        return self.path / "result.json"

    @property
    def trainer_log(self) -> Path:
        """Output of the training program."""
        return self.path / "trainer.log"

    @property
    def supervisor_log(self) -> Path:
        """Output of the supervisor."""
        return self.path / "supervisor.log"

    @property
    def run_lock(self) -> Path:
        """Held by whoever starts a supervisor."""
        return self.path / "run.lock"

    @property
    def launching_lock(self) -> Path:
        """Held by the launch run that has the trainer started early, until the run is submitted."""
        return self.path / "launching.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held as long as a supervisor lives."""
        return self.path / "supervisor.lock"

    @property
    def trainer_lock(self) -> Path:
        """Held as long as anything of a trainer lives."""
        return self.path / "trainer.lock"

    def has_points(self) -> bool:
        """Whether the trainer has written a metric point. Reads."""
        with suppress(OSError):
            return self.progress.stat().st_size > 0
        return False

    def tell(self) -> None:
        """Have whoever watches the runs look at once; who does not hear it looks later. Writes; never raises."""
        with suppress(OSError):
            (self.path.parent / NEWS).touch(mode=0o600)

    def orders(self) -> Orders | None:
        """The supervisor's orders; None if the run was never submitted to the end. Reads."""
        value = read_json(self.path / "orders.json")
        return None if value is None else Orders(**{**value, "program": tuple(value["program"])})

    def early_orders(self) -> EarlyOrders | None:
        """What a supervisor is to start before there are orders; None for nothing. Reads."""
        value = read_json(self.path / "early.json")
        return None if value is None else EarlyOrders(**{**value, "program": tuple(value["program"])})

    def write_early_orders(self, orders: EarlyOrders) -> None:
        """Have the next supervisor start a trainer early. Writes."""
        write_json(self.path / "early.json", asdict(orders))

    def write_orders(self, orders: Orders) -> None:
        """Make the run exist. Writes."""
        write_json(self.path / "orders.json", asdict(orders))

    def outcome(self) -> Outcome | None:
        """The final outcome; None as long as there is none. Reads."""
        value = read_json(self.path / "outcome.json")
        return None if value is None else Outcome(**value)

    @property
    def questions(self) -> Path:
        """The text that an evaluation works on, as long as it does."""
        return self.path / "questions.jsonl"

    @property
    def half_questions(self) -> Path:
        """The same, while it is written."""
        return self.path / "questions.partial"

    def forget_questions(self) -> None:
        """Remove the text of an evaluation. Idempotent."""
        for file in (self.questions, self.half_questions):
            file.unlink(missing_ok=True)

    def write_outcome(self, outcome: Outcome) -> None:
        """End the run: its questions go first. Writes."""
        self.forget_questions()
        write_json(self.path / "outcome.json", asdict(outcome))

    def supervision(self) -> Supervision | None:
        """What the latest supervisor said last; None if none ever ran. Reads."""
        value = read_json(self.path / "supervisor.json")
        return None if value is None else Supervision(**value)

    def write_supervision(self, supervision: Supervision) -> None:
        """Say how the supervision goes. Writes."""
        write_json(self.path / "supervisor.json", asdict(supervision))
