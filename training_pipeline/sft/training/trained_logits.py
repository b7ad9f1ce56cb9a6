"""Loss and accuracy from the logits of the trained positions alone: those of the questions are never made.

TRL does this on GPUs, where its kernels run. Elsewhere it makes the logits of every position, and again for the
gradients; of chats most positions are not trained.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import torch

from ..encoding.data import IGNORED

#: Numbers that a batch may have in its logits; of them, several copies are in memory at once.
MOST_LOGITS: Final = 1 << 26


class Trained(NamedTuple):
    """The summed loss of the trained tokens, how many of them were predicted, and how many there are."""

    loss: torch.Tensor
    predicted: torch.Tensor
    tokens: torch.Tensor


def trained(model: Any, inputs: dict[str, Any]) -> Trained | None:
    """What the model says of a batch that is filled up on the right.

    None where that would take too much memory, or where the model makes its logits in a way that is not known here.
    """
    labels = inputs["labels"][:, 1:]
    wanted = labels != IGNORED
    targets = labels[wanted]
    head = model.get_output_embeddings()
    if head is None or targets.numel() * head.weight.shape[0] > MOST_LOGITS:
        return None

    def only_wanted(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if len(given) == 1 and given[0].shape[:2] == inputs["input_ids"].shape:
            return (given[0][:, :-1][wanted][None],)
        return None

    hook = head.register_forward_pre_hook(only_wanted)
    try:
        # No attention mask: what fills a batch up lies behind the examples, and a causal model does not look there.
        # Without a mask attention need not look at half of the positions.
        passed = {key: value for key, value in inputs.items() if key not in {"labels", "attention_mask"}}
        logits = model(**passed).logits
    finally:
        hook.remove()
    if logits.shape[:2] != (1, targets.numel()):
        return None
    logits = logits[0].float()
    loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    with torch.no_grad():
        predicted = (logits.argmax(dim=-1) == targets).sum()
    return Trained(loss, predicted, wanted.sum())
