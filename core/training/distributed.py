"""One process or many: training under ``torchrun`` without the trainer knowing how many there are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True)
class Group:
    """The processes of this run; use it as a context."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @classmethod
    def join(cls) -> Group:
        """Join the processes that ``torchrun`` started, with a GPU each where there are any; alone otherwise."""
        local = int(os.environ.get("LOCAL_RANK", "0"))
        gpu = torch.cuda.is_available()
        device = torch.device("cuda", local) if gpu else torch.device("cpu")
        if gpu:
            torch.cuda.set_device(device)
        if "RANK" not in os.environ:
            return cls(device=device)
        distributed.init_process_group("nccl" if gpu else "gloo")
        return cls(distributed.get_rank(), distributed.get_world_size(), device)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.size > 1:
            distributed.destroy_process_group()

    def shared(self, module: nn.Module) -> nn.Module:
        """Return ``module`` with its gradients averaged over the group."""
        if self.size == 1:
            return module
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices, broadcast_buffers=False, find_unused_parameters=True)
