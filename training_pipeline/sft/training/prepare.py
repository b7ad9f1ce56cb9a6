"""Everything before the first step: base model, chat format, token ids, TRL's trainer with its traps disarmed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
import torch
from accelerate.data_loader import SeedableRandomSampler
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, set_seed
from transformers.utils import logging as transformers_logging
from trl.trainer.sft_config import SFTConfig

from ..config import Config
from ..distributed.ranks import Ranks
from ..distributed.sharding import filled
from ..encoding.chat_format import chat_format
from ..encoding.data import ChatFormat
from ..encoding.pair_ids import pair_ids
from ..encoding.token_file import Counts, write_tokens
from ..errors import TrainingFailed
from ..integrity import (
    refuse_base_model_of_another_start,
    refuse_other_base_model,
    refuse_other_file,
    sha256,
    unchanged,
)
from ..model import base_model
from ..model.base_model import Base
from ..model.generation import generation_of
from ..run_dir import RunDir, read_json, write_json
from .by_length import ByLength
from .callback import logging_steps
from .recipe import libraries, recipe
from .trainer import Trainer

#: Up to this many weights, validation batches may be larger than training batches.
_SMALL_PARAMETERS: Final = 50_000_000
_SMALL_EVAL_BATCH: Final = 32
#: Settings that may change between two starts of one run: they do not change what is trained.
_MAY_CHANGE: Final = frozenset(
    {
        "mlflow",
        "checkpoint_minutes",
        "sharding",
        "run_dir",
        "train_file",
        "validation_file",
        "manifest_file",
        "train_sha256",
        "validation_sha256",
        "base_model_files",
        "base_model_revision",
        "allow_never_stops",
    }
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What training works on."""

    base: Base
    chat: ChatFormat
    train_counts: Counts
    validation_counts: Counts
    trainer: Any
    steps_per_epoch: int
    planned_steps: int
    #: The tokens with which generation ends: those of the base model and those of the trained answers.
    ends: list[int]
    #: What it takes to repeat the training, as in `result.json`.
    recipe: dict[str, Any]
    #: The SHA-256 of each file of the base model.
    base_model_files: dict[str, str] | None


def prepare(config: Config, run: RunDir, told: Callable[[str], None], ranks: Ranks | None = None) -> Prepared:
    """Load, tokenize and set up; `told` hears what is being done. Raises `TrainingFailed`; writes into `run` only.

    Of several processes all come here, and the first writes.
    """
    if not base_model.is_folder(config.base_model):
        return _prepared(config, run, told, ranks or Ranks())
    with unchanged("base_model", Path(config.base_model)):
        return _prepared(config, run, told, ranks or Ranks())


def _prepared(config: Config, run: RunDir, told: Callable[[str], None], ranks: Ranks) -> Prepared:
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    set_seed(config.seed)
    claimed = ranks.from_first(lambda: _claim(config, run))
    told("reading the tokenizer of the base model")
    found = base_model.find(config, run, claimed.get("base_model_revision"), ranks)
    if ranks.first:
        write_json(run.identity, {**claimed, "base_model_revision": found.revision})
    chat = chat_format(found.tokenizer, config.base_model, date.fromisoformat(claimed["first_day"]))
    made_with = recipe(
        config,
        found.tokenizer,
        chat_template=chat.template,
        chat_template_source=chat.source,
        precision=found.precision,
        first_day=claimed["first_day"],
        libraries=claimed["libraries"],
    )
    # Before the weights, which may take minutes: what is refused here is refused soon.
    told("turning the pairs into tokens")
    train_counts, train = _tokens(config.train_file, "train_file", config, run, chat, ranks)
    validation_counts, validation = _tokens(config.validation_file, "validation_file", config, run, chat, ranks)
    # Whatever changed the files since they were claimed, these bytes were read.
    refuse_other_file("train_file", config.train_file, config.train_sha256, train_counts.sha256)
    refuse_other_file("validation_file", config.validation_file, config.validation_sha256, validation_counts.sha256)
    told("loading the base model")
    base = base_model.with_weights(config, found, ranks)
    files = ranks.from_first(lambda: base_model.loaded_files(config, found))
    refuse_base_model_of_another_start(config.base_model, claimed["base_model_files"], files)
    if ranks.first:
        write_json(run.identity, {**claimed, "base_model_revision": found.revision, "base_model_files": files})
    ends = generation_of(base.model.generation_config, config.base_model, chat.ends | train_counts.ends)
    steps_per_epoch = math.ceil(train_counts.examples / config.batch_size)
    planned = steps_per_epoch * config.epochs
    arguments = _arguments(config, run, base, planned, ranks)
    token = base.tokenizer.pad_token_id
    divided = ranks.count > 1
    batch = config.batch_size // config.gradient_accumulation_steps
    trainer = Trainer(
        model=base.model,
        args=arguments,
        train_dataset=filled(train, arguments.per_device_train_batch_size * ranks.count, token) if divided else train,
        eval_dataset=filled(validation, arguments.per_device_eval_batch_size * ranks.count, token)
        if divided
        else validation,
        processing_class=base.tokenizer,
        peft_config=lora(config),
        ranks=ranks,
        order=_order(train, config, batch, by_length=claimed["by_length"]),
        batch=batch,
    )
    trainer.remove_callback(PrinterCallback)
    return Prepared(
        base, chat, train_counts, validation_counts, trainer, steps_per_epoch, planned, ends, made_with, files
    )


