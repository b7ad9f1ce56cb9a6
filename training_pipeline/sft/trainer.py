"""TRL's trainer, with evaluations that can be compared."""

from __future__ import annotations

from typing import Any

import torch
from trl.trainer.sft_trainer import SFTTrainer


class Trainer(SFTTrainer):
    """TRL's trainer without its model card, which names no base model, and with means over tokens.

    The libraries average validation loss and accuracy over batches, so that both depend on how the pairs fall into
    them. Here every trained token counts the same, whatever the batch size.
    """

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing."""

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """What the library measures, with `loss` and `mean_token_accuracy` as means over all trained tokens."""
        self._losses: list[float] = []
        self._tokens: list[int] = []
        output = super().evaluation_loop(*args, **kwargs)
        prefix = kwargs.get("metric_key_prefix", "eval")
        metrics = {**(output.metrics or {}), f"{prefix}_loss": self._over_tokens(self._losses)}
        # TRL averages this list once the metrics are logged, right after this.
        accuracies = self._metrics["eval"]["mean_token_accuracy"]
        accuracies[:] = [self._over_tokens(accuracies)]
        return output._replace(metrics=metrics)

    def prediction_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """One batch, remembered with the number of its trained tokens: the first of a row predicts none."""
        tokens = int((inputs["labels"][:, 1:] != -100).sum())
        loss, logits, labels = super().prediction_step(model, inputs, *args, **kwargs)
        self._losses.append(float(loss))
        self._tokens.append(tokens)
        return torch.as_tensor(loss), logits, labels

    def _over_tokens(self, means: list[float]) -> float:
        counted = [(mean, tokens) for mean, tokens in zip(means, self._tokens, strict=True) if tokens]
        return sum(mean * tokens for mean, tokens in counted) / sum(tokens for _, tokens in counted)
