"""`training-pipeline jobs events`, `metrics`, `lineage`, `diff` and `compare`: the records of training jobs."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from training_pipeline.cli.commands import paging
from training_pipeline.cli.commands.options import Cursor, JobId, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_jobs
from training_pipeline.cli.render import jobs
from training_pipeline.cli.render.compare import job_comparison
from training_pipeline.cli.render.diff import job_diff
from training_pipeline.cli.render.lineage import lineage_pairs, lineage_record
from training_pipeline.cli.render.metrics import metric_figures
from training_pipeline.client.jobs.base import Pairs
from training_pipeline.client.jobs.every_step import MOST_POINTS, write_csv
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP

#: The most that the REST API gives at once.
MOST_PAIRS: Final = 10_000


def events(
    job_id: JobId,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of events to list.")] = 20,
    cursor: Cursor = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the events of a training job, newest first."""
    with open_jobs(url, token) as client:
        page = paging.rows(
            lambda size, at: client.events(job_id, page_size=size, cursor=at), "events", limit=limit, cursor=cursor
        )
    print_json(page) if json else say(jobs.events(page))


def metrics(
    job_id: JobId,
    from_step: Annotated[
        int, typer.Option(min=FIRST_STEP, max=LAST_STEP, help="First step of the series.")
    ] = FIRST_STEP,
    to_step: Annotated[
        int, typer.Option(min=FIRST_STEP, max=LAST_STEP, help="Last step of the series.", show_default=False)
    ] = LAST_STEP,
    resolution: Annotated[
        int, typer.Option(min=2, max=MOST_POINTS, help="Maximum number of steps; minima and maxima are kept.")
    ] = 500,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print every step of the series as CSV.")] = False,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show a training job's metrics, also while it runs."""
    if as_csv and json:
        raise typer.BadParameter("Use either --csv or --json, not both.", param_hint="--csv")
    with open_jobs(url, token) as client:
        if as_csv:
            write_csv(client, job_id, sys.stdout, from_step=from_step, to_step=to_step)
            return
        found = client.metrics(job_id, from_step=from_step, to_step=to_step, resolution=resolution)
    print_json(found) if json else say(metric_figures(found))


def lineage(
    job_id: JobId,
    pairs: Annotated[Pairs | None, typer.Option(help="List the pairs of one split, or excluded ones, by id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_PAIRS, help="Maximum number of pairs to list.")] = 1000,
    cursor: Cursor = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what exactly a training job was trained on, and who allowed it."""
    with open_jobs(url, token) as client:
        record = client.lineage(job_id, pairs=pairs, page_size=limit, cursor=cursor)
    if json:
        print_json(record)
    elif pairs is None and cursor is None:
        say(lineage_record(record))
    else:
        say(lineage_pairs(record))


def diff(
    job_id: JobId,
    other_job_id: JobId,
    change: Annotated[
        list[PairChange] | None, typer.Option(help="List only pairs that changed in this way; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_PAIRS, help="Maximum number of pairs to list.")] = 20,
    cursor: Cursor = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what changed from one training job to another: pairs, configuration, base model, versions."""
    with open_jobs(url, token) as client:
        found = client.diff(job_id, other_job_id, changes=change or (), page_size=limit, cursor=cursor)
    print_json(found) if json else say(job_diff(found, first_page=cursor is None))


def compare(
    job_ids: Annotated[list[str], typer.Argument(metavar="JOB_ID...", help="Two to eight training jobs.")],
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show training jobs side by side: whether their losses can be compared, what differs, and their results.

    Every other one is compared with the first.
    """
    with open_jobs(url, token) as client:
        found = client.compare(job_ids)
    print_json(found) if json else say(job_comparison(found))
