"""`training-pipeline models ask`: one question to a version, its base model and the champion."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from training_pipeline.backends.asking import MOST_TOKENS, TOKENS
from training_pipeline.cli.commands.options import Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client


def add_to(app: typer.Typer) -> None:
    """Add the command to those of models."""
    app.command()(ask)


def ask(
    name: Annotated[str, typer.Argument(help="Full name of the model.")],
    version: Annotated[str, typer.Argument(help="Its version.")],
    question: Annotated[
        str | None,
        typer.Argument(
            help="The question. Default: read from standard input, which keeps it out of the shell's history."
        ),
    ] = None,
    pair: Annotated[
        str | None, typer.Option(help="Ask the question of this validation pair.", metavar="PAIR_ID")
    ] = None,
    max_tokens: Annotated[
        int, typer.Option(min=1, max=MOST_TOKENS, help="Maximum number of tokens in an answer.")
    ] = TOKENS,
    base: Annotated[bool, typer.Option("--base/--no-base", help="Also ask the base model.")] = True,
    champion: Annotated[bool, typer.Option("--champion/--no-champion", help="Also ask the champion.")] = True,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Ask a version one question, beside its base model and the champion. Nothing is stored or logged.

    The exit code is 1 where the version itself gave no answer.
    """
    from training_pipeline.cli.render.playground import answers

    if question is not None and pair is not None:
        raise typer.BadParameter("Give either a question or --pair, not both.", param_hint="--pair")
    body: dict[str, Any] = {"max_tokens": max_tokens, "base": base, "champion": champion}
    if pair is not None:
        body["pair_id"] = pair
    else:
        body["question"] = _typed() if question is None else question
    with open_client(url, token) as client:
        found = client.ask(name, version, body)
    print_json(found) if json else say(answers(found))
    if any(each.role == "tuned" and each.answer is None for each in found.answers):
        raise typer.Exit(1)


def _typed() -> str:
    if sys.stdin.isatty():
        typer.echo("Question (end it with Ctrl-D):", err=True)
    return sys.stdin.read().strip()
