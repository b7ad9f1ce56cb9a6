"""The accelerators of AI Runtime, and which of them may be combined with what.

Source: the names and the rule of whole nodes are the SDK's (`ComputeSpecAcceleratorType`, `ComputeSpec`, 0.156); memory
and speed are those of NVIDIA's data sheets: docs/advice.md says where they were read. NOT ESTABLISHED: maximum numbers,
regions, quotas, prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from training_pipeline.domain.errors import FieldProblem


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One type of node: its name at Databricks, GPUs in it, memory of each GPU in GB.

    `bf16` counts the operations a second of each GPU in bf16 at most, without sparsity.
    """

    name: str
    gpus: int
    gigabytes: int
    bf16: float


ACCELERATORS: Final = {
    accelerator.name: accelerator
    for accelerator in (
        Accelerator("GPU_1xA10", 1, 24, 125e12),
        Accelerator("GPU_1xH100", 1, 80, 989.5e12),
        Accelerator("GPU_8xH100", 8, 80, 989.5e12),
        Accelerator("GPU_8xB300", 8, 288, 2250e12),
    )
}


def of_one_gpu(gigabytes: float | None, own: str | None) -> Accelerator:
    """What answers questions with a model that takes so much memory, which one GPU must hold, for one process asks it.

    The installation's own accelerator where its GPUs hold the model, or nobody knows its size; else the first that
    does, or else the largest there is.
    """
    if own is not None and (gigabytes is None or ACCELERATORS[own].gigabytes >= gigabytes):
        return ACCELERATORS[own]
    fitting = [each for each in ACCELERATORS.values() if each.gigabytes >= (gigabytes or 0)]
    return fitting[0] if fitting else max(ACCELERATORS.values(), key=lambda each: each.gigabytes)


def problems(name: str, count: int, fitting: tuple[str, ...], model: str) -> list[FieldProblem]:
    """What is wrong with `count` GPUs of type `name` for a model that `fitting` accelerators hold.

    The training program runs on one node, in one process: a second node would stand idle and be paid for.
    """
    found = []
    accelerator = ACCELERATORS[name]
    if fitting and name not in fitting:
        message = f"is {name}, which does not hold {model}; these do: {', '.join(fitting)}"
        found.append(FieldProblem("/training_config/accelerator", "does_not_fit", message))
    if count % accelerator.gpus:
        message = f"is {count}, but {name} comes in whole nodes of {accelerator.gpus}"
        found.append(FieldProblem("/training_config/accelerator_count", "not_a_multiple", message))
    elif count > accelerator.gpus:
        message = f"is {count}, but a job trains on one node, which has {accelerator.gpus} with {name}"
        found.append(FieldProblem("/training_config/accelerator_count", "more_than_a_node", message))
    return found
