"""`training-pipeline studies`: search for the best configuration of a training job."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated, Any, Final

import typer

from training_pipeline.cli.commands import paging
from training_pipeline.cli.commands.job_request import (
    BaseModelId,
    Config,
    FreshSplit,
    ModelName,
    Split,
    SplitPredecessor,
    SplitSeed,
    UcCatalog,
    UcSchema,
    config_of,
    request_of,
)
from training_pipeline.cli.commands.options import Cursor, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client
from training_pipeline.domain.study import LIVE_STUDIES, StudyStatus
from training_pipeline.domain.study_space import search_of

app = typer.Typer(
    help="Create, list, watch and stop studies, which search for the best configuration; promote their winner.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="Name of the study.")]
#: Seconds between two looks at a study that is watched.
_SECONDS: Final = 2.0


@app.command()
def create(
    name: Name,
    sheet: Annotated[str, typer.Argument(help="Id of the training sheet to train on.")],
    space: Annotated[
        list[str],
        typer.Option(
            help="What is searched: key=low..high, also with :log or :step behind it, or key=a,b,c; may be repeated."
        ),
    ],
    trials: Annotated[int, typer.Option(help="Maximum number of trials.")] = 20,
    at_once: Annotated[int, typer.Option(help="Maximum number of trials at the same time.")] = 1,
    hours: Annotated[float | None, typer.Option(help="Time limit in hours.")] = None,
    cost: Annotated[float | None, typer.Option(help="Limit of the estimated cost of all trials.")] = None,
    objective: Annotated[
        str, typer.Option(help="What trials are compared by: val_loss, or suite, on one half of it.")
    ] = "val_loss",
    suite: Annotated[str | None, typer.Option(help="Evaluation suite for the best trial.")] = None,
    metric: Annotated[str | None, typer.Option(help="Metric of the suite. Default: exact_match.")] = None,
    sampler: Annotated[str, typer.Option(help="How configurations are chosen: tpe or random.")] = "tpe",
    pruner: Annotated[str, typer.Option(help="When trials are stopped early: median or none.")] = "median",
    startup_trials: Annotated[int, typer.Option(help="Trials that must succeed before any is stopped early.")] = 5,
    warmup_evaluations: Annotated[int, typer.Option(help="Evaluations before a trial may be stopped early.")] = 1,
    seed: Annotated[int, typer.Option(help="Random seed of the search.")] = 42,
    promote: Annotated[
        bool, typer.Option("--promote", help="Train and register the best one once the study has finished.")
    ] = False,
    model_name: ModelName = None,
    base_model: BaseModelId = None,
    split: Split = 0.8,
    split_seed: SplitSeed = None,
    split_predecessor: SplitPredecessor = None,
    fresh_split: FreshSplit = False,
    config: Config = None,
    uc_catalog: UcCatalog = None,
    uc_schema: UcSchema = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan without creating a study.")] = False,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create a study: jobs that search for the best configuration. The running system starts its trials."""
    from training_pipeline.cli.render.studies import plan_of, study_of

    body: dict[str, Any] = {
        "name": name,
        "job": request_of(
            sheet,
            model_name,
            config_of(config or []),
            base_model=base_model,
            train_val_split=split,
            split_seed=split_seed,
            split_predecessor=split_predecessor,
            fresh_split=fresh_split or None,
            uc_catalog=uc_catalog,
            uc_schema=uc_schema,
        ),
        "space": space_of(space),
        "most_trials": trials,
        "most_at_once": at_once,
        "hours": hours,
        "cost": cost,
        "objective": objective,
        "suite": suite,
        **({} if metric is None else {"metric": metric}),
        "sampler": sampler,
        "seed": seed,
        **({"promote": True} if promote else {}),
        "pruner": {"kind": pruner, "startup_trials": startup_trials, "warmup_evaluations": warmup_evaluations},
    }
    with open_client(url, token) as client:
        if dry_run:
            plan = client.plan_study(body)
            print_json(plan) if json else say(plan_of(plan))
            return
        made = client.create_study(body)
    print_json(made) if json else say(study_of(made))


@app.command(name="list")
def list_(
    status: Annotated[
        list[StudyStatus] | None, typer.Option(help="Only studies in this status; may be repeated.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Only studies on this training sheet.")] = None,
    by: Annotated[str | None, typer.Option(help="Only studies that this person created.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of studies to list.")] = 20,
    cursor: Cursor = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List studies, newest first."""
    from training_pipeline.cli.render.studies import studies_of

    with open_client(url, token) as client:
        found = paging.rows(
            lambda size, at: client.studies(
                statuses=status or (), training_sheet_id=sheet, created_by=by, page_size=size, cursor=at
            ),
            "studies",
            limit=limit,
            cursor=cursor,
        )
    if json:
        print_json(found)
    elif not found.studies and (status or sheet or by):
        say("No studies match.")
    else:
        say(studies_of(found))


@app.command()
def show(name: Name, json: Json = False, url: Url = None, token: Token = None) -> None:
    """Show a study: its trials, the best one, what mattered, and its budget."""
    from training_pipeline.cli.render.studies import study_of

    with open_client(url, token) as client:
        found = client.study(name)
    print_json(found) if json else say(study_of(found))


@app.command()
def watch(name: Name, url: Url = None, token: Token = None) -> None:
    """Follow a study until it ends: a line for each change of a trial. Ctrl-C only stops watching.

    The exit code is 0 for a study that finished, and 1 for one that was stopped or failed.
    """
    from training_pipeline.cli.render.studies import study_of, trial_of

    told: dict[int, str] = {}
    with open_client(url, token) as client:
        while True:
            found = client.study(name)
            for trial in found.all_trials:
                line = trial_of(trial, found.measure)
                if told.get(trial.number) != line:
                    told[trial.number] = line
                    typer.echo(line)
            if found.status not in LIVE_STUDIES:
                break
            time.sleep(_SECONDS)
    say(study_of(found))
    if found.status is not StudyStatus.FINISHED:
        raise typer.Exit(1)


@app.command()
def stop(
    name: Name,
    reason: Annotated[str, typer.Option(help="Reason, stored with the study.")] = "stopped on the command line",
    let_finish: Annotated[bool, typer.Option("--let-finish", help="Let running trials finish.")] = False,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Stop a study: start no more trials, and cancel those that run."""
    from training_pipeline.cli.render.studies import study_of

    with open_client(url, token) as client:
        found = client.stop_study(name, reason=reason, let_finish=let_finish)
    print_json(found) if json else say(study_of(found))


@app.command()
def promote(
    name: Name,
    trial: Annotated[int | None, typer.Option(help="Number of the trial. Default: the best one.")] = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create an ordinary training job with the best configuration, which registers its model."""
    from training_pipeline.cli.render import jobs

    with open_client(url, token) as client:
        job = client.promote_trial(name, trial=trial)
    print_json(job) if json else say(jobs.created(job))


def space_of(stated: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The search space as the REST API takes it; raises a usage error for what has not the form."""
    return dict(_searched(one) for one in stated)


def _searched(stated: str) -> tuple[str, dict[str, Any]]:
    key, separator, values = stated.partition("=")
    try:
        if not key or not separator:
            raise ValueError
        return key, search_of(values)
    except ValueError:
        said = f"{stated!r} is not of the form key=low..high or key=a,b,c."
        raise typer.BadParameter(said, param_hint="--space") from None
