"""Fill pyramid: colours for holes by pull and push (Gortler et al. 1996), with weights that favour the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from viewer.gl.program import Pass

if TYPE_CHECKING:
    from collections.abc import Sequence

    import moderngl

_NEAR = 6  # levels whose guesses are fully trusted: holes up to about 128 texels; with 32 what is behind near trees turned white
_TRUST = 0.5  # in every coarser level
_PRIOR = 1.0  # weight of the coarser level; land at disparity 0.95 weighs as much, far land up to 1197: half floats end at 65504


class _Picture:
    """A half-float texture that can be drawn into."""

    def __init__(self, context: moderngl.Context, size: tuple[int, int]) -> None:
        self.texture = context.texture(size, 4, dtype="f2")
        self.texture.repeat_x = self.texture.repeat_y = False
        self.buffer = context.framebuffer([self.texture])

    def release(self) -> None:
        self.buffer.release()
        self.texture.release()


@dataclass(frozen=True)
class _Level:
    evidence: _Picture  # premultiplied colours
    filled: _Picture


class FillPyramid:
    """Half a lookup's resolution at the bottom, a single pixel at the top."""

    def __init__(self, context: moderngl.Context, lookup_size: tuple[int, int]) -> None:
        self.lookup_size = lookup_size
        sizes = [_halved(lookup_size)]
        while max(sizes[-1]) > 1:
            sizes.append(_halved(sizes[-1]))
        self._levels = [_Level(_Picture(context, size), _Picture(context, size)) for size in sizes]
        self._pull = Pass(context, "pull.frag", ("finer",))
        self._push = Pass(context, "push.frag", ("own", "coarser"))

    @property
    def texture(self) -> moderngl.Texture:
        """The filled picture and in alpha its trustworthiness, RGBA16F, first row at the top."""
        return self._levels[0].filled.texture

    def run(self, seed: Pass, textures: Sequence[moderngl.Texture | moderngl.TextureArray]) -> None:
        """Run ``seed`` into the bottom level with ``textures``, then fill."""
        seed.run(self._levels[0].evidence.buffer, *textures)
        for finer, level in zip(self._levels, self._levels[1:], strict=False):
            self._pull.run(level.evidence.buffer, finer.evidence.texture)
        coarser = self._levels[-1]
        self._push.set("prior", 0.0)
        self._push.run(coarser.filled.buffer, coarser.evidence.texture, coarser.evidence.texture)
        self._push.set("prior", _PRIOR)
        for index, level in reversed(list(enumerate(self._levels[:-1]))):
            self._push.set("trust", 1.0 if index < _NEAR else _TRUST)
            self._push.run(level.filled.buffer, level.evidence.texture, coarser.filled.texture)
            coarser = level

    def release(self) -> None:
        """Give textures, framebuffers and programs back."""
        for level in self._levels:
            level.evidence.release()
            level.filled.release()
        self._pull.release()
        self._push.release()


def _halved(size: tuple[int, int]) -> tuple[int, int]:
    return (size[0] + 1) // 2, (size[1] + 1) // 2
