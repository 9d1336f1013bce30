"""A stand-in for ``torch.cuda`` on the processor: graphs record what torch is told to do, and do it again on the same tensors."""

from __future__ import annotations

from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core.neural import accelerator


class _Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.calls.append((function, args, kwargs or {}, result))
        return result


def _tensors(result):
    return [result] if isinstance(result, torch.Tensor) else [part for part in result if isinstance(part, torch.Tensor)]


class FakeGraph:
    def __init__(self) -> None:
        self.tape = None
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1
        for function, args, kwargs, result in self.tape.calls:
            for old, new in zip(_tensors(result), _tensors(function(*args, **kwargs)), strict=True):
                if old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class FakeCuda:
    """``graphs`` holds what was captured; ``full`` makes the next capture run out of memory, ``lost`` every launch fail."""

    def __init__(self) -> None:
        self.graphs, self.streams, self.current = [], [], None
        self.full = self.lost = False
        self.emptied = 0

    def Stream(self, device, priority):  # noqa: N802
        self.streams.append((device, priority))
        return len(self.streams)

    @contextmanager
    def stream(self, stream):
        if self.lost:
            raise RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later")
        self.current = stream
        yield
        self.current = None

    def CUDAGraph(self):  # noqa: N802
        return FakeGraph()

    @contextmanager
    def graph(self, graph, stream, capture_error_mode):
        assert self.current == stream, "warmed up on another stream"
        assert capture_error_mode == "thread_local"
        assert accelerator._one_recording.locked()
        graph.tape = _Tape()
        try:
            with graph.tape, _without_the_host():
                yield
            if self.full:
                self.full = False
                raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20 MiB")
        except RuntimeError:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")  # noqa: B904 - as capture_end does
        self.graphs.append(graph)

    def empty_cache(self) -> None:
        self.emptied += 1


@contextmanager
def _without_the_host():
    """What a capture forbids: numbers from the host, and looking at numbers."""

    def forbidden(*_, **__):
        raise RuntimeError("operation not permitted when stream is capturing")

    names = ("new_tensor", "item", "tolist", "cpu", "__bool__", "__float__")
    before = {name: getattr(torch.Tensor, name) for name in names}
    tensor = torch.tensor
    try:
        for name in names:
            setattr(torch.Tensor, name, forbidden)
        torch.tensor = forbidden
        yield
    finally:
        torch.tensor = tensor
        for name, method in before.items():
            setattr(torch.Tensor, name, method)
