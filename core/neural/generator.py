"""NeuralGenerator: completes views with the trained network, from where the classical completion leaves off."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.classical import ClassicalGenerator
from core.generator import RefinedView
from core.neural.accelerator import Executor, GraphedExecutor, PlainExecutor, host_precision
from core.neural.governor import Look, look_of
from core.neural.inputs import padded, photo_tensor, prepared, unscaled
from core.neural.network import LATENT, WIDTHS, GeneratorNetwork, Style
from core.weights import load_weights, read_card, weights_path

if TYPE_CHECKING:
    from pathlib import Path

    from core.generator import WarpedView
    from core.keyframe import Keyframe

RENEWAL = 0.5, 1.5  # detail debt from which a pixel is renewed, and in full; 0.15 and 0.6 cost 5 % of LPIPS near home
STYLE_SIZE = 256, 160  # width, height at which the start photo is encoded, as in training


class NeuralGenerator:
    """A ``core.generator.Generator`` around a ``GeneratorNetwork``. The same seed and view give the same picture."""

    grows = True

    def __init__(self, network: GeneratorNetwork, device: torch.device | str = "cpu", *, sky: bool = True) -> None:
        self.name = network.size
        self.sky = sky
        self._network = network
        self._on_host = PlainExecutor(network)
        self._executor: Executor = self._on_host if torch.device(device).type == "cpu" else GraphedExecutor(network, device)
        self._classical = ClassicalGenerator(RENEWAL)
        self._style: Style | None = None
        self._photo: Keyframe | None = None
        self._wanted: dict[tuple[int, int], Look] = {}  # what the photo's land looks like, by (width, height) of a view
        self._seed = 0

    @classmethod
    def load(cls, name_or_path: str | Path, device: torch.device | str = "cpu") -> NeuralGenerator:
        """Read a shipped size ("small", "base") or a weights file with its card.

        Raises WeightsError: missing, damaged, or for another network.
        """
        path = weights_path(f"generator_{name_or_path}" if name_or_path in WIDTHS else name_or_path)
        card = read_card(path)
        size = str(card.get("network", "small"))
        network = GeneratorNetwork(size if size in WIDTHS else "small")
        network.load_state_dict(load_weights(path, network.state_dict()))
        return cls(network, device, sky=bool(card.get("sky", True)))

    def begin(self, photo: Keyframe, seed: int) -> None:
        """Take up the style of ``photo``; ``seed`` decides z and the noise."""
        self._classical.begin(photo, seed)
        self._seed = seed % 2**32
        with torch.inference_mode(), host_precision():
            self._style = self._network.style(photo_tensor(photo, STYLE_SIZE), torch.from_numpy(latent(self._seed)))
        self._photo, self._wanted = photo, {}

    def __call__(self, view: WarpedView) -> RefinedView:
        """Complete ``view``; known pixels with debt below 0.5 come back as they were.

        Raises RuntimeError when called before ``begin``, DeviceMemoryError when the GPU has no room for a view of this size, and
        DeviceError when it fails.
        """
        if self._style is None or self._photo is None:
            raise RuntimeError("NeuralGenerator was called before begin(photo, seed)")
        done = self._classical.complete(view)
        inputs, (height, width) = padded(prepared(done, noise_seed(self._seed, view)))
        size = inputs.sky.shape[3], inputs.sky.shape[2]
        if size not in self._wanted:
            self._wanted[size] = look_of(photo_tensor(self._photo, size))
        out = self._executor(inputs, self._style, self._wanted[size])
        image, depth, sky = (part[0, :, :height, :width].permute(1, 2, 0).numpy() for part in out[:3])
        return RefinedView(image, unscaled(depth[..., 0]), sky[..., 0], done.debt)

    @property
    def on_gpu(self) -> bool:
        """Whether the network computes on a GPU."""
        return self._executor is not self._on_host

    def leave_gpu(self) -> None:
        """Let the network compute on the processor from now on; the flight's style stays."""
        self._executor = self._on_host


def latent(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Z of a flight, (1, LATENT) standard normal."""
    return np.random.default_rng((seed, 1)).standard_normal((1, LATENT), np.float32)


def noise_seed(seed: int, view: WarpedView) -> tuple[int, int]:
    """Noise goes by seed and pose, whatever was asked before."""
    return seed, zlib.crc32(view.camera.world_from_camera.tobytes())
