"""`training-pipeline erase`: delete the text that a revocation names, after showing where it is."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from training_pipeline.cli.system.environment import prepare_environment
from training_pipeline.cli.user import user
from training_pipeline.infra.database import open_database
from training_pipeline.models.revocations.erasure import Erasures, Plan
from training_pipeline.models.revocations.key_destruction import KeyDestruction
from training_pipeline.models.revocations.text_search import SearchResult
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store.hash_keys import HashKeyStore
from training_pipeline.training_jobs.store.jobs import JobStore


def erase(
    revocation_id: Annotated[str, typer.Argument(help="The revocation whose rows are erased.")],
    destroy_keys: Annotated[
        bool,
        typer.Option(
            "--destroy-keys", help="Destroy the keys of the hashes of its training sheets, once the text is erased."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show which files contain the text without erasing anything.")
    ] = False,
    now: Annotated[
        str | None,
        typer.Option(help="Reason for erasing before a decision about the revocation is due; kept on record."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Delete the text of every dataset that contains a revoked row. Exit code 3: other files contain it, or may.

    With `--destroy-keys` no text leads to a row of its training sheets any more; ids, decisions and digests stay.
    """
    settings = Settings()
    prepare_environment(settings)
    store = JobStore(open_database(settings).engine(pooled=False))
    keys = HashKeyStore(store, settings.hash_keys)
    roots = [settings.state_dir, settings.sheets]
    hashed = [settings.snapshots, settings.suites]
    erasures = Erasures(store, settings.datasets, roots, hashed=hashed, runs=settings.runs, keys=keys)
    plan = erasures.plan(revocation_id)
    left: SearchResult | None = None
    if not json:
        _say(plan, settings.databricks_volume)
    if not dry_run:
        plan.require_due(now)
    if not dry_run and plan.texts:
        if not yes:
            typer.confirm("Erase it? This cannot be undone.", abort=True, err=json)
        left = erasures.carry_out(plan, actor=user(), now=now)
    if json:
        typer.echo(jsonlib.dumps(_dumped(plan, left, settings.databricks_volume), indent=2))
    elif left is not None:
        typer.echo(f"The text of {len(plan.texts):,} datasets was erased.")
        _say_left(plan, left, roots)
    if destroy_keys and (left is not None or not plan.texts or dry_run):
        destruction = KeyDestruction(store, keys, datasets=settings.datasets, snapshots=settings.snapshots)
        _destroy(destruction, revocation_id, dry_run=dry_run, yes=yes, json=json)
    incomplete = left is not None and (left.files or left.unreadable or left.not_searched or plan.in_part)
    if incomplete or (plan.damaged and not dry_run):
        raise typer.Exit(3)


def _say_left(plan: Plan, left: SearchResult, roots: Sequence[Path]) -> None:
    for path in left.files:
        typer.echo(f"The text is still in {path}")
    for path in left.unreadable:
        typer.echo(f"The text may still be in {path}, which cannot be read.")
    for path in left.not_searched:
        typer.echo(f"The text may still be in {path}, whose format is not searched.")
    for path in plan.damaged:
        typer.echo(f"The text may still be in the dataset {path}, which is damaged.")
    where = ", ".join(map(str, roots))
    if plan.in_part:
        typer.echo(f"Only a part of the text was searched for under {where}: it may be in other files.")
    elif not (left.files or left.unreadable or left.not_searched or plan.damaged):
        typer.echo(f"The text was searched for under {where}, as it is and by its letters, and is in no file.")


