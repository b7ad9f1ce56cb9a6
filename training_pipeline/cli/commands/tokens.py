"""`training-pipeline tokens`: who may use the REST API, and in which role."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from training_pipeline.auth.tokens import LONGEST, ApiToken, ApiTokens, TokenState
from training_pipeline.cli.render.terminal import terminal
from training_pipeline.cli.system.environment import prepare_environment
from training_pipeline.cli.user import user
from training_pipeline.domain.access import Role
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.infra.database import open_database
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX
from training_pipeline.training_jobs.store.jobs import JobStore

app = typer.Typer(help="Create, list and revoke the tokens of the REST API.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_COLOURS = {TokenState.ACTIVE: "green", TokenState.EXPIRED: "yellow", TokenState.REVOKED: "red"}


def _tokens(settings: Settings) -> ApiTokens:
    prepare_environment(settings)
    return ApiTokens(JobStore(open_database(settings).engine(pooled=False)))


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will use it: recorded as the actor of everything done with it.")],
    role: Annotated[
        Role,
        typer.Option(
            help="Viewers read. Operators also create jobs, and cancel and retry their own. Stewards revoke and decide "
            "instead. Admins do what operators do, to everybody's jobs, and manage Dagster's UI."
        ),
    ] = Role.VIEWER,
    days: Annotated[int, typer.Option(min=1, max=LONGEST.days, help="How long it is valid.")] = 90,
    json: Json = False,
) -> None:
    """Create a token and print it once: only its hash is stored."""
    settings = Settings()
    token, text = _tokens(settings).create(name, role, timedelta(days=days), created_by=user())
    if json:
        typer.echo(jsonlib.dumps({**_as_json(token), "token": text}, indent=2))
        return
    typer.echo(text)
    typer.echo(
        f"Token {token.id} of {token.name}, {token.role}, valid until {_day(token.expires_at)}. It is not shown again.",
        err=True,
    )
    if settings.auth == "none":
        typer.echo(f"Tokens are not required yet: set {PREFIX}AUTH=token.", err=True)


@app.command("list")
def list_tokens(json: Json = False) -> None:
    """List all tokens, expired and revoked ones too, newest first; never their secrets."""
    tokens = _tokens(Settings()).list()
    if json:
        typer.echo(jsonlib.dumps({"tokens": [_as_json(token) for token in tokens]}, indent=2))
        return
    table = Table(box=None, header_style="dim")
    for column in ("id", "name", "role", "state", "created", "by", "valid until", "last used"):
        table.add_column(column, no_wrap=column in {"id", "name", "state"})
    for token in tokens:
        state = Text(token.state, _COLOURS[token.state])
        days = (token.created_at, token.expires_at, token.last_used_at)
        created, good_until, last_used = ("-" if day is None else _day(day) for day in days)
        table.add_row(token.id, token.name, token.role, state, created, token.created_by, good_until, last_used)
    terminal().print(table if tokens else "No tokens yet. Create one with `training-pipeline tokens create`.")


@app.command()
def revoke(
    token_id: Annotated[str | None, typer.Argument(help="Id of the token.", metavar="[ID]")] = None,
    all_of: Annotated[str | None, typer.Option(metavar="NAME", help="Revoke all tokens with this name.")] = None,
    json: Json = False,
) -> None:
    """Revoke a token permanently, and end the sessions that were started with it."""
    if (token_id is None) == (all_of is None):
        raise InvalidRequest("Give the id of one token, or a name with --all-of.")
    tokens, by = _tokens(Settings()), user()
    revoked = [tokens.revoke(token_id, by=by)] if token_id is not None else tokens.revoke_all_of(all_of or "", by=by)
    if json:
        typer.echo(jsonlib.dumps({"tokens": [_as_json(token) for token in revoked]}, indent=2))
        return
    for token in revoked:
        typer.echo(f"Token {token.id} of {token.name} is revoked.")
    if not revoked:
        typer.echo(f"Every token of {all_of} was revoked already.")


def _as_json(token: ApiToken) -> dict[str, str | None]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(token).items()}


def _day(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
