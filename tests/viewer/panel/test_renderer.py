"""ImGui's triangles on a framebuffer of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from imgui_bundle import imgui

from viewer.panel import theme
from viewer.panel.renderer import PanelRenderer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import moderngl
    from numpy.typing import NDArray

SIZE = (320, 200)


@pytest.fixture
def renderer(gl_context: moderngl.Context) -> Iterator[PanelRenderer]:
    context = imgui.create_context()
    imgui.set_current_context(context)
    imgui.get_io().set_ini_filename("")
    theme.load_font()
    theme.apply(1.0)
    renderer = PanelRenderer(gl_context)
    yield renderer
    renderer.release()
    imgui.destroy_context(context)


def drawn(renderer: PanelRenderer, context: moderngl.Context, widgets: Callable[[], None]) -> NDArray[np.uint8]:
    """Return the picture, top row first, of one frame of a window with ``widgets`` at (20, 10), over black."""
    target = context.simple_framebuffer(SIZE)
    target.use()
    target.clear()
    io = imgui.get_io()
    io.display_size, io.delta_time = imgui.ImVec2(*SIZE), 1.0 / 60.0
    imgui.new_frame()
    imgui.set_next_window_pos(imgui.ImVec2(20, 10))
    imgui.set_next_window_size(imgui.ImVec2(200, 150))
    imgui.begin("window", None, imgui.WindowFlags_.no_title_bar)
    widgets()
    imgui.end()
    imgui.render()
    renderer.draw(target)
    return np.frombuffer(target.read(components=3, alignment=1), np.uint8).reshape(SIZE[1], SIZE[0], 3)[::-1]


def test_a_window_is_where_it_was_put_and_nothing_else_is_touched(renderer: PanelRenderer, gl_context: moderngl.Context) -> None:
    def full() -> None:
        imgui.get_window_draw_list().add_rect_filled(imgui.ImVec2(0, 0), imgui.ImVec2(*SIZE), 0xFF0000FF)

    drawn(renderer, gl_context, full)  # ImGui shows a new window from its second frame on
    picture = drawn(renderer, gl_context, full)
    rows, columns = np.nonzero(picture[..., 0] > 200)
    assert (columns.min(), rows.min()) == (20, 10)
    assert (columns.max(), rows.max()) == (219, 159), "clipped to the window"
    assert picture[:, :20].max() == picture[:10].max() == picture[:, 220:].max() == 0


def test_new_letters_reach_the_atlas(renderer: PanelRenderer, gl_context: moderngl.Context) -> None:
    for _ in range(2):
        before = drawn(renderer, gl_context, lambda: imgui.text("abc"))
    after = drawn(renderer, gl_context, lambda: imgui.text("abc °ß§Ø"))
    assert (after.astype(int).sum(-1) > 600).sum() > 1.5 * (before.astype(int).sum(-1) > 600).sum()


def test_long_pages_fit_the_buffers(renderer: PanelRenderer, gl_context: moderngl.Context) -> None:
    def many() -> None:
        for i in range(400):
            imgui.get_window_draw_list().add_circle_filled(imgui.ImVec2(100, 80), 30.0, 0xFF00FF00, 64 + i % 2)

    for _ in range(3):
        picture = drawn(renderer, gl_context, many)
    assert picture[80, 100].tolist() == [0, 255, 0]


def test_sizes_follow_the_scale_exactly_however_often_it_changes(renderer: PanelRenderer) -> None:
    assert renderer is not None
    first = imgui.get_style().window_padding.x
    for scale in (2.0, 0.7, 3.3, 1.0):
        theme.apply(scale)
    assert imgui.get_style().window_padding.x == first
