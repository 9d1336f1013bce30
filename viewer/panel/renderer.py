"""Draws what ImGui asks for into the present OpenGL context: its own renderers want another OpenGL binding beside moderngl."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import moderngl
import numpy as np
from imgui_bundle import imgui

from viewer.gl.program import source

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAYOUT = "2f 2f 4f1"  # of ImGui's vertices: position, place in the atlas, colour
Status = imgui.ImTextureStatus


class PanelRenderer:
    """Keeps ImGui's textures (atlases of glyphs that grow as text is shown) and draws its lists of triangles."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._program = context.program(source("panel.vert"), source("panel.frag"))
        self._vertices = context.buffer(reserve=1 << 16, dynamic=True)
        self._indices = context.buffer(reserve=1 << 15, dynamic=True)
        self._triangles = self._vertex_array()
        self._textures: dict[int, moderngl.Texture] = {}
        imgui.get_io().backend_flags |= imgui.BackendFlags_.renderer_has_textures

    def draw(self, target: moderngl.Framebuffer) -> None:
        """Draw the frame that ``imgui.render`` has closed over ``target``."""
        for texture in imgui.get_platform_io().textures:
            self._update(texture)
        data = imgui.get_draw_data()
        target.use()
        target.viewport = (0, 0, round(data.display_size.x), round(data.display_size.y))
        self._program["window"] = (data.display_size.x, data.display_size.y)
        self._context.enable(moderngl.BLEND)
        self._context.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
        for commands in data.cmd_lists:
            self._draw_list(commands, target)
        target.scissor = target.viewport
        self._context.disable(moderngl.BLEND)

    def _draw_list(self, commands: imgui.ImDrawList, target: moderngl.Framebuffer) -> None:
        vertices = _bytes(commands.vtx_buffer.data_address(), commands.vtx_buffer.size() * imgui.VERTEX_SIZE)
        indices = _bytes(commands.idx_buffer.data_address(), commands.idx_buffer.size() * imgui.INDEX_SIZE)
        if vertices.nbytes > self._vertices.size or indices.nbytes > self._indices.size:
            self._grow(vertices.nbytes, indices.nbytes)
        self._vertices.write(vertices)
        self._indices.write(indices)
        for command in commands.cmd_buffer:
            left, top, right, bottom = (round(edge) for edge in command.clip_rect)
            if right > left and bottom > top:
                target.scissor = (left, target.viewport[3] - bottom, right - left, bottom - top)
                self._textures[command.tex_ref.get_tex_id()].use(0)
                self._triangles.render(moderngl.TRIANGLES, command.elem_count, first=command.idx_offset)

    def _grow(self, vertices: int, indices: int) -> None:
        """Make room for twice as much as is needed now."""
        self._triangles.release()
        self._vertices.orphan(2 * max(vertices, self._vertices.size))
        self._indices.orphan(2 * max(indices, self._indices.size))
        self._triangles = self._vertex_array()

    def _vertex_array(self) -> moderngl.VertexArray:
        content = [(self._vertices, LAYOUT, "position", "at", "tint")]
        return self._context.vertex_array(self._program, content, index_buffer=self._indices, index_element_size=imgui.INDEX_SIZE)

    def _update(self, texture: imgui.ImTextureData) -> None:
        """Do what ImGui wants done with one of its textures."""
        if texture.status == Status.want_destroy:
            self._textures.pop(texture.get_tex_id()).release()
            texture.set_tex_id(0)
            texture.status = Status.destroyed
        elif texture.status in {Status.want_create, Status.want_updates}:
            pixels = np.asarray(texture.get_pixels_array()).reshape(texture.height, texture.width, texture.bytes_per_pixel)
            if texture.status == Status.want_create:
                made = self._context.texture((texture.width, texture.height), texture.bytes_per_pixel, alignment=1)
                self._textures[made.glo] = made
                texture.set_tex_id(made.glo)
                parts = [(0, 0, texture.width, texture.height)]
            else:
                parts = [(part.x, part.y, part.w, part.h) for part in texture.updates]
            for x, y, width, height in parts:
                piece = np.ascontiguousarray(pixels[y : y + height, x : x + width])
                self._textures[texture.get_tex_id()].write(piece, (x, y, width, height), alignment=1)
            texture.status = Status.ok

    def release(self) -> None:
        """Give every OpenGL object back."""
        for texture in imgui.get_platform_io().textures:
            if texture.get_tex_id() in self._textures:
                texture.set_tex_id(0)
                texture.status = Status.destroyed
        for made in self._textures.values():
            made.release()
        self._textures.clear()
        self._triangles.release()
        self._vertices.release()
        self._indices.release()
        self._program.release()


def _bytes(address: int, size: int) -> NDArray[np.uint8]:
    """View memory of ImGui without a copy; it stays as it is until the next frame begins."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address)) if size else np.empty(0, np.uint8)
