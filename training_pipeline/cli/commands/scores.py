"""`training-pipeline scores`: answers scored, figures with intervals, and whether they are good enough to ship."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import BaseModel

from training_pipeline.cli.commands.options import say
from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.domain.validation import as_number
from training_pipeline.models.evaluation.answers import score_file, write_scores
from training_pipeline.models.evaluation.figures import figures
from training_pipeline.models.evaluation.intervals import LEVEL
from training_pipeline.models.evaluation.lm_eval import sample_scores
from training_pipeline.models.evaluation.scores import metrics_in, read_scores
from training_pipeline.models.promotion.gate import Verdict, judge
from training_pipeline.models.promotion.requirements import parse_gate

app = typer.Typer(
    help="Score answers, show metrics with intervals, and say whether a model is good enough to ship.",
    no_args_is_help=True,
)
#: What a script asks of the answer.
EXIT_CODES: Final = {Verdict.SHIP: 0, Verdict.DO_NOT_SHIP: 2, Verdict.NOT_ENOUGH_EVIDENCE: 3}

Level = Annotated[float, typer.Option(help="Confidence level of the intervals, 0.5 to 0.999.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_FILE: Final = "A Parquet file of scores: pair_id and metrics, a row a pair."


@app.command()
def make(
    file: Annotated[
        Path, typer.Argument(help="JSONL with one line per pair: pair_id, expected, answer and, if known, more.")
    ],
    output: Annotated[Path, typer.Option(help="Parquet file for the scores; it contains no text.")],
) -> None:
    """Score the answers of a model against the expert's."""
    scores = score_file(file)
    write_scores(scores, output)
    typer.echo(f"{len(scores):,} answers were scored: {', '.join(metrics_in(scores))}.")


@app.command(name="lm-eval")
def lm_eval(
    files: Annotated[list[Path], typer.Argument(help="Files samples_<task>_<time>.jsonl of one model.")],
    output: Annotated[Path, typer.Option(help="Parquet file for the scores; it contains no text.")],
) -> None:
    """Import what lm_eval measured with --log_samples: acc as choice_accuracy, and exact_match."""
    scores = sample_scores(files)
    write_scores(scores, output)
    typer.echo(f"{len(scores):,} questions have scores: {', '.join(metrics_in(scores))}.")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help=_FILE)],
    level: Level = LEVEL,
    json: Json = False,
) -> None:
    """Show the mean of each metric with its interval, over all pairs and by slice."""
    if not 0.5 <= level <= 0.999:
        raise typer.BadParameter("It must be 0.5 to 0.999.", param_hint="--level")
    found = figures(read_scores(file), level=level)
    if json:
        _print(*found)
        return
    from training_pipeline.cli.render.scores import figures_of

    say(figures_of(found))


@app.command(name="judge")
def judged(
    file: Annotated[Path, typer.Argument(help=f"{_FILE} Those of the new model.")],
    margin: Annotated[
        list[str],
        typer.Option(
            help="METRIC=NUMBER: how much worse than the model in use it may be; 0 means that it must be better.",
            metavar="METRIC=NUMBER",
        ),
    ],
    over: Annotated[Path | None, typer.Option(help="The scores of the model in use, on the same pairs.")] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="METRIC=NUMBER: the minimum that it must reach; for a loss, the maximum.",
            metavar="METRIC=NUMBER",
        ),
    ] = None,
    min_pairs: Annotated[int, typer.Option(help="Minimum number of pairs for a verdict.")] = 30,
    level: Level = LEVEL,
    json: Json = False,
) -> None:
    """Say whether a model is good enough to ship: exit code 0 ship, 2 do not ship, 3 not enough evidence."""
    asked = {"thresholds": numbers("threshold", threshold or []), "margins": numbers("margin", margin)}
    gate = parse_gate({**asked, "min_pairs": min_pairs, "level": level})
    decision = judge(gate, read_scores(file), None if over is None else read_scores(over))
    if json:
        shown = {**decision.model_dump(mode="json"), "more_pairs": decision.more_pairs}
        typer.echo(jsonlib.dumps(shown, indent=2))
    else:
        from training_pipeline.cli.render.scores import decision_of

        say(decision_of(decision))
    raise typer.Exit(EXIT_CODES[decision.verdict])


_FIELDS: Final = {"margin": "margins", "threshold": "thresholds"}


def numbers(option: str, given: list[str]) -> dict[str, float | int | str]:
    """What stands before and after each `=`. Raises `InvalidRequest` for a metric without a number, or with two."""
    split = [each.partition("=") for each in given]
    names = [name for name, _, _ in split]
    problems = [
        FieldProblem(
            f"/{_FIELDS.get(option, option)}/{name}",
            "metric_number",
            f"must be given once, as --{option} METRIC=NUMBER",
        )
        for name, sign, _ in split
        if not sign or names.count(name) > 1
    ]
    if problems:
        raise InvalidRequest("The gate is invalid.", problems=problems)
    return {name: as_number(number) for name, _, number in split}


def by_suite(given: list[str]) -> dict[str, dict[str, float | int | str]]:
    """The numbers of `SUITE:METRIC=NUMBER`, by suite. Raises `InvalidRequest` for what is not written so."""
    found: dict[str, list[str]] = {}
    for each in given:
        suite, sign, rest = each.partition(":")
        if not sign:
            said = "must be given as --forgetting SUITE:METRIC=NUMBER"
            raise InvalidRequest("The gate is invalid.", problems=[FieldProblem("/forgetting", "metric_number", said)])
        found.setdefault(suite, []).append(rest)
    return {suite: numbers("forgetting", rest) for suite, rest in found.items()}


def _print(*found: BaseModel) -> None:
    typer.echo(jsonlib.dumps({"figures": [each.model_dump(mode="json") for each in found]}, indent=2))
