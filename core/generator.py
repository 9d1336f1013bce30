"""The contract of a generator: what the refine clock hands in and what it gets back.

A generator turns a warped, holed view into a whole one. The classical refiner (``core.classical``) fulfils it without training;
a trained network fulfils it too, and nothing else in the program knows which of them is flying.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.frame import Layer
    from core.keyframe import Keyframe, Look
    from core.sky import Dome


@dataclass(frozen=True, eq=False)
class WarpedView:
    """The known part of the view of ``camera``; all arrays (h, w[, 3]), zero where ``mask`` is False."""

    camera: Camera
    image: NDArray[np.float32]  # [0, 1] sRGB, sky already composed from the dome where sky is known
    disparity: NDArray[np.float32]  # [0.01, 1] on land, 0 on sky
    sky: NDArray[np.float32]  # [0, 1] soft alpha
    stretch: NDArray[np.float32]  # magnification by this warp, target pixels per source pixel
    debt: NDArray[np.float32]  # detail debt carried along, log2
    mask: NDArray[np.bool_]  # True where the view is known
    backdrop: NDArray[np.float32]  # [0, 1] (h, w, 3): the sky dome seen by this camera, everywhere
    layer: Layer | None = None  # what it was sampled from
    dome: Dome | None = None  # what ``backdrop`` is of

    def within(self, region: NDArray[np.bool_]) -> WarpedView:
        """Return the same view with everything outside ``region`` (h, w) forgotten."""
        mask = self.mask & region
        return replace(
            self,
            image=self.image * mask[..., None],
            disparity=self.disparity * mask,
            sky=self.sky * mask,
            stretch=self.stretch * mask,
            debt=self.debt * mask,
            mask=mask,
        )


@dataclass(frozen=True, eq=False)
class RefinedView:
    """A whole view, no holes; all arrays (h, w[, 3]) float32 and finite."""

    image: NDArray[np.float32]  # [0, 1]
    disparity: NDArray[np.float32]  # [0.01, 1]
    sky: NDArray[np.float32]  # [0, 1]
    debt: NDArray[np.float32]
    look: Look | None = None  # where in the photo it is found, if it was copied from there


class Generator(Protocol):
    """Anything that completes views."""

    name: str
    sky: bool  # whether it knows what sky is; one trained without flies from photos ``without_sky``

    def begin(self, photo: Keyframe, seed: int) -> None:
        """Take up the style of a start photo; called once per flight, before the first call."""

    def __call__(self, view: WarpedView) -> RefinedView:
        """Fill the holes of ``view`` and renew its worn detail, leaving sharp known pixels alone."""


@runtime_checkable
class Accelerated(Protocol):
    """What a ``Generator`` offers besides that can compute on a GPU, which can fail."""

    grows: bool  # whether larger views take little time there, and look better

    @property
    def on_gpu(self) -> bool:
        """Whether it does so now. Calling it may then raise DeviceError and DeviceMemoryError."""
        ...

    def leave_gpu(self) -> None:
        """Compute on the processor from now on; nothing need begin again."""


@runtime_checkable
class Copying(Protocol):
    """What a ``Generator`` offers besides that copies from photos: it copies from others than the start photo as well."""

    waits: bool  # whether photos are as sharp as they become from the first view on: a second later, and the same every time

    def prepare(self, others: tuple[Keyframe, ...]) -> None:
        """Make ready what ``join`` would otherwise take a second for, while views go on in another thread."""

    def join(self, others: tuple[Keyframe, ...]) -> None:
        """Let at most ``MOST_OTHERS`` others lend their look from the next view on; those that do already cost nothing."""


def on_gpu(generator: Generator) -> bool:
    """Whether ``generator`` computes on a GPU."""
    return isinstance(generator, Accelerated) and generator.on_gpu


def grows(generator: Generator) -> bool:
    """Whether ``generator`` is to make views as large as there is time for."""
    return isinstance(generator, Accelerated) and generator.on_gpu and generator.grows


# Other photos in a flight. Positions are kept in 65535 steps over all photos and their mirror images: with four photos of 2048
# pixels a step is a quarter of a pixel, with one a sixteenth. What is read is rounded by up to half of that.
MOST_OTHERS = 3

SIZES = ("small", "base")  # of trained ones, each with its weights file
# by name, the default first: "auto" is what flies best, exemplar synthesis; ``core.refiner.make_generator`` makes them
GENERATORS = ("auto", "exemplar", *SIZES, "classical", "classic")
WEIGHTS_SUFFIX = ".safetensors"  # of a file that takes a name's place
