"""Stage: the OpenGL side of the window. A canvas, perhaps coarser than the window, is drawn, recorded and shown."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

import moderngl
import numpy as np

from viewer.renderer import Renderer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from core.frame import Frame
    from core.sky import Dome
    from viewer.gl.debug import DebugView

MARGIN = 12  # pixels between an overlay and the window's edge
REHEARSED = (64, 36)  # pixels of a picture that nobody sees: shaders do not depend on it, and small ones take no time


class Corner(Enum):
    """Where an overlay goes."""

    TOP_LEFT = auto()
    TOP_RIGHT = auto()
    BOTTOM_LEFT = auto()
    CENTRE = auto()


class Stage:
    """Draws into the current OpenGL context; ``size`` is the window's framebuffer, (width, height) pixels."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.context = moderngl.create_context(require=330)
        self.screen = self.context.detect_framebuffer()
        self.renderer = Renderer(self.context)
        self.size = size
        self.view: DebugView | None = None  # None: the flight itself
        self._make_canvas(size)

    def _make_canvas(self, size: tuple[int, int]) -> None:
        self._texture = self.context.texture(size, 4)
        sampling = moderngl.NEAREST if size == self.size else moderngl.LINEAR  # nearest is as good there, and half the cost
        self._texture.filter = (sampling, sampling)
        self._texture.repeat_x = self._texture.repeat_y = False
        self.canvas = self.context.framebuffer([self._texture])

    def fit(self, size: tuple[int, int]) -> None:
        """Give the canvas another ``size``, if it has not got it."""
        if self.canvas.size == size:
            return
        old = (self.canvas, self._texture)
        self._make_canvas(size)
        self.canvas.use()  # a framebuffer that is released while it is bound leaves an OpenGL error at the next binding
        for item in old:
            item.release()

    def enter(self, dome: Dome) -> None:
        """Take up another photo."""
        self.renderer.enter(dome)

    def rehearse(self, frames: Iterable[Frame]) -> None:
        """Draw ``frames`` where nobody sees them, so that what drivers do at first use is done."""
        texture = self.context.texture(REHEARSED, 4)
        unseen = self.context.framebuffer([texture])
        for frame in frames:
            self.renderer.draw(frame, unseen)
        self.context.finish()
        self.canvas.use()  # not to release what is bound
        for item in (unseen, texture):
            item.release()

    def show_photo(self, image: NDArray[np.uint8]) -> None:
        """Put a picture on canvas and screen, before there is a flight."""
        self.fit(self.size)
        self.renderer.draw_photo(image, self.canvas)
        self.present()

    def draw(self, frame: Frame) -> None:
        """Draw a frame, or the chosen view of it, on the canvas."""
        if self.view is None:
            self.renderer.draw(frame, self.canvas)
        else:
            self.renderer.draw_debug(frame, self.canvas, self.view)

    def present(self) -> None:
        """Show the canvas in the window."""
        self.screen.viewport = (0, 0, *self.size)
        self.renderer.present(self._texture, self.screen)

    def overlay(self, picture: NDArray[np.uint8], corner: Corner) -> None:
        """Blend a picture over the window (not over the canvas, so that it is not recorded).

        An array that is in its corner already is not sent to OpenGL again, so draw a new one where anything changes.
        """
        height, width = picture.shape[:2]
        bottom = self.size[1] - height - MARGIN
        middle = (max(0, (self.size[0] - width) // 2), max(0, (self.size[1] - height) // 2))
        place = {
            Corner.TOP_LEFT: (MARGIN, MARGIN),
            Corner.TOP_RIGHT: (max(MARGIN, self.size[0] - width - MARGIN), MARGIN),
            Corner.BOTTOM_LEFT: (MARGIN, bottom),
            Corner.CENTRE: middle,
        }[corner]
        self.renderer.draw_overlay(corner.name, picture, self.screen, place)

    def picture(self, frame: Frame) -> NDArray[np.uint8]:
        """Draw a frame at the window's full resolution, whatever the canvas is, and return it: (h, w, 3) uint8, top row first."""
        coarse = self.canvas.size
        self.fit(self.size)
        self.draw(frame)
        width, height = self.canvas.size
        pixels = np.frombuffer(self.canvas.read(components=3, alignment=1), np.uint8)
        self.fit(coarse)
        return pixels.reshape(height, width, 3)[::-1]
