"""What a training of the generator does: every number of it, written beside its results."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import TrainingError

_COUNTS = ("steps", "batch", "longest", "growth", "unroll", "accumulate", "flights")


@dataclass(frozen=True)
class Weights:
    """Of the losses; what led to them is told in ``weights/README.md``."""

    features: float = 3.0  # with 1.5 and 4 LPIPS near home became 2 % worse in 400 steps
    pixels: float = 6.0
    disparity: float = 2.0
    sky: float = 0.5
    own: float = 0.05  # of the reconstruction of the generator's own frames (paper section 4.3)
    deceive: float = 0.15  # adversarial, on pretrained features; at 0.5 and more land became twice as harsh as the photo's
    geometry: float = 0.1  # adversarial, on RGBD and sky
    kind: float = 1.0  # mean deepest Lite0 features of the whole view
    style: float = 2.0  # statistics of Lite0 features of land
    texture: float = 2.0  # the same of VGG16 features, which see the fine noise that Lite0 does not
    detail: float = 1.0  # of the strength of renewed land's detail against the photo's, by octave
    leash: float = 0.005  # of squared raw outputs: without it and without cycles all gates and signs saturated in 60 steps
    anchor: float = 2.0  # of colours averaged over 16 pixels to the classical completion's, which are the photo's
    r1: float = 0.15  # of the geometry discriminator (paper section 4.3)


@dataclass(frozen=True)
class Recipe:
    """A run. Ablations are switches: the paper's ``rollouts``, ``cycle``, ``balanced`` and ``sky``, and ``projected``."""

    network: str = "small"
    steps: int = 20_000
    batch: int = 4  # rollout frames a step
    cycles: int = 1  # cycles a step, at most ``batch``
    size: tuple[int, int] = (256, 160)
    rate: float = 2e-4
    judge_rate: float = 1e-4  # at 2e-4 it outran the generator (hinge loss 0.7 of 2)
    betas: tuple[float, float] = (0.5, 0.99)  # at 0 and batches of four, signs flicker: a checkerboard that only the average hid
    warmup: int = 200  # steps on cycles alone
    longest: int = 80  # steps of a rollout, in the end; within the paper's 10 most of a view is still the photo, sharp
    growth: int = 10  # steps after which rollouts may be one longer
    average: float = 0.998
    clip: float = 2.0
    r1_every: int = 16
    unroll: int = 1  # steps that a gradient spans; 2 cost 1.8 times as much
    accumulate: int = 1  # batches before the weights move
    flights: int = 24  # in the air at once
    window: tuple[int, int] = (128, 96)  # in which VGG features are compared: a quarter of their cost
    rollouts: bool = True
    cycle: bool = True
    balanced: bool = True
    sky: bool = True
    projected: bool = True  # False: only the discriminator from scratch, as in the paper
    weights: Weights = Weights()
    save_every: int = 100
    show_every: int = 250
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise TrainingError where the numbers do not go together."""
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} {getattr(self, name)}: it must be at least 1")
        if self.flights < self.batch:
            raise TrainingError(f"batch {self.batch} of {self.flights} flights: have at least as many flights")
        if not 0 <= self.cycles <= self.batch:
            raise TrainingError(f"{self.cycles} cycles a step: choose 0 to {self.batch}, as many as the batch")
        if not self.rollouts and not (self.cycle and self.cycles):
            raise TrainingError("without rollouts and without cycles nothing can be learnt: leave out one of them only")

    @property
    def save_period(self) -> int:
        """Steps between checkpoints: no gradient is half accumulated then."""
        return max(1, self.save_every // self.accumulate) * self.accumulate

    def longest_at(self, step: int) -> int:
        """T_max at ``step``: progressive trajectory growing (paper section 3.2)."""
        if not self.rollouts:
            return 1
        return min(self.longest, 2 + max(0, step - self.warmup) // self.growth)
