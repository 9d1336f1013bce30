"""Loops: what exemplar synthesis computes pixel by pixel, on the processor; ``core.exemplar.device`` has its twin on a GPU."""

from __future__ import annotations

from contextlib import suppress

from core.errors import DeviceError
from core.exemplar.coherence import settle
from core.exemplar.levels import project
from core.exemplar.sampling import borders, gathered, stretches
from core.exemplar.search import add_up
from core.exemplar.tone import close_seams


class Loops:
    """The compiled loops: they take and fill NumPy arrays wherever they run, and give the same bits everywhere."""

    on_gpu = False
    gathered = staticmethod(gathered)
    stretches = staticmethod(stretches)
    borders = staticmethod(borders)
    project = staticmethod(project)
    add_up = staticmethod(add_up)
    settle = staticmethod(settle)
    close_seams = staticmethod(close_seams)


def fastest() -> Loops:
    """Return the loops of a GPU where CuPy finds one that works, else the processor's."""
    from core.warp import cuda

    if cuda.available():
        from core.exemplar.device import DeviceLoops

        with suppress(DeviceError):
            return DeviceLoops()
    return Loops()
