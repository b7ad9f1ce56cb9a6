"""The processes that train one model together, one for each GPU, told apart by their rank: `launch` starts them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

#: The first process makes the dataset's tokens, and at the end the whole model, while the others wait.
_TIMEOUT: Final = timedelta(hours=2)
#: What the errors of `torch.distributed` are called, or say, where another process is gone.
_GONE: Final = ("DistBackendError", "DistNetworkError", "DistStoreError")
_GONE_SAYS: Final = ("closed by peer", "Connection reset", "gloo/", "NCCL")


class OtherFailed(Exception):
    """Another process failed, and tells why; this one has nothing to tell."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """How many processes train, and which of them this is. Of one process every method is what it says of itself."""

    count: int = 1
    rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def from_first(self, make: Callable[[], Any]) -> Any:
        """What `make` returns in the first process, which alone calls it; all processes have to come here.

        What it raises is raised there, and `OtherFailed` in the others.
        """
        if self.count == 1:
            return make()
        import torch.distributed as dist

        told: list[Any] = [None, False]
        try:
            if self.first:
                told = [make(), True]
        finally:
            dist.broadcast_object_list(told, src=0)
        if not told[1]:
            raise OtherFailed
        return told[0]

    def total(self, *values: float) -> list[float]:
        """The sums of `values` over all processes, in double precision."""
        if self.count == 1:
            return list(values)
        import torch
        import torch.distributed as dist

        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        sums = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(sums)
        return [float(value) for value in sums.tolist()]

    def wait(self) -> None:
        """Until all processes have come here."""
        self.total(0.0)


def join(meeting_place: Path, environment: dict[str, str]) -> Ranks:
    """Meet the other processes of `environment`, as `torchrun` set it, at a file that does not exist yet.

    A file and no port: nobody else can join. Each takes the GPU of its number, where there are any.
    """
    import torch
    import torch.distributed as dist

    ranks = Ranks(int(environment["WORLD_SIZE"]), int(environment["RANK"]))
    gpus = torch.cuda.is_available()
    device = torch.device("cuda", int(environment["LOCAL_RANK"])) if gpus else None
    if device is not None:
        torch.cuda.set_device(device)
    # One machine: the processes speak over the loopback device, whatever its name resolves to.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    dist.init_process_group(
        "nccl" if gpus else "gloo",
        init_method=meeting_place.as_uri(),
        rank=ranks.rank,
        world_size=ranks.count,
        timeout=_TIMEOUT,
        device_id=device,
    )
    return ranks


def lost_another(error: BaseException) -> bool:
    """Whether the error only says that another process is gone, which is not its cause."""
    if isinstance(error, OtherFailed) or type(error).__name__ in _GONE:
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in _GONE_SAYS)
