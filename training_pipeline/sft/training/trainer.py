"""TRL's trainer, with evaluations that can be compared, in one process or in several that share a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.utils.data import Sampler
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME
from transformers.utils import SAFE_WEIGHTS_NAME
from trl.trainer.sft_trainer import SFTTrainer

from ..distributed import sharding
from ..distributed.ranks import Ranks
from ..encoding.data import IGNORED
from . import checkpoints
from .trained_logits import trained


class Trainer(SFTTrainer):
    """TRL's trainer without its model card, which names no base model, and with means over tokens.

    The libraries average validation loss and accuracy over batches, so that both depend on how the pairs fall into
    them. Here every trained token counts the same, whatever the batch size and the number of processes. A checkpoint of
    several processes is that of one, so it can be continued in any number of them.
    """

    def __init__(
        self, *args: Any, order: Sampler[int], ranks: Ranks | None = None, batch: int = 0, **kwargs: Any
    ) -> None:
        self._ranks = ranks or Ranks()
        #: In which order the examples are taken, and how many are in a batch over all processes; the data behind them
        #: only fills batches up.
        self._order, self._batch = order, batch
        super().__init__(*args, **kwargs)
        #: On a GPU TRL's kernels make no needless logits either.
        self._few_logits = self._ranks.count == 1 and self.args.device.type != "cuda" and not self.aux_loss_enabled

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
        tokens = int((inputs["labels"][:, 1:] != IGNORED).sum())
        loss, logits, labels = super().prediction_step(model, inputs, *args, **kwargs)
        if self._ranks.count == 1:
            mean, here = float(loss), tokens
        else:  # TRL's accuracies are over all processes, and so are these
            summed, everywhere = self._ranks.total(float(loss) * tokens if tokens else 0.0, tokens)
            here = round(everywhere)
            mean = summed / here if here else 0.0
        self._losses.append(mean)
        self._tokens.append(here)
        return torch.as_tensor(loss), logits, labels

    def _over_tokens(self, means: list[float]) -> float:
        counted = [(mean, tokens) for mean, tokens in zip(means, self._tokens, strict=True) if tokens]
        return sum(mean * tokens for mean, tokens in counted) / sum(tokens for _, tokens in counted)

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """The library's, over the parts of the weights that this process has."""
        sharding.divide_again(self.model)
        return super().create_optimizer(*args, **kwargs)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        del train_dataset
        if self._ranks.count == 1:
            return self._order
        room = self.args.per_device_train_batch_size * self._ranks.count
        return sharding.FilledBatches(self._order, batch=self._batch, room=room)

    def get_train_dataloader(self) -> Any:
        """The library's, which tells the order of its epoch also where a resume passes over batches.

        Accelerate 1.15 looks for the sampler in what is below `SkipBatchSampler`: among several processes that is its
        shard, which has none, so the rest of a resumed epoch would be in the order of the first one.
        """
        loader: Any = super().get_train_dataloader()
        if self._ranks.count > 1:
            loader.batch_sampler.sampler = loader.batch_sampler.batch_sampler.sampler
        return loader

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The library's loss and accuracy; without the logits that neither needs, and the entropy that nobody reads."""
        found = None
        if self._few_logits and not return_outputs:
            found = trained(model, {**inputs, "use_cache": False})
        if found is None:
            return super().compute_loss(  # type: ignore[no-untyped-call]
                model, inputs, return_outputs, num_items_in_batch
            )
        share = float(found.predicted) / max(1, int(found.tokens))
        self._metrics["train" if model.training else "eval"]["mean_token_accuracy"].append(share)
        tokens = found.tokens if num_items_in_batch is None else num_items_in_batch
        return found.loss / torch.as_tensor(tokens).clamp(min=1)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """0: nobody reads them, and the library counts all weights again in each step."""
        del inputs
        return 0

    def _track_num_input_tokens(self, inputs: Any) -> None:
        if self._ranks.count == 1:
            super()._track_num_input_tokens(inputs)  # type: ignore[no-untyped-call]
            return
        examples = (inputs["labels"] != IGNORED).any(dim=1)  # and not what fills a batch up
        tokens = int(inputs["attention_mask"][examples].sum())
        self.state.num_input_tokens_seen += round(self._ranks.total(tokens)[0])

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if self._ranks.count == 1 or checkpoints.has_adapters(self.model):
            super()._save(output_dir, state_dict)
            return
        weights = checkpoints.trained_weights(self.model)
        if self._ranks.first:
            folder = Path(output_dir or str(self.args.output_dir))
            folder.mkdir(parents=True, exist_ok=True)
            save_file(weights, folder / SAFE_WEIGHTS_NAME, metadata={"format": "pt"})

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if self._ranks.count == 1:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        state = sharding.whole_state(self.optimizer)
        if self._ranks.first:
            torch.save(state, Path(output_dir) / OPTIMIZER_NAME)
            scheduler: Any = self.lr_scheduler
            torch.save(scheduler.state_dict(), Path(output_dir) / SCHEDULER_NAME)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self._ranks.count == 1 or checkpoints.has_adapters(self.model):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        sharding.load_weights(Path(resume_from_checkpoint), self.model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if self._ranks.count == 1 or checkpoint is None:
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        found = [
            torch.load(Path(checkpoint) / name, map_location="cpu", weights_only=True)
            for name in (OPTIMIZER_NAME, SCHEDULER_NAME)
        ]
        optimizer: Any = self.optimizer
        scheduler: Any = self.lr_scheduler
        optimizer.load_state_dict(sharding.divided_state(optimizer, found[0]))
        scheduler.load_state_dict(found[1])
