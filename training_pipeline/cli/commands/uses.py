"""`training-pipeline uses`: which models learned from this?"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from training_pipeline.cli.commands.options import Json, Token, Url, print_json, say
from training_pipeline.cli.open_client import open_governance
from training_pipeline.client.governance.base import Governance
from training_pipeline.domain.errors import InvalidRequest, NotFound, PipelineError
from training_pipeline.domain.uses import Kind, question
from training_pipeline.schemas.uses import Uses

_NOBODY = "No dataset has this text, neither as an example nor as a question."


def uses(
    pair: Annotated[str | None, typer.Option(help="Id of a pair.")] = None,
    item: Annotated[str | None, typer.Option(help="An item of the source sheet.")] = None,
    label: Annotated[str | None, typer.Option(help="A canonical label.")] = None,
    template: Annotated[str | None, typer.Option(help="A prompt template.")] = None,
    sheet: Annotated[
        str | None,
        typer.Option(
            help=(
                "Training sheet or source sheet. With another option: the training sheet to search, or with an "
                "item or a label also a source sheet."
            )
        ),
    ] = None,
    row_hash: Annotated[str | None, typer.Option(help="SHA-256 of an example, as in a manifest.")] = None,
    question_hash: Annotated[str | None, typer.Option(help="Hash of a question, as in a manifest.")] = None,
    text_file: Annotated[
        Path | None,
        typer.Option(help="A file with a question, or examples in JSONL; it is hashed here and never sent."),
    ] = None,
    keys_file: Annotated[
        Path | None,
        typer.Option(
            help=(
                'JSONL with one search per line, such as {"pair": "p-1", "sheet": "s"}; the answers are JSONL as well.'
            )
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File for the answers to --keys-file. Default: print.")] = None,
    json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show every dataset, training job and model version that used a pair, an item, a label, a text or a sheet."""
    keys: dict[Kind, str | None] = {
        "pair": pair,
        "item": item,
        "label": label,
        "row_hash": row_hash,
        "question_hash": question_hash,
        "template": template,
        "sheet": sheet,
    }
    if keys_file is None and output is not None:
        raise typer.BadParameter("It goes with --keys-file.", param_hint="--output")
    if text_file is not None or keys_file is not None:
        files = [name for name, given in (("--text-file", text_file), ("--keys-file", keys_file)) if given is not None]
        others = [kind for kind, value in keys.items() if value is not None and (kind != "sheet" or keys_file)]
        if len(files) > 1 or others:
            raise typer.BadParameter("Give a file or a key, not both.", param_hint=files[0])
    else:
        question(keys)  # what is wrong is said before anything is opened
    with open_governance(url, token) as client:
        if keys_file is not None:
            _answer_all(client, keys_file, output)
            return
        if text_file is not None:
            texts = list(_of_texts(client, text_file, sheet))
        else:
            answer = client.uses(**keys)
    if text_file is not None:
        _say_texts(texts, json=json)
    else:
        print_json(answer) if json else say(_rendered(answer))


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of a file: the line that it begins at, and the answers about it, none where no dataset has it."""

    line: int
    answers: list[Uses]
    #: What could not be searched.
    unsearched: tuple[str, ...]

    @property
    def missing(self) -> NotFound:
        """Why there is no answer."""
        return NotFound(_NOBODY, hint=" ".join(self.unsearched))


def _say_texts(texts: Sequence[_Text], *, json: bool) -> None:
    """Say of each text what was found. Exit code 1 where one was not."""
    missing = [one for one in texts if not one.answers]
    if missing and len(texts) == 1:
        raise missing[0].missing
    if json:
        entries = [
            {"line": one.line, "answers": len(one.answers), **({} if one.answers else {"message": str(one.missing)})}
            for one in texts
        ]
        answers = [answer.model_dump(mode="json") for one in texts for answer in one.answers]
        typer.echo(jsonlib.dumps({"texts": entries, "answers": answers}, indent=2))
    else:
        for one in texts:
            if len(texts) > 1:
                typer.echo(f"Line {one.line:,}:" if one.answers else f"Line {one.line:,}: {one.missing}")
            for answer in one.answers:
                say(_rendered(answer))
    if len(texts) > 1:
        typer.echo(f"{len(texts) - len(missing):,} of {len(texts):,} texts were found.", err=True)
    if missing:
        raise typer.Exit(1)


def _rendered(answer: Uses) -> Any:
    from training_pipeline.cli.render.uses import uses_of

    return uses_of(answer)


def _of_texts(client: Governance, file: Path, sheet: str | None) -> Iterator[_Text]:
    """The texts of a file with the answers. Only their hashes are asked for."""
    from training_pipeline.datasets.text_hashes import numbered_texts, text_hashes

    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}.") from None
    for line, text in numbered_texts(content):
        hashes = text_hashes(text)
        answers: list[Uses] = []
        unsearched: dict[str, None] = {}
        for keys in (
            *({"row_hash": one} for one in hashes.row_hashes),
            *({"question_hash": one} for one in hashes.question_hashes),
        ):
            try:
                answers.append(client.uses(**keys, sheet=sheet))
            except PipelineError as error:
                if error.code != NotFound.code:  # a service's answer is of no class of ours
                    raise
                # A service adds the id of its request, on a line of its own.
                hints = [line for line in error.hint.splitlines() if not line.startswith("Request id: ")]
                unsearched.update(dict.fromkeys(hints))
        yield _Text(line, answers, tuple(unsearched))


def _answer_all(client: Governance, file: Path, output: Path | None) -> None:
    """Answer line by line, so that no file is too long; what cannot be answered is said in its place."""
    with ExitStack() as opened:
        try:
            lines = opened.enter_context(file.open("rb"))
            target = None if output is None else opened.enter_context(output.open("w", encoding="utf-8"))
        except OSError as error:
            raise InvalidRequest(f"{error.filename} cannot be opened: {error.strerror}.") from None
        failed = total = 0
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            total += 1
            answer = _answer(client, line)
            failed += "error" in answer
            typer.echo(jsonlib.dumps({"line": number, **answer}), file=target)
    typer.echo(f"{total - failed:,} of {total:,} keys were found.", err=True)
    if failed:
        raise typer.Exit(1)


def _answer(client: Governance, line: bytes) -> Mapping[str, Any]:
    try:
        keys = jsonlib.loads(line)
    except (ValueError, RecursionError):
        keys = None
    if not isinstance(keys, dict) or not all(isinstance(value, str) for value in keys.values()):
        return {"error": "invalid_request", "message": 'A line must be JSON such as {"pair": "p-1", "sheet": "s"}.'}
    try:
        question(cast("dict[Kind, str | None]", keys))
        return {"keys": keys, "uses": client.uses(**keys).model_dump(mode="json")}
    except PipelineError as error:
        return {"keys": keys, "error": error.code, "message": str(error)}
