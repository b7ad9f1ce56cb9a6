"""`training-pipeline jobs advise`: what the configuration of a job should be, and why."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from training_pipeline.cli.commands.job_request import (
    BaseModelId,
    BatchSize,
    Config,
    Epochs,
    FreshSplit,
    LearningRate,
    ModelName,
    Register,
    Split,
    SplitPredecessor,
    SplitSeed,
    UcCatalog,
    UcSchema,
    config_of,
    request_of,
)
from training_pipeline.cli.commands.options import Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client
from training_pipeline.cli.render import advice, estimate
from training_pipeline.settings import Settings


def advise(
    sheet: Annotated[str, typer.Argument(help="Id of the training sheet to train on.")],
    model_name: ModelName = None,
    base_model: BaseModelId = None,
    split: Split = 0.8,
    split_seed: SplitSeed = None,
    split_predecessor: SplitPredecessor = None,
    fresh_split: FreshSplit = False,
    epochs: Epochs = "auto",
    learning_rate: LearningRate = "auto",
    batch_size: BatchSize = "auto",
    config: Config = None,
    register: Register = True,
    uc_catalog: UcCatalog = None,
    uc_schema: UcSchema = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe", help="Measure this machine's speed first, for estimates when there is no similar job yet."
        ),
    ] = False,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Advise on the configuration of a job, with reasons, and estimate its duration and cost."""
    if probe:
        _measure(url)
    body = request_of(
        sheet,
        model_name,
        config_of(config or [], epochs=epochs, learning_rate=learning_rate, batch_size=batch_size),
        base_model=base_model,
        train_val_split=split,
        split_seed=split_seed,
        split_predecessor=split_predecessor,
        fresh_split=fresh_split or None,
        register_to_uc=register,
        uc_catalog=uc_catalog,
        uc_schema=uc_schema,
    )
    with open_client(url, token) as client:
        plan = client.plan(body)
    if json:
        print_json(plan)
        return
    pairs = f"{plan.split.train:,} training and {plan.split.validation:,} validation pairs"
    head = Text(f"{plan.base_model}, {pairs}, {plan.planned_steps:,} steps")
    options = advice.options(plan.advice)
    costs = Text(f"Training time: {estimate.time(plan.estimate)}\nCost: {estimate.cost(plan.estimate)}")
    say(Group(head, costs, Text(), *advice.advice(plan.advice, whole=True), *([options] if options else [])))


def _measure(url: str | None) -> None:
    from training_pipeline.backends.local.machine import this_machine
    from training_pipeline.backends.local.speed import measure

    if url is not None:
        raise typer.BadParameter("It measures this machine, not that of a remote service.", param_hint="--probe")
    measure(Settings().machine_speed, this_machine().name)
