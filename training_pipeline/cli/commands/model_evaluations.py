"""`training-pipeline models evaluate`: how good a version is on a suite, beside its base model and the champion."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from training_pipeline.cli.commands.options import Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_client
from training_pipeline.domain.errors import NotFound
from training_pipeline.models.evaluation.records import ACTIVE, EvaluationStatus

if TYPE_CHECKING:
    from training_pipeline.client.base import Client
    from training_pipeline.schemas.evaluation import ModelEvaluation

#: Seconds between two looks at an evaluation that is waited for.
_SECONDS: Final = 1.0


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of models."""
    app.command()(evaluate)
    app.command("cancel-evaluation")(cancel_evaluation)


def evaluate(
    name: Annotated[str, typer.Argument(help="Full name of the model.")],
    version: Annotated[str, typer.Argument(help="Its version.")],
    suite: Annotated[str, typer.Option(help="The evaluation suite.")],
    champion: Annotated[
        str | None,
        typer.Option(help="Version of the model to compare with. Default: the one with the alias champion, if any."),
    ] = None,
    base: Annotated[bool, typer.Option("--base/--no-base", help="Also ask the base model.")] = True,
    judge: Annotated[
        str | None,
        typer.Option(help="Name of a judge in TRAINING_PIPELINE_JUDGES that decides whether each answer is right."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the metrics.")] = True,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Have a version answer the questions of a suite, and score the answers. Exit code 1 if it did not succeed."""
    from training_pipeline.cli.render.evaluations import evaluation_of

    with open_client(url, token) as client:
        body = {"suite": suite, "champion": champion, "base": base, "judge": judge}
        found = client.evaluate(name, version, body)
        if wait:
            found = _waited(client, found, quiet=json)
    print_json(found) if json else say(evaluation_of(found))
    if wait and found.status is not EvaluationStatus.SUCCEEDED:
        raise typer.Exit(1)


def cancel_evaluation(
    name: Annotated[str, typer.Argument(help="Full name of the model.")],
    version: Annotated[str, typer.Argument(help="Its version.")],
    evaluation_id: Annotated[str, typer.Argument(help="Id of the evaluation.")],
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Stop an evaluation. One that has ended stays as it is."""
    from training_pipeline.cli.render.evaluations import evaluation_of

    with open_client(url, token) as client:
        found = client.cancel_evaluation(name, version, evaluation_id)
    print_json(found) if json else say(evaluation_of(found))


def _waited(client: Client, evaluation: ModelEvaluation, *, quiet: bool) -> ModelEvaluation:
    """The evaluation at its end. Ctrl-C ends the waiting, not the evaluation."""
    said = ""
    while evaluation.status in ACTIVE:
        time.sleep(_SECONDS)
        every = client.evaluations(evaluation.model_name, evaluation.model_version).evaluations
        found = next((each for each in every if each.id == evaluation.id), None)
        if found is None:
            raise NotFound(f"The evaluation {evaluation.id} is gone.")
        evaluation = found
        if not quiet and evaluation.message and evaluation.message != said:
            said = evaluation.message
            typer.echo(said, err=True)
    return evaluation