def _claim(config: Config, run: RunDir) -> dict[str, Any]:
    """Tie the run directory to this configuration and data, so that no checkpoint is continued with other ones.

    Returns what was claimed. With it are the day of the first start, so that a chat template with the date writes the
    same after a resume, the commit of the base model to load, so that a resume loads the same, the versions of the
    libraries of all starts, and whether batches are of one length, which runs of earlier versions of this program go on
    without.
    """
    settings = {key: value for key, value in config.as_json().items() if key not in _MAY_CHANGE}
    files = {"train_file": sha256(config.train_file), "validation_file": sha256(config.validation_file)}
    refuse_other_file("train_file", config.train_file, config.train_sha256, files["train_file"])
    refuse_other_file("validation_file", config.validation_file, config.validation_sha256, files["validation_file"])
    if base_model.is_folder(config.base_model):
        refuse_other_base_model(Path(config.base_model), config.base_model_files)
    identity: dict[str, Any] = {
        "settings": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
        **files,
    }
    claimed = read_json(run.identity) or {}
    changed = [key for key in identity if key in claimed and claimed[key] != identity[key]]
    if changed:
        raise TrainingFailed(
            "run_dir_of_another",
            f"run_dir {run.path} belongs to a run with another configuration or dataset (different: "
            f"{', '.join(changed)}): give each run an empty directory of its own.",
        )
    identity["first_day"] = claimed.get("first_day") or date.today().isoformat()
    identity["libraries"] = libraries(claimed.get("libraries") or {})
    identity["base_model_revision"] = config.base_model_revision or claimed.get("base_model_revision")
    identity["base_model_files"] = claimed.get("base_model_files")
    identity["by_length"] = claimed.get("by_length", not claimed)
    write_json(run.identity, identity)
    return identity


def _order(train: Dataset, config: Config, batch: int, *, by_length: bool) -> Any:
    """The order in which the examples of `train` are taken, the same after a resume."""
    if not by_length:
        return SeedableRandomSampler(train, data_seed=config.seed)
    lengths = pc.list_value_length(train.data.column("input_ids")).to_pylist()
    return ByLength(lengths, seed=config.seed, batch=batch)


def _tokens(
    source: Path, name: str, config: Config, run: RunDir, chat: ChatFormat, ranks: Ranks
) -> tuple[Counts, Dataset]:
    """Encode one file; the token ids stay on disk and are memory-mapped."""
    target = run.tokens / f"{name}.arrow"
    ids = pair_ids(config.manifest_file, name.removesuffix("_file"))
    counts = ranks.from_first(lambda: write_tokens(source, name, chat, config.max_length, target, ids=ids))
    return counts, Dataset.from_file(str(target))


def _arguments(config: Config, run: RunDir, base: Base, planned_steps: int, ranks: Ranks) -> SFTConfig:
    micro_batch = math.ceil(config.batch_size // config.gradient_accumulation_steps / ranks.count)
    small = base.parameters <= _SMALL_PARAMETERS
    return SFTConfig(
        output_dir=str(run.checkpoints),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=micro_batch,
        per_device_eval_batch_size=max(micro_batch, _SMALL_EVAL_BATCH) if small else micro_batch,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant_with_warmup" if config.lr_scheduler == "constant" else config.lr_scheduler,
        warmup_steps=config.warmup_ratio,  # below 1 it is a share of all steps
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        bf16=base.precision == "bf16",
        activation_checkpointing=base.activation_checkpointing,
        use_cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        seed=config.seed,
        data_seed=config.seed,  # the order of the pairs must be the same after a resume
        # Our own: pairs come encoded and cut, evaluations and checkpoints are the callback's.
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        eval_strategy="no",
        save_strategy="no",
        prediction_loss_only=True,
        logging_steps=logging_steps(planned_steps),
        logging_first_step=True,
        logging_nan_inf_filter=False,  # it would show a diverged loss as the last good one
        include_num_input_tokens_seen="non_padding",  # unlike num_tokens it survives a resume
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def lora(config: Config) -> LoraConfig | None:
    """The adapters that are trained, None where the whole model is."""
    if config.method != "lora":
        return None
    return LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