def _destroy(destruction: KeyDestruction, revocation_id: str, *, dry_run: bool, yes: bool, json: bool) -> None:
    """Name the keys, what their destruction does, and what it cannot erase; then destroy them."""
    plan = destruction.plan(revocation_id)
    for one in plan.keys:
        key = f"{one.record.id} of training sheet {one.record.training_sheet_id}"
        typer.echo(f"will be destroyed  key {key}  ({one.record.path})", err=json)
        for job_id in one.in_progress:
            typer.echo(f"                   in use by training job {job_id}", err=json)
        for path in one.snapshots:
            typer.echo(f"will be removed    snapshot {path}", err=json)
    for path in plan.not_erasable:
        typer.echo(f"keeps its hashes   {path}  (made without a key)", err=json)
    for path in plan.unreadable:
        typer.echo(f"cannot be read     {path}", err=json)
    typer.echo("Suites, revocations by hash and older entries of the log keep theirs: see `keeps a hash`.", err=json)
    if not plan.keys:
        typer.echo("There is no key to destroy.", err=json)
    if dry_run or not plan.keys:
        return
    if not yes:
        said = "Destroy the keys? No text can be traced to a row of these sheets afterwards. This cannot be undone."
        typer.confirm(said, abort=True, err=json)
    destruction.carry_out(plan, actor=user())
    typer.echo(f"{len(plan.keys):,} {'key was' if len(plan.keys) == 1 else 'keys were'} destroyed.", err=json)


def _say(plan: Plan, volume: str | None) -> None:
    what = plan.revocation
    typer.echo(f"Revocation {what.id} of {what.kind} {what.value}")
    if not plan.texts:
        which = "that can be read " if plan.damaged else ""
        typer.echo(f"No dataset on this machine {which}has text of it: it was erased, or nothing was made of it.")
    for one in plan.texts:
        for file in one.files:
            typer.echo(f"will be erased   {file}  ({one.rows:,} rows of it in the dataset)")
        for tokens in one.tokens:
            typer.echo(f"will be erased   {tokens}  (the text as token ids)")
        for weights in one.checkpoints:
            typer.echo(f"stays            {weights}  (weights that learned from it)")
        for job_id in one.in_progress:
            typer.echo(f"                 in use by training job {job_id}")
    if plan.due is not None:
        typer.echo(f"A decision about it is due on {plan.due}: until then it is erased with `--now REASON` only.")
    for path in plan.elsewhere:
        typer.echo(f"stays            {path}")
    for hashed in plan.hashed:
        typer.echo(f"keeps a hash     {hashed.place}  ({hashed.rows:,} {'row' if hashed.rows == 1 else 'rows'})")
    for path in plan.unreadable:
        typer.echo(f"cannot be read   {path}")
    for path in plan.not_searched:
        typer.echo(f"not searched     {path}")
    if volume is not None and plan.texts:
        typer.echo(f"stays            volume {volume}: see `training-pipeline databricks clean`")
    if plan.in_part:
        typer.echo(
            "Not all of the text is searched for: there is too much of it, or a row says nothing long that is its own. "
            "The list of other files may be incomplete."
        )


def _dumped(plan: Plan, left: SearchResult | None, volume: str | None) -> dict[str, Any]:
    return {
        "revocation": plan.revocation.model_dump(mode="json"),
        "datasets": [
            {
                "digest": one.dataset.digest,
                "files": list(map(str, one.files)),
                "rows": one.rows,
                "tokens": list(map(str, one.tokens)),
                "checkpoints": list(map(str, one.checkpoints)),
                "jobs": list(one.jobs),
                "jobs_in_progress": list(one.in_progress),
            }
            for one in plan.texts
        ],
        "due": plan.due and plan.due.isoformat(),
        "elsewhere": list(map(str, plan.elsewhere)),
        "hashed": [asdict(one) for one in plan.hashed],
        "unreadable": list(map(str, dict.fromkeys((*plan.unreadable, *(left.unreadable if left else ()))))),
        "not_searched": list(map(str, dict.fromkeys((*plan.not_searched, *(left.not_searched if left else ()))))),
        "volume": volume,
        "search_in_part": plan.in_part,
        "erased": left is not None,
        "left": None if left is None else list(map(str, left.files)),
    }
