"""Fill pyramid: colours for holes by pull and push (Gortler et al. 1996), with weights that favour the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import moderngl

from viewer.gl.program import Pass

if TYPE_CHECKING:
    from collections.abc import Sequence

_PRIOR = 1.0  # weight of the coarser level; land at disparity 0.95 weighs as much, far land up to 200


@dataclass(frozen=True)
class _Level:
    evidence: moderngl.Framebuffer
    filled: moderngl.Framebuffer

    @classmethod
    def made(cls, context: moderngl.Context, size: tuple[int, int]) -> _Level:
        """Two half-float pictures of one size, premultiplied colours and filled colours."""
        buffers = []
        for _ in range(2):
            texture = context.texture(size, 4, dtype="f2")
            texture.repeat_x = texture.repeat_y = False
            buffers.append(context.framebuffer([texture]))
        return cls(*buffers)

    def release(self) -> None:
        for buffer in (self.evidence, self.filled):
            buffer.color_attachments[0].release()
            buffer.release()


class FillPyramid:
    """Half a lookup's resolution at the bottom, a single pixel at the top."""

    def __init__(self, context: moderngl.Context, lookup_size: tuple[int, int]) -> None:
        self.lookup_size = lookup_size
        sizes = [tuple((side + 1) // 2 for side in lookup_size)]
        while max(sizes[-1]) > 1:
            sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
        self._levels = [_Level.made(context, (width, height)) for width, height in sizes]
        self._pull = Pass(context, "pull.frag", ("finer",))
        self._push = Pass(context, "push.frag", ("own", "coarser"))

    @property
    def texture(self) -> moderngl.Texture:
        """The filled picture, RGBA16F, first row at the top."""
        return self._levels[0].filled.color_attachments[0]

    def run(self, seed: Pass, textures: Sequence[moderngl.Texture | moderngl.TextureArray]) -> None:
        """Run ``seed`` into the bottom level with ``textures``, then fill."""
        seed.run(self._levels[0].evidence, *textures)
        for finer, level in zip(self._levels, self._levels[1:], strict=False):
            self._pull.run(level.evidence, finer.evidence.color_attachments[0])
        coarser = self._levels[-1]
        self._push.set("prior", 0.0)
        self._push.run(coarser.filled, coarser.evidence.color_attachments[0], coarser.evidence.color_attachments[0])
        self._push.set("prior", _PRIOR)
        for level in reversed(self._levels[:-1]):
            self._push.run(level.filled, level.evidence.color_attachments[0], coarser.filled.color_attachments[0])
            coarser = level

    def release(self) -> None:
        """Give textures, framebuffers and programs back."""
        for level in self._levels:
            level.release()
        self._pull.release()
        self._push.release()
