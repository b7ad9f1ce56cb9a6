"""What a training came to, pair by pair, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.playground import plain

if TYPE_CHECKING:
    from training_pipeline.schemas.result import AnsweredPair, PairLoss, TrainingJobResult

#: Why a text is not shown, in words.
WITHHELD: Final = {
    "role": "takes the role operator or steward",
    "revoked": "the pair was revoked",
    "erased": "the text was erased",
    "gone": "the text is gone",
}


def result(found: TrainingJobResult) -> RenderableType:
    """Figures, answers before and after, and the pairs with the highest loss."""
    return Group(*_parts(found))


def _parts(found: TrainingJobResult) -> Iterator[RenderableType]:
    if found.unavailable:
        yield Text(plain(found.unavailable), style="yellow")
    yield Text(f"Validation loss: {_number(found.val_loss_before)} before, {_number(found.val_loss_after)} after.")
    if found.exact_match_after is not None:
        before, after = _share(found.exact_match_before), _share(found.exact_match_after)
        yield Text(f"Answered exactly right: {before} before, {after} after.")
    if found.asked_questions:
        yield Text(f"Ended with an end token: {found.stopped_answers} of {found.asked_questions} answers.")
    if found.answered:
        yield _answers(found.answered)
    if found.losses:
        yield Text(f"Highest loss of {found.losses_measured:,} validation pairs (perhaps mislabeled):", style="bold")
        yield _losses(found.losses)


def _answers(pairs: list[AnsweredPair]) -> Table:
    table = Table("Pair", "Question", "Expert", "Before", "After", "Right", box=None, pad_edge=False)
    for one in pairs:
        right = "after" if one.right_after and not one.right_before else "before" if one.right_before else "no"
        right = "both" if one.right_before and one.right_after else right
        texts = [one.question, one.expected, one.before, one.after]
        shown = [WITHHELD[one.withheld], "", "", ""] if one.withheld else [text or "" for text in texts]
        table.add_row(Text(plain(one.pair_id or "?")), *[Text(plain(text)) for text in shown], right)
    return table


def _losses(pairs: list[PairLoss]) -> Table:
    table = Table("Pair", "Loss", "Tokens", "Question", "Expert", box=None, pad_edge=False)
    for one in pairs:
        shown = [WITHHELD[one.withheld], ""] if one.withheld else [one.question or "", one.expected or ""]
        texts = [Text(plain(text)) for text in shown]
        table.add_row(Text(plain(one.pair_id or "?")), _number(one.loss), f"{one.tokens:,}", *texts)
    return table


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "?" if value is None else f"{value:.1%}"
