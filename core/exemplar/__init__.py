"""Exemplar synthesis: every new pixel of a flight is a pixel of its start photo, at whatever resolution is wanted.

A view is completed coarsely (``core.classical``); what is new or worn in it looks for the positions of the photo that it shows
(``synthesis``), from coarse to fine. Keyframes store positions, and a tone that closes seams; pictures are read from the photo.
"""

from core.exemplar.generator import ExemplarGenerator

__all__ = ["ExemplarGenerator"]
