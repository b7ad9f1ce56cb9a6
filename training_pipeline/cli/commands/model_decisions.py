"""`training-pipeline models decide`, `decisions` and `verify-decisions`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from training_pipeline.cli.commands.options import Cursor, Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client, open_governance
from training_pipeline.domain.decisions import DecisionKind

Head = Annotated[
    str | None, typer.Option(help="A hash that this command printed earlier: it must still be in the chain.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(decide)
    app.command()(decisions)
    app.command("verify-decisions")(verify_decisions)


def decide(
    name: Annotated[str, typer.Argument(help="Full name of the model.")],
    version: Annotated[str, typer.Argument(help="Its version, which is tainted.")],
    decision: Annotated[DecisionKind, typer.Option(help="The decision.")],
    reason: Annotated[str, typer.Option(help="Reason, kept permanently.")],
    due: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Due date.")] = None,
    evidence: Annotated[str | None, typer.Option(help="Link or reference to the evidence.")] = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Record a decision about a tainted version: retrain, withdraw, suppress, unlearn or accept the risk."""
    from training_pipeline.cli.render.decisions import decision_of

    body: dict[str, Any] = {
        "model_name": name,
        "model_version": version,
        "decision": decision,
        "reason": reason,
        "due": due and due.date().isoformat(),
        "evidence": evidence,
    }
    with open_client(url, token) as client:
        made = client.decide(body)
    print_json(made) if json else say(decision_of(made))


def decisions(
    name: Annotated[str | None, typer.Option(help="Only decisions about the model with this full name.")] = None,
    version: Annotated[str | None, typer.Option(help="Only decisions about this version.")] = None,
    page_size: Annotated[int, typer.Option(min=1, max=200, help="Maximum number of decisions.")] = 50,
    cursor: Cursor = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List decisions about tainted versions, newest first."""
    from training_pipeline.cli.render.decisions import page_of

    with open_client(url, token) as client:
        page = client.decisions(model_name=name, model_version=version, page_size=page_size, cursor=cursor)
    print_json(page) if json else say(page_of(page))


def verify_decisions(head: Head = None, json: Json = False, url: Url = None, token: Token = None) -> None:
    """Check that no decision was removed or changed, as `models verify --decisions` does."""
    with open_governance(url, token) as client:
        found = client.verify_decisions(head=head)
    if json:
        print_json(found)
    else:
        for problem in found.problems:
            typer.echo(problem)
        typer.echo(f"{found.decisions:,} decisions, {len(found.problems):,} problems. Head: {found.head or 'none'}")
    if found.problems:
        raise typer.Exit(1)
