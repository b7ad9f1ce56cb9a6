"""A model whose weights are divided among the processes that train it, by torch's `fully_shard` (FSDP2).

transformers shards a model while it loads it, on GPUs and on CPUs alike. Nothing here trusts that it did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils.data import Sampler

from ..encoding.data import IGNORED
from ..errors import TrainingFailed

if TYPE_CHECKING:
    from datasets import Dataset


def options(count: int) -> dict[str, Any]:
    """What `from_pretrained` is told so that it divides the model among `count` processes; nothing for one."""
    if count == 1:
        return {}
    from transformers.distributed.configuration_utils import DistributedConfig

    return {"distributed_config": DistributedConfig(fsdp_size=count)}


def divide_again(model: Any) -> None:
    """Give up what other processes have: after a forward pass `fully_shard` leaves some weights whole. Idempotent.

    They wait for a backward pass. Without one, what is written into them, or an optimizer made of them, would be lost.
    """
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def named_weights(model: Any) -> Iterator[tuple[str, Any]]:
    """The weights of `model` by name, each of them only the part that this process has."""
    divide_again(model)
    yield from model.named_parameters()


def require_sharded(model: Any, count: int, optimizer: Any = None) -> None:
    """Raise `TrainingFailed` unless every weight of `model` is divided among `count` processes.

    Adapters of LoRA are whole in each process, and small; they are not looked at. What `optimizer` changes must be the
    trained weights of the model, and not what they were before they were divided.
    """
    weights = [(name, weight) for name, weight in named_weights(model) if ".lora_" not in name]
    changed = {id(weight) for group in optimizer.param_groups for weight in group["params"]} if optimizer else set()
    whole = [
        name
        for name, weight in weights
        if not _is_shard(weight, count) or (optimizer and weight.requires_grad and id(weight) not in changed)
    ]
    if whole or not weights:
        shown = ", ".join(whole[:3]) + (f" and {len(whole) - 3} more" if len(whole) > 3 else "")
        raise TrainingFailed(
            "not_divided",
            f"The model was to be divided among {count} processes and was not ({len(whole)} of {len(weights)} weights "
            f"are whole in each of them: {shown}), so it would need the memory of one GPU {count} times: choose "
            "another base_model, or one GPU.",
        )


def _is_shard(weight: Any, count: int) -> bool:
    return (
        isinstance(weight, DTensor)
        and weight.device_mesh.size() == count
        and all(placement.is_shard() for placement in weight.placements)
    )


def whole(value: Any) -> Any:
    """A tensor as it is on all processes together, on the CPU where it was divided; other values as they are.

    All processes have to come here, in the same order.
    """
    return value.full_tensor().cpu() if isinstance(value, DTensor) else value


def put(value: torch.Tensor, into: Any) -> None:
    """Copy a whole tensor, which each process has, into a weight in place, of which each takes its part."""
    into.copy_(_divided_as(value, into) if isinstance(into, DTensor) else value)


def _divided_as(value: torch.Tensor, like: DTensor) -> DTensor:
    device = like.device
    return distribute_tensor(value.to(device), like.device_mesh, like.placements, src_data_rank=None)


def whole_state(optimizer: Any) -> dict[str, Any]:
    """The state of an optimizer as one process would have it. All processes have to come here."""
    return _mapped(optimizer.state_dict(), lambda _, value: whole(value))


def divided_state(optimizer: Any, state: dict[str, Any]) -> dict[str, Any]:
    """A whole state for this optimizer, each tensor of a weight's shape divided as the weight is."""
    weights = list(chain.from_iterable(group["params"] for group in optimizer.param_groups))

    def divided(number: int, value: Any) -> Any:
        like = weights[number]
        fits = isinstance(like, DTensor) and torch.is_tensor(value) and value.shape == like.shape
        return _divided_as(value, like) if fits else value

    return _mapped(state, divided)


def _mapped(state: dict[str, Any], change: Callable[[int, Any], Any]) -> dict[str, Any]:
    changed = {
        number: {key: change(number, value) for key, value in facts.items()} for number, facts in state["state"].items()
    }
    return {**state, "state": changed}


def load_weights(folder: Path, model: Any) -> None:
    """Put the weights of a checkpoint, which are whole, into `model`, in place. A missing one is a `KeyError`."""
    from safetensors import safe_open

    missing = {name: weight for name, weight in named_weights(model) if weight.requires_grad}
    with torch.no_grad():
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - it is no mapping
                    if (weight := missing.pop(name, None)) is not None:
                        put(file.get_tensor(name), weight.data)
    if missing:
        raise KeyError(next(iter(missing)))


def filled(rows: Dataset, multiple: int, token: int) -> Dataset:
    """`rows` and behind them at least one example without a trained token, so many that all are a multiple."""
    from datasets import Dataset, concatenate_datasets

    count = multiple - len(rows) % multiple
    nothing = Dataset.from_dict({"input_ids": [[token]] * count, "labels": [[IGNORED]] * count}, features=rows.features)
    return concatenate_datasets([rows, nothing])


class FilledBatches(Sampler[int]):
    """The `order` in which one process would take examples, each batch filled up to `room` with what teaches nothing.

    So all processes together take the same steps as one would, whether or not a batch can be divided among them.
    """

    def __init__(self, order: Any, *, batch: int, room: int) -> None:
        self._order = order
        self._examples, self._batch, self._room = len(order), batch, room

    def __iter__(self) -> Iterator[int]:
        order = iter(self._order)
        while taken := list(islice(order, self._batch)):
            yield from taken
            yield from repeat(self._examples, self._room - len(taken))

    def __len__(self) -> int:
        return -(-self._examples // self._batch) * self._room

    def set_epoch(self, epoch: int) -> None:
        """Another order for another epoch."""
        self._order.set_epoch(epoch)
