"""Where the network computes: called at once on the processor, or replayed as a CUDA graph on a GPU, behind the display."""

from __future__ import annotations

import copy
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import torch

from core.errors import DeviceError, DeviceMemoryError
from core.neural.governor import Look, governed
from core.neural.inputs import Inputs, Outputs, assembled
from core.neural.network import GeneratorNetwork, Style, channels_last

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


_KEPT = 2  # recordings: the size in use and the one before, as the refiner goes up and down between two
_one_recording = Lock()  # at a time is all that torch can make in a process, and the next photo is opened behind the flight
_WARM_UPS = 3  # calls before one is recorded: libraries choose their kernels and allocate their workspaces in the first


class Executor(Protocol):
    """Computes refined views from completions. Everything passes in and out on the host; one thread at a time."""

    def __call__(self, inputs: Inputs, style: Style, wanted: Look) -> Outputs:
        """Return the views of ``inputs`` in the ``style`` of a photo whose land has the look ``wanted``."""
        ...


class PlainExecutor:
    """Calls ``network`` on the processor."""

    def __init__(self, network: GeneratorNetwork) -> None:
        self._network = channels_last(network).eval()

    def __call__(self, inputs: Inputs, style: Style, wanted: Look) -> Outputs:
        """See ``Executor``."""
        with torch.inference_mode(), host_precision():
            return governed(_drawn(self._network, inputs, style), inputs, wanted)


@dataclass(frozen=True, eq=False)
class _Recording:
    """A graph and the tensors it reads and writes, always the same ones."""

    graph: Any
    inputs: Inputs
    style: Style
    outputs: Outputs


class GraphedExecutor:
    """Computes on a GPU in bfloat16: the network is recorded once per size of views and then launched as a whole.

    It has a stream of its own with the lowest priority there is, which is torch's 0, so that kernels of a display stream of
    higher priority go first. ``network`` stays as it is, on the host: a lost device does not take the weights with it.

    The GPU is not touched before the first call. Calls raise DeviceMemoryError when its memory is full, after freeing what was
    recorded there, and DeviceError when anything else goes wrong on it.
    """

    def __init__(self, network: GeneratorNetwork, device: torch.device | str = "cuda", cuda: ModuleType = torch.cuda) -> None:
        """``cuda`` stands for ``torch.cuda``."""
        self._host_network, self._cuda, self._device = network, cuda, torch.device(device)
        self._recordings: OrderedDict[torch.Size, _Recording] = OrderedDict()

    @cached_property
    def _network(self) -> GeneratorNetwork:
        moved = copy.deepcopy(self._host_network).to(self._device, torch.bfloat16)  # what autocast would do in every call
        return channels_last(moved).eval()

    @cached_property
    def _stream(self) -> Any:  # noqa: ANN401
        return self._cuda.Stream(self._device, priority=0)

    def __call__(self, inputs: Inputs, style: Style, wanted: Look) -> Outputs:
        """See ``Executor``."""
        with self._errors(), torch.inference_mode(), self._cuda.stream(self._stream):
            recording = self._recording(inputs, style)
            for static, given in zip((*recording.inputs, *recording.style), (*inputs, *style), strict=True):
                static.copy_(given, non_blocking=True)
            recording.graph.replay()
            # not recorded: it takes numbers from the host, which no recording may, and costs a few dozen small kernels
            out = governed(recording.outputs, recording.inputs, Look(*(part.to(self._device) for part in wanted)))
            return Outputs(*(part.to("cpu", copy=True) for part in out))  # waits for this stream alone

    def _recording(self, inputs: Inputs, style: Style) -> _Recording:
        """Return the recording for views of this size, the latest used last; made where there is none."""
        size = inputs.channels.shape
        if size not in self._recordings:
            while len(self._recordings) >= _KEPT:
                self._recordings.popitem(last=False)
            self._recordings[size] = self._recorded(inputs, style)
        self._recordings.move_to_end(size)
        return self._recordings[size]

    def _recorded(self, inputs: Inputs, style: Style) -> _Recording:
        static_inputs = Inputs(*(part.to(self._device, copy=True) for part in inputs))
        static_style = Style(*(part.to(self._device, copy=True) for part in style))
        graph = self._cuda.CUDAGraph()
        with torch.autocast(self._device.type, torch.bfloat16, cache_enabled=False):  # a cache would outlive its recording
            for _ in range(_WARM_UPS):
                _drawn(self._network, static_inputs, static_style)
            # the display's thread may allocate meanwhile, which would spoil a recording in the default mode
            with _one_recording, self._cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                outputs = _drawn(self._network, static_inputs, static_style)
        return _Recording(graph, static_inputs, static_style, outputs)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what torch raises into the errors of the class."""
        try:
            yield
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:120]
            # where memory runs out while recording, ending the recording fails as well, and that is what is seen
            if not isinstance(error, torch.OutOfMemoryError) and not isinstance(error.__context__, torch.OutOfMemoryError):
                raise DeviceError(f"the GPU failed ({reason}): restart to use it again") from error
            self._recordings.clear()
            self._cuda.empty_cache()
            raise DeviceMemoryError(f"the GPU's memory is full ({reason}): close what else uses it") from error


def _drawn(network: GeneratorNetwork, inputs: Inputs, style: Style) -> Outputs:
    """Return what the network makes of ``inputs``, all on one device and without looking at any number: it can be recorded."""
    channels = inputs.channels.contiguous(memory_format=torch.channels_last)
    return assembled(inputs, network(channels, style))


def host_precision() -> torch.autocast:
    """Bfloat16 where the processor computes in it, else float32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16())


@cache
def fast_bfloat16() -> bool:
    """Whether this processor computes in bfloat16; where it only pretends to, that takes 2 to 4 times as long as float32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # noqa: SLF001 - public from 2.10 on only
