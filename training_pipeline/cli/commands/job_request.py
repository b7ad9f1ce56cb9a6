"""The request for a training job, built from command line options. The service validates all values at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import typer

from training_pipeline.domain.validation import as_number

BaseModelId = Annotated[str | None, typer.Option(help="Base model to fine-tune. Default: the backend's default model.")]
ModelName = Annotated[str | None, typer.Option(help="Name of the model. Default: derived from the sheet's id.")]
Split = Annotated[float, typer.Option(help="Share of the pairs in the training split.")]
Epochs = Annotated[str, typer.Option(help='Passes over the training split, or "auto".')]
LearningRate = Annotated[str, typer.Option(help='Peak learning rate, or "auto".')]
BatchSize = Annotated[str, typer.Option(help='Examples per optimizer step, or "auto".')]
Config = Annotated[
    list[str] | None, typer.Option(help="Any other key of training_config, as key=value; may be repeated.")
]
Register = Annotated[bool, typer.Option(help="Register a model version, or only keep the model as an artifact.")]
UcCatalog = Annotated[str | None, typer.Option(help="Unity Catalog: catalog for the model.")]
UcSchema = Annotated[str | None, typer.Option(help="Unity Catalog: schema for the model.")]
SplitPredecessor = Annotated[
    str | None,
    typer.Option(help="Job whose split is kept. Default: the last succeeded one of the same sheet and model name."),
]
FreshSplit = Annotated[bool, typer.Option("--fresh-split", help="Make a new split, without a predecessor.")]
SplitSeed = Annotated[str | None, typer.Option(help="Seed of the split. Default: derived from the sheet's id.")]


_SWITCHES: Final = {"true": True, "false": False}


def config_of(pairs: Iterable[str], **stated: str) -> dict[str, Any]:
    """`training_config` from `key=value` pairs and options; an option that is "auto", as by default, says nothing.

    Raises a usage error for a pair without "=".
    """
    found = {key: text for key, text in stated.items() if text != "auto"}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise typer.BadParameter(f"{pair!r} is not of the form key=value.", param_hint="--config")
        found[key] = value
    return {key: _SWITCHES.get(text.lower(), as_number(text)) for key, text in found.items()}


def request_of(sheet: str, model_name: str | None, config: Mapping[str, Any], **stated: Any) -> dict[str, Any]:
    """The request body without the options that were not given (None)."""
    return {
        "training_sheet_id": sheet,
        "model_name": model_name or sheet.lower().replace(".", "-")[:63],
        "training_config": dict(config),
        **{name: value for name, value in stated.items() if value is not None},
    }
