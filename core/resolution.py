"""Resolution: how large the views may be that the refine clock makes, found while flying."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

STEPS = (1, 2, 3, 4)  # sizes, as multiples of the smallest: 256x160, 512x320, 768x480, 1024x640
BUDGET = 0.16  # seconds a refinement may take: one is due every 0.2 s, and a fifth of that is left for others
FINEST = 8  # most times a picture is magnified: 108 ms at 2048x1280, 600 ms at 4096x2560, which looks the same
PATIENCE = 25  # refinements in a row that leave room for larger ones, five seconds, before those are tried


def magnification(size: tuple[int, int], canvas: tuple[int, int]) -> int:
    """How many times finer than ``size`` a picture must be for a ``canvas``, each (width, height)."""
    return min(max(1, -(-canvas[0] // size[0]), -(-canvas[1] // size[1])), FINEST)


@dataclass
class Resolution:
    """Chooses the size of views by the time that the last of them took: down at once, up slowly.

    One that is not ``adaptive`` stays at ``smallest`` = (width, height).
    """

    smallest: tuple[int, int]
    adaptive: bool = False
    _rung: int = field(default=0, init=False)
    _top: int = field(default=len(STEPS) - 1, init=False)
    _fresh: bool = field(default=True, init=False)  # nothing was made at this size yet: the first view also prepares for it
    _seconds: float = field(default=math.inf, init=False)  # of the last view at this size
    _roomy: int = field(default=0, init=False)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the next view."""
        step = STEPS[self._rung]
        return step * self.smallest[0], step * self.smallest[1]

    def measured(self, seconds: float) -> None:
        """Take the time that a view of this size took."""
        if self._fresh:
            self._fresh = False
            return
        self._seconds = seconds
        if seconds > BUDGET:
            self._go(self._rung - 1)
            return
        self._roomy = self._roomy + 1 if self._has_room() else 0
        if self._roomy >= PATIENCE:
            self.climb()

    def climb(self) -> bool:
        """Go one size up if the last view leaves time for it; return whether it did."""
        roomy = self._has_room()
        if roomy:
            self._go(self._rung + 1)
        return roomy

    def give_up(self) -> bool:
        """Never make views of this size again; False if it is the smallest, and stays."""
        self._top = max(0, self._rung - 1)
        smaller = self._rung > 0
        self._go(self._rung - 1)
        return smaller

    def _has_room(self) -> bool:
        """Whether the next size would keep to the budget; time grows with pixels at most."""
        if not self.adaptive or self._rung >= self._top:
            return False
        return self._seconds * (STEPS[self._rung + 1] / STEPS[self._rung]) ** 2 <= BUDGET

    def _go(self, rung: int) -> None:
        if rung >= 0:
            self._rung, self._fresh, self._seconds, self._roomy = rung, True, math.inf, 0
