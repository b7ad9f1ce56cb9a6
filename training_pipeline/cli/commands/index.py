"""`training-pipeline index`: make the index of uses anew, or compare it with the manifests."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from training_pipeline.cli.system.environment import prepare_environment
from training_pipeline.domain.errors import PipelineError
from training_pipeline.infra.database import open_database
from training_pipeline.models.uses.check import check as compared
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store.jobs import JobStore

app = typer.Typer(help="Check or rebuild the index that says which models learned from a row.", no_args_is_help=True)


@contextmanager
def _store() -> Iterator[JobStore]:
    settings = Settings()
    prepare_environment(settings)
    yield JobStore(open_database(settings).engine(pooled=False))


@app.command()
def rebuild(
    missing: Annotated[bool, typer.Option("--missing", help="Only add datasets that the index does not know.")] = False,
) -> None:
    """Rebuild the index from the manifests of all datasets. Where one is lost, its training sheet stays as indexed."""
    added = failed = 0
    with _store() as store:
        for found in UseIndex(store).rebuild(missing=missing):
            if isinstance(found, PipelineError):
                failed += 1
                typer.echo(str(found), err=True)
            else:
                added += 1
                typer.echo(f"{found.sheet_id}  {found.digest}")
    typer.echo(f"{added:,} datasets were added to the index, {failed:,} could not be.")
    if failed:
        raise typer.Exit(1)


@app.command()
def check(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Compare the index with every manifest; the exit code is 1 if one is lost or damaged, or the index is wrong."""
    total = 0
    broken = []
    with _store() as store:
        for found in compared(store):
            total += 1
            if found.problems:
                broken.append(found)
                if not json:
                    for problem in found.problems:
                        typer.echo(f"{found.training_sheet_id}  {found.digest}: {problem}")
    if json:
        problems = [one.model_dump(mode="json") for one in broken]
        typer.echo(jsonlib.dumps({"datasets": total, "problems": problems}, indent=2))
    else:
        typer.echo(f"{total:,} datasets compared, {len(broken):,} with problems.")
    if broken:
        raise typer.Exit(1)
