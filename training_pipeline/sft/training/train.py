"""The training itself, from base model to saved model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from transformers import TrainerState

from ..config import Config
from ..distributed.ranks import Ranks
from ..encoding.pair_ids import pair_ids
from ..errors import TrainingFailed
from ..evaluation import evaluate
from ..evaluation.evaluate import Answer, Question
from ..evaluation.in_room import answer_in_room
from ..evaluation.to_ask import answerable, to_ask
from ..memory import give_back
from ..model import base_model
from ..model.positions import positions
from ..output import say
from ..run_dir import Progress, RunDir, Status, read_json, write_json
from ..stop import SharedStop, Stopped, StopRequest
from . import checkpoints
from .callback import Clock, Watch
from .machine_load import measuring_load
from .mlflow_mirror import MlflowMirror
from .pair_losses import measure, write_losses
from .prepare import Prepared, lora, prepare
from .report import Outcome, result, save_model, write_samples
from .resume import resumable


def train(
    config: Config, run: RunDir, status: Status, stop: StopRequest | SharedStop, ranks: Ranks | None = None
) -> dict[str, Any] | None:
    """Train, or continue training, and save the model to `run.model`; returns the result but for its status.

    Raises `Stopped`, or `TrainingFailed` with a cause that a person can mend. Started again after any death of the
    process, it continues from the last checkpoint in `run` and ends with the same weights. Of several processes all
    come here; the first writes and returns the result, the others return None.
    """
    ranks = ranks or Ranks()
    prepared = prepare(config, run, partial(_doing, status), ranks)
    status.tell(planned_steps=prepared.planned_steps, total_epochs=config.epochs)
    _introduce(prepared)
    room = positions(prepared.base.model.config.to_dict())
    first, others = to_ask(config, prepared.chat, room)
    questions, scored = [*first, *others], first[: config.exact_match_questions]
    sure = scored if answerable(scored, config, room) else [*scored, *answerable(questions, config, room)[:1]]
    before = _before(config, run, prepared, sure, len(scored), status, ranks)
    progress = Progress(run.progress)
    mirror = MlflowMirror(config.mlflow, run.progress) if config.mlflow and ranks.first else None
    progress.add("val_loss", 0, before["val_loss"], epoch=0.0, tokens=0)
    progress.add("val_accuracy", 0, before["val_accuracy"], epoch=0.0, tokens=0)
    outcome = _fit(config, run, status, stop, prepared, progress, mirror, ranks)
    if ranks.from_first(lambda: stop.asked):
        raise Stopped
    best = checkpoints.best_facts(run.best)
    if best is None and run.best.exists():
        raise TrainingFailed(
            "best_weights_damaged",
            f"{run.best.name}, the best weights of this training, is damaged: retry the job, which continues from a "
            "checkpoint before it.",
            recurs=False,
        )
    if best is None:
        raise TrainingFailed(
            "val_loss_not_finite",
            "The validation loss was no finite number at any evaluation, so no model is worth keeping: lower "
            "learning_rate, or set precision to fp32.",
        )
    _forget_steps(prepared.trainer)
    checkpoints.load_best(run.best, prepared.trainer.model)
    after = _answers(config, prepared, questions, status, ranks, "after training")
    if not config.allow_never_stops:
        _refuse_unstopped(after)
    _doing(status, "measuring single validation pairs")
    rows = prepared.trainer.eval_dataset.select(range(prepared.validation_counts.examples))
    measured = measure(prepared.trainer.model, prepared.base.tokenizer, rows, ranks)
    if not ranks.first:
        return None
    losses = write_losses(run.losses, measured, pair_ids(config.manifest_file, "validation"))
    if scored:
        write_samples(run.samples, scored, before["answers"], evaluate.texts(after[: len(scored)]))
    _doing(status, "saving the model", phase="saving")
    report = result(config, prepared, outcome, progress, best, before, scored, after)
    model = prepared.trainer.model if ranks.count == 1 else _whole(config, run, prepared)
    files = save_model(config, run, prepared, report, model)
    if mirror:
        mirror.catch_up(final=True)
    return {
        "model_dir": run.model.name,
        "model_files": files,
        **report,
        "samples_file": run.samples.name if scored else None,
        "losses_file": losses,
    }


def _whole(config: Config, run: RunDir, prepared: Prepared) -> Any:
    """The best model as one process has it, on the CPU: the base model with the weights that were trained."""
    model = base_model.load(config, run, prepared.base.revision).model
    adapters = lora(config)
    if adapters is not None:
        from peft import get_peft_model

        model = get_peft_model(model, adapters)
    checkpoints.load_best(run.best, model)
    model.generation_config = prepared.trainer.model.generation_config
    return model


def _before(
    config: Config,
    run: RunDir,
    prepared: Prepared,
    questions: Sequence[Question],
    scored: int,
    status: Status,
    ranks: Ranks,
) -> dict[str, Any]:
    """Validation loss, accuracy and the answers to `questions`, before the first step; measured once, then read back.

    Only the first so many answers are `scored`: a model that cannot be asked is found out before time is spent on it.
    """
    found: dict[str, Any] | None = ranks.from_first(lambda: read_json(run.before))
    if found is None:
        _doing(status, "measuring the base model", phase="evaluating")
        measured = prepared.trainer.evaluate()
        facts = {"val_loss": measured["eval_loss"], "val_accuracy": measured["eval_mean_token_accuracy"]}
        answers = evaluate.texts(_answers(config, prepared, questions, status, ranks, "before training"))
        ranks.from_first(lambda: write_json(run.before, {**facts, "answers": answers[:scored]}))
        found = ranks.from_first(lambda: read_json(run.before))
    assert found is not None  # noqa: S101 - it was written
    return found


def _doing(status: Status, message: str, **facts: Any) -> None:
    """Tell what is being done, in the log too."""
    status.tell(message=message, **facts)
    say(f"{message[0].upper()}{message[1:]}.")


def _introduce(prepared: Prepared) -> None:
    train, validation, base = prepared.train_counts, prepared.validation_counts, prepared.base
    say(
        f"{base.parameters:,} parameters in {base.precision} on {prepared.trainer.args.device.type}; "
        f"{train.examples:,} training examples, {validation.examples:,} for validation; "
        f"{prepared.planned_steps:,} steps planned."
    )


def _answers(
    config: Config, prepared: Prepared, questions: Sequence[Question], status: Status, ranks: Ranks, when: str
) -> list[Answer | None]:
    return answer_in_room(
        prepared.trainer.model,
        prepared.base.tokenizer,
        questions,
        ends=prepared.ends,
        positions=positions(prepared.base.model.config.to_dict()),
        longest=config.max_length,
        together=ranks.count > 1,
        told=lambda done: status.tell(
            phase="evaluating", message=f"validation questions {when}: {done} of {len(questions)} answered"
        ),
    )


def _forget_steps(trainer: Any) -> None:
    """Give back the memory of gradients and optimizer: from here on the model is only asked."""
    trainer.model.zero_grad(set_to_none=True)
    for holder in (trainer, trainer.callback_handler):
        holder.optimizer = holder.lr_scheduler = None
    trainer.accelerator.free_memory()
    give_back()


def _refuse_unstopped(answers: Sequence[Answer | None]) -> None:
    stopped, asked = evaluate.stopped(answers)
    if asked and not stopped:
        raise TrainingFailed(
            "never_stops",
            f"The trained model never stops: of {asked} answers to validation questions none came to its end token. "
            "Train longer (epochs) or with a higher learning_rate, raise max_length if answers are cut, or set "
            "allow_never_stops to keep such a model.",
        )


def _fit(
    config: Config,
    run: RunDir,
    status: Status,
    stop: StopRequest | SharedStop,
    prepared: Prepared,
    progress: Progress,
    mirror: MlflowMirror | None,
    ranks: Ranks,
) -> Outcome:
    """Take every step that is left; only reads if none is."""
    trainer = prepared.trainer
    checkpoint, ledger = ranks.from_first(lambda: resumable(run, status, progress))
    resumed = TrainerState.load_from_json(str(checkpoint / "trainer_state.json")) if checkpoint else TrainerState()
    if ledger.finished:
        return Outcome(resumed, stopped_early=ledger.stopped_early, seconds=status.facts["seconds"])
    clock = Clock(before=status.facts["seconds"])
    watch = Watch(
        config,
        run,
        status,
        progress,
        ledger=ledger,
        steps_per_epoch=prepared.steps_per_epoch,
        clock=clock,
        ranks=ranks,
        stop_asked=lambda: stop.asked,
        on_points=mirror.catch_up if mirror else lambda: None,
    )
    trainer.add_callback(watch)
    trainer.args.eval_on_start = ledger.evaluation_due
    status.tell(phase="training", step=ledger.step, message=f"step {ledger.step} of {prepared.planned_steps}")
    say(f"Training from step {ledger.step} of {prepared.planned_steps}.")
    # Only where somebody reads the file: MLflow would be asked for each sample.
    beside = measuring_load(progress, run.path) if ranks.first and not mirror else nullcontext()
    with beside, stop.patiently():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    status.tell(seconds=clock.total)
    status.write()
    tokens_here = trainer.state.num_input_tokens_seen - resumed.num_input_tokens_seen
    return Outcome(
        trainer.state,
        stopped_early=watch.ledger.stopped_early,
        seconds=clock.total,
        first_step_seconds=clock.first_step,
        tokens_per_second=tokens_here / max(clock.here - clock.evaluating, 1e-9),
    )
