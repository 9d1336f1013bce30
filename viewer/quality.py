"""Quality: the internal resolution that this machine can fly at, found while flying.

Two costs scale with resolution: the warp (the lookup's size) and the drawing (the canvas). The ladder lowers the lookup first,
because the resolve pass upsamples it along edges and the eye hardly sees the difference, and the canvas last.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# (canvas, lookup) as fractions of the window's resolution, best first.
LADDER = ((1.0, 1.0), (1.0, 0.75), (1.0, 0.5), (1.0, 0.375), (0.75, 0.375), (0.6, 0.3), (0.5, 0.25))
SLOW = 1.0 / 21.0  # seconds a frame may take before a rung is climbed down: below 20 Hz flight looks jerky
FAST = 1.0 / 50.0  # and below which a better one is tried
AUTO = 2  # the rung to begin at
CHOICES = {"full": 0, "half": 2, "quarter": len(LADDER) - 1}  # rungs by the names of the settings, whose other name is auto
PATIENCE = 12  # frames of evidence before a step down; stepping up waits ten times longer, so it does not oscillate
LOOKUP_PIXELS = 1280 * 720  # a finer lookup than this is never visible: its positions are interpolated


@dataclass
class Quality:
    """Chooses a rung of ``LADDER`` from measured frame times."""

    rung: int = AUTO
    frozen: bool = False  # while recording, the canvas keeps its size
    fixed: bool = False  # chosen by the user
    _slow: int = field(default=0, repr=False)
    _fast: int = field(default=0, repr=False)

    def measured(self, seconds: float) -> None:
        """Take the time of one frame, seconds; at 60 Hz waiting for the display alone makes it 1/60, which is ``FAST`` enough."""
        if self.frozen or self.fixed:
            return
        self._slow = self._slow + 1 if seconds > SLOW else max(0, self._slow - 1)
        self._fast = self._fast + 1 if seconds < FAST else 0
        if self._slow >= PATIENCE and self.rung < len(LADDER) - 1:
            self._step(1)
        elif self._fast >= 10 * PATIENCE and self.rung > 0:
            self._step(-1)

    def choose(self, quality: str) -> None:
        """Stay at one of ``CHOICES``; any other name finds the rung by itself."""
        was, self.fixed = self.fixed, quality in CHOICES
        if self.fixed or was:
            self.rung = CHOICES.get(quality, AUTO)

    def _step(self, by: int) -> None:
        self.rung += by
        self._slow = self._fast = 0

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """Size of the drawn picture for a window of ``width`` x ``height`` framebuffer pixels."""
        return _scaled(width, height, LADDER[self.rung][0])

    def lookup(self, width: int, height: int) -> tuple[int, int]:
        """Size of the warp's lookup for that window."""
        limit = (LOOKUP_PIXELS / max(1, width * height)) ** 0.5
        return _scaled(width, height, min(LADDER[self.rung][1], limit))


def _scaled(width: int, height: int, factor: float) -> tuple[int, int]:
    return max(2, round(width * factor / 2) * 2), max(2, round(height * factor / 2) * 2)
