"""Clock: how fast the flight's time goes: usually as the wall's, paused, step by step, or in slow motion."""

from __future__ import annotations

from dataclasses import dataclass

SLOWER = 4.0  # times slower in slow motion


@dataclass
class Clock:
    """Turns seconds of the wall into seconds of flight."""

    paused: bool = False
    slow: bool = False
    _stepping: bool = False

    def step(self) -> None:
        """Let one frame's time pass, and pause."""
        self.paused = self._stepping = True

    def flown(self, dt: float, period: float) -> float:
        """Return the flight's share of ``dt`` seconds; a step takes one display ``period``."""
        stepping, self._stepping = self._stepping, False
        if self.paused:
            dt = period if stepping else 0.0
        return dt / SLOWER if self.slow else dt

    @property
    def word(self) -> str:
        """What the HUD says of it."""
        return " ".join(word for word, said in (("paused", self.paused), ("slow motion", self.slow)) if said)
