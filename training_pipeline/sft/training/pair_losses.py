"""The loss of each validation pair with the trained weights: a pair with a high one may be mislabeled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final

from ..distributed.ranks import Ranks
from ..encoding.data import IGNORED
from ..output import say

#: So many pairs are measured at most: it takes about as long as an evaluation of as many.
MOST: Final = 1000
#: Tokens that go through the model at once: each needs a number for every word of the vocabulary.
_TOKENS: Final = 2048


#: The mean loss of a row's trained tokens, None where it is no number, and how many there are.
Loss = tuple[float | None, int]


def measure(model: Any, tokenizer: Any, rows: Sequence[Any], ranks: Ranks) -> list[Loss] | None:
    """The loss of each of the first `MOST` rows; None where memory does not suffice: no model is lost for that.

    Of several processes all come here; where memory does not suffice in one of them, that is an error.
    """
    first = [rows[place] for place in range(min(MOST, len(rows)))]
    try:
        losses = dict(_losses(model, tokenizer, first))
    except (RuntimeError, MemoryError):
        if ranks.count > 1:  # the others wait for this one
            raise
        say("The losses of single pairs were not measured: there is not enough memory.")
        return None
    return [losses[place] for place in range(len(first))]


def write_losses(path: Path, losses: Sequence[Loss] | None, ids: Iterable[str]) -> str | None:
    """Write a JSON object a row without any text, and return the name of the file; None where nothing was measured.

    `ids` are the pair ids of the rows.
    """
    if losses is None:
        return None
    named = zip(losses, chain(ids, repeat(None)), strict=False)
    with path.open("w", encoding="utf-8") as file:
        for (loss, tokens), pair_id in named:
            file.write(json.dumps({"pair_id": pair_id, "loss": loss, "tokens": tokens}) + "\n")
    return path.name


def _losses(model: Any, tokenizer: Any, rows: Sequence[Any]) -> Iterator[tuple[int, Loss]]:
    """By the place of each row, the mean loss of its trained tokens and their number; None where there are none."""
    import torch

    model.eval()
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]["input_ids"]))
    while order:
        longest = len(rows[order[-1]]["input_ids"])
        batch = [order.pop() for _ in range(min(len(order), max(1, _TOKENS // max(1, longest))))]
        padded = tokenizer.pad(
            {"input_ids": [rows[place]["input_ids"] for place in batch]},
            padding=True,
            padding_side="right",
            return_tensors="pt",
        ).to(model.device)
        with torch.no_grad():
            logits = model(**padded).logits
        for row, place in enumerate(batch):
            labels = torch.tensor(rows[place]["labels"][1:], device=logits.device)
            tokens = int((labels != IGNORED).sum())
            if tokens == 0:
                yield place, (None, 0)
                continue
            loss = torch.nn.functional.cross_entropy(logits[row, : len(labels)].float(), labels, ignore_index=IGNORED)
            yield place, (float(loss) if bool(torch.isfinite(loss)) else None, tokens)
