"""`training-pipeline models promote` and `roll-back`: an alias is moved through the gate, or back."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from training_pipeline.cli.commands.options import Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client

#: The exit code of a decision that another person must approve.
_WAITS: Final = 4
Name = Annotated[str, typer.Argument(help="Full name of the model.")]
Alias = Annotated[str, typer.Option(help="The alias.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of models."""
    app.command()(promote)
    app.command("roll-back")(roll_back)
    app.command()(promotions)


def promote(
    name: Name,
    version: Annotated[str, typer.Argument(help="Its version.")],
    alias: Alias = "champion",
    margin: Annotated[
        list[str] | None,
        typer.Option(
            help="METRIC=NUMBER: how much worse than the version in use it may be; 0 means that it must be better. "
            "Default: the gate that moved this alias last.",
            metavar="METRIC=NUMBER",
        ),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="METRIC=NUMBER: the minimum that it must reach; for a loss, the maximum.", metavar="METRIC=NUMBER"
        ),
    ] = None,
    forgetting: Annotated[
        list[str] | None,
        typer.Option(
            help="SUITE:METRIC=NUMBER: how much worse than its base model it may be on that suite.",
            metavar="SUITE:METRIC=NUMBER",
        ),
    ] = None,
    min_pairs: Annotated[
        int | None, typer.Option(help="Minimum number of pairs for a verdict, for a gate stated here. Default: 30.")
    ] = None,
    level: Annotated[
        float | None,
        typer.Option(help="Confidence level of the intervals, 0.5 to 0.999, for a gate stated here. Default: 0.95."),
    ] = None,
    suite: Annotated[str | None, typer.Option(help="The suite. Default: that of the latest evaluation.")] = None,
    held: Annotated[str | None, typer.Option(help="Version that is expected to have the alias now.")] = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Move an alias to a version if the gate allows it.

    Exit code 0 ship, 2 do not ship, 3 not enough evidence, 4 it waits for somebody else.
    """
    # The gate and its figures, which no other command on models needs.
    from training_pipeline.cli.commands.scores import EXIT_CODES, by_suite, numbers
    from training_pipeline.cli.render.promotions import promotion_of

    gate: dict[str, Any] | None = None
    how = {name: value for name, value in (("min_pairs", min_pairs), ("level", level)) if value is not None}
    if margin or threshold or forgetting:
        gate = {"margins": numbers("margin", margin or []), "thresholds": numbers("threshold", threshold or [])}
        gate |= {"forgetting": by_suite(forgetting or []), **how}
    elif how:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in how)
        raise typer.BadParameter(
            "does not change the gate in force; state a whole gate with --margin, --threshold or --forgetting.",
            param_hint=options,
        )
    with open_client(url, token) as client:
        made = client.promote(name, version, {"alias": alias, "gate": gate, "suite": suite, "held": held})
    print_json(made) if json else say(promotion_of(made))
    raise typer.Exit(_WAITS if made.waits else 0 if made.verdict is None else EXIT_CODES[made.verdict])


def roll_back(
    name: Name,
    reason: Annotated[str, typer.Option(help="Reason, stored with the decision.")],
    alias: Alias = "champion",
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Move an alias back to the version that had it before."""
    from training_pipeline.cli.render.promotions import promotion_of

    with open_client(url, token) as client:
        made = client.roll_back(name, {"alias": alias, "reason": reason})
    print_json(made) if json else say(promotion_of(made))


def promotions(name: Name, json: Json = False, url: Url = None, token: Token = None) -> None:
    """List every decision about the aliases of a model, newest first."""
    from training_pipeline.cli.render.promotions import promotions_of

    with open_client(url, token) as client:
        found = client.promotions(name)
    print_json(found) if json else say(promotions_of(found))
