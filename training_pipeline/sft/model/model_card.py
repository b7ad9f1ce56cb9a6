"""The README of the fine-tuned model: what it was made from and how well it did, without a word of any pair."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ..config import BUILTIN_TINY, Config

_TRAINING: Final = ("steps", "planned_steps", "epochs_completed", "tokens", "truncated_examples", "precision")
_COUNTS: Final = ("train_examples", "validation_examples", "parameters")
_METRICS: Final = ("train_loss_first", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
_COMPARED: Final = ("val_loss_before", "val_accuracy_before", "exact_match_before", "exact_match_after")
#: Paths say nothing to a reader elsewhere.
_LEFT_OUT: Final = frozenset({"run_dir", "train_file", "validation_file", "mlflow", "tiny", "base_model", "model_name"})


def model_card(config: Config, report: Mapping[str, Any]) -> str:
    """The card as Markdown, from the numbers of `result.json`."""
    built_in = config.base_model == BUILTIN_TINY
    custom = report["custom_metrics"]
    settings = {key: value for key, value in config.as_json().items() if key not in _LEFT_OUT}
    if built_in:
        settings |= {f"tiny.{key}": value for key, value in config.as_json()["tiny"].items()}
    base = f"{BUILTIN_TINY} (a small Llama, trained from scratch)" if built_in else config.base_model
    return "\n".join(
        [
            "---",
            "library_name: transformers",
            "pipeline_tag: text-generation",
            *([] if built_in else [f"base_model: {json.dumps(config.base_model)}"]),
            "---",
            "",
            f"# {config.model_name}",
            "",
            f"Base model: {base}. Fine-tuned on question-answer pairs, with loss on the assistant's messages only. "
            f"Chats were written with {report['chat_template']}.",
            "",
            *_table("Data and training", {key: custom.get(key) for key in _COUNTS} | _picked(report, _TRAINING)),
            *_table("Metrics", _picked(report, _METRICS) | _picked(custom, _COMPARED)),
            *_table("Configuration", settings),
        ]
    )


def _picked(values: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: values.get(key) for key in keys}


def _table(title: str, rows: Mapping[str, Any]) -> list[str]:
    """A Markdown table of what is known."""
    shown = {key: f"{value:.6g}" if isinstance(value, float) else str(value) for key, value in rows.items()}
    lines = [f"| {key} | {value} |" for key, value in shown.items() if rows[key] is not None]
    return [f"## {title}", "", "| | |", "| --- | --- |", *lines, ""]
