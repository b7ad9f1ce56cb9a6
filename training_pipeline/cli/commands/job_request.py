"""The body of a request for a training job, from what was typed. Values are checked by the service, all at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from training_pipeline.domain.validation import as_number

BaseModelId = Annotated[str | None, typer.Option(help="The model to start from; else the backend's default.")]
ModelName = Annotated[str | None, typer.Option(help="Name of the model; else made from the sheet's id.")]
Split = Annotated[float, typer.Option(help="Share of the pairs that goes to training.")]
Epochs = Annotated[str, typer.Option(help='Passes over the training split, or "auto".')]
LearningRate = Annotated[str, typer.Option(help='Peak learning rate, or "auto".')]
BatchSize = Annotated[str, typer.Option(help='Examples per optimizer step, or "auto".')]
Config = Annotated[
    list[str] | None, typer.Option(help="Any other key of training_config, as key=value; may be repeated.")
]
Register = Annotated[bool, typer.Option(help="Register a model version; else the model is kept only.")]
UcCatalog = Annotated[str | None, typer.Option(help="Unity Catalog: catalog of the model.")]
UcSchema = Annotated[str | None, typer.Option(help="Unity Catalog: schema of the model.")]
SplitSeed = Annotated[str | None, typer.Option(help="Seed of the split; else the sheet's id.")]


def config_of(pairs: Iterable[str], **stated: str) -> dict[str, Any]:
    """`training_config` of `key=value` pairs, and of options; an "auto" is left to the service. Pure.

    Raises a usage error for a pair without "=".
    """
    found = dict(stated)
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise typer.BadParameter(f"{pair!r} is not of the form key=value.", param_hint="--config")
        found[key] = value
    return {key: as_number(text) for key, text in found.items() if text != "auto"}


def request_of(sheet: str, model_name: str | None, config: Mapping[str, Any], **stated: Any) -> dict[str, Any]:
    """The body of a request; what was not stated (None) is left out. Pure."""
    return {
        "training_sheet_id": sheet,
        "model_name": model_name or sheet.lower().replace(".", "-")[:63],
        "training_config": dict(config),
        **{name: value for name, value in stated.items() if value is not None},
    }
