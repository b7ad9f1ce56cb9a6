"""What happens beside the optimizer: curves and status to files, evaluations on schedule, checkpoints by the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from transformers import TrainerCallback

from ..config import Config
from ..distributed.ranks import Ranks
from ..distributed.sharding import require_sharded
from ..errors import TrainingFailed
from ..output import peak_memory_mb, say
from ..run_dir import Progress, RunDir, Status
from . import checkpoints
from .checkpoints import Ledger

#: Points of a training curve that a job logs, about.
CURVE_POINTS: Final = 200

_TRAIN_NAMES: Final = {
    "loss": "train_loss",
    "mean_token_accuracy": "train_accuracy",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
}
_EVAL_NAMES: Final = {"eval_loss": "val_loss", "eval_mean_token_accuracy": "val_accuracy"}


def evaluation_steps(steps_per_epoch: int, epochs: int, per_epoch: int) -> frozenset[int]:
    """The steps after which to evaluate: `per_epoch` times an epoch, evenly, the last step of each included."""
    marks = {max(1, round(steps_per_epoch * part / per_epoch)) for part in range(1, per_epoch + 1)}
    return frozenset(epoch * steps_per_epoch + step for epoch in range(epochs) for step in marks)


def logging_steps(planned_steps: int) -> int:
    """Steps between two points of a training curve."""
    return max(1, math.ceil(planned_steps / CURVE_POINTS))


@dataclass(slots=True)
class Clock:
    """Times of this process in seconds; `before` is the training time of the processes before it."""

    before: float
    began: float = field(default_factory=time.monotonic)
    first_step: float | None = None
    evaluating: float = 0.0

    @property
    def here(self) -> float:
        """Seconds since training began in this process."""
        return time.monotonic() - self.began

    @property
    def total(self) -> float:
        """Training seconds over all resumes."""
        return self.before + self.here


class Watch(TrainerCallback):
    """Watches one training. `ledger` is what the next checkpoint will remember."""

    def __init__(
        self,
        config: Config,
        run: RunDir,
        status: Status,
        progress: Progress,
        *,
        ledger: Ledger,
        steps_per_epoch: int,
        clock: Clock,
        ranks: Ranks,
        stop_asked: Callable[[], bool],
        on_points: Callable[[], None],
    ) -> None:
        self.config, self.run, self.status, self.progress = config, run, status, progress
        self.ledger, self.clock = ledger, clock
        self.evaluate_at = evaluation_steps(steps_per_epoch, config.epochs, config.evaluations_per_epoch)
        self.stop_asked, self.on_points = stop_asked, on_points
        self.ranks = ranks
        self.saved_at = time.monotonic()
        self.start_step = ledger.step

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Raise `TrainingFailed` where the trainer made whole again what was to be divided."""
        del args, state, control
        if self.ranks.count > 1:
            require_sharded(given["model"], self.ranks.count, given["optimizer"])

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Decide what is due after this step, and tell where training is."""
        del args
        last = state.global_step >= state.max_steps
        self.clock.first_step = self.clock.first_step or self.clock.here
        # What a clock or a signal says, the first process says for all: they must do the same.
        stopping, due = self.ranks.from_first(
            lambda: (self.stop_asked(), time.monotonic() - self.saved_at >= 60 * self.config.checkpoint_minutes)
        )
        # An early stop that an evaluation before this step asked for: see `on_evaluate`.
        finished = last or self.ledger.stopped_early
        evaluates = state.global_step in self.evaluate_at
        control.should_evaluate = evaluates and (last or not stopping)
        control.should_save = due or finished or stopping
        # A log with every checkpoint: a resumed run starts its averages afresh, so none may be left open.
        control.should_log = control.should_log or control.should_save
        control.should_training_stop = control.should_training_stop or stopping
        # A stop does not wait for an evaluation: whoever resumes begins with it.
        self.ledger = replace(
            self.ledger,
            step=state.global_step,
            finished=finished,
            evaluation_due=evaluates and not control.should_evaluate,
        )
        self._tell(state, phase="evaluating" if control.should_evaluate else "training")

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Write a point of each training curve; raise `TrainingFailed` once the loss is no finite number."""
        del args, control
        logs: dict[str, float] = given["logs"]
        if "loss" not in logs:
            return
        self._add(_TRAIN_NAMES, logs, state)
        if not math.isfinite(logs["loss"]):
            raise TrainingFailed(
                "train_loss_not_finite",
                f"The training loss was no finite number at step {state.global_step}: lower learning_rate (it is "
                f"{self.config.learning_rate:g}) or max_grad_norm, or set precision to fp32.",
            )

    def on_evaluate(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Write a point of each validation curve, keep the best weights, stop early where nothing improves."""
        del args
        metrics: dict[str, float] = given["metrics"]
        self._add(_EVAL_NAMES, metrics, state)
        self.clock.evaluating += metrics["eval_runtime"]
        if state.global_step == 0:
            return
        loss, best = metrics["eval_loss"], self.ledger.best_val_loss
        if math.isfinite(loss) and (best is None or loss < best):
            facts = {
                "step": state.global_step,
                "val_loss": loss,
                "val_accuracy": metrics["eval_mean_token_accuracy"],
            }
            checkpoints.save_best(self.run.best, given["model"], facts, writes=self.ranks.first)
            self.ledger = replace(self.ledger, best_val_loss=loss, evaluations_without_gain=0)
        else:
            self.ledger = replace(self.ledger, evaluations_without_gain=self.ledger.evaluations_without_gain + 1)
        patience = self.config.early_stopping_patience
        if patience and self.ledger.evaluations_without_gain >= patience and not self.ledger.finished:
            self.ledger = replace(self.ledger, finished=True, stopped_early=True)
            control.should_training_stop = control.should_save = True
        self._tell(state, phase="training")

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Declare the checkpoint just written complete."""
        del args, control
        self.ranks.wait()  # each writes a file of its own into it
        checkpoint = self.run.checkpoints / f"checkpoint-{state.global_step}"
        self.ranks.from_first(lambda: checkpoints.mark(checkpoint, self.ledger))
        self.saved_at = time.monotonic()

    def _add(self, names: dict[str, str], values: dict[str, float], state: Any) -> None:
        told = ", ".join(f"{name} {values[key]:.4g}" for key, name in names.items() if key in values)
        say(f"Step {state.global_step} of {state.max_steps}: {told}, peak memory {peak_memory_mb():,.0f} MB.")
        for key, name in names.items():
            if key in values:
                self.progress.add(
                    name, state.global_step, values[key], epoch=state.epoch or 0.0, tokens=state.num_input_tokens_seen
                )
        self.on_points()

    def _tell(self, state: Any, *, phase: str) -> None:
        done = state.global_step - self.start_step
        left = state.max_steps - state.global_step
        self.status.tell(
            phase=phase,
            step=state.global_step,
            planned_steps=state.max_steps,
            epoch=state.epoch,
            total_epochs=self.config.epochs,
            eta_seconds=self.clock.here / done * left if done else None,
            tokens=state.num_input_tokens_seen,
            seconds=self.clock.total,
            message=f"step {state.global_step} of {state.max_steps}",
        )
