"""Shader programs from the files in ``shaders``, and one way to run them: a triangle over a whole framebuffer."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

import moderngl

if TYPE_CHECKING:
    from collections.abc import Mapping

_INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)
VIEW_BINDING = 0


def source(name: str, defines: Mapping[str, int] | None = None) -> str:
    """Text of a shader file with its ``#include`` lines replaced and ``defines`` written after its version line."""
    text = (files("shaders") / name).read_text(encoding="utf-8")
    text = _INCLUDE.sub(lambda match: source(match.group(1)), text)
    lines = "".join(f"#define {key} {value}\n" for key, value in (defines or {}).items())
    return text.replace("#version 330 core\n", f"#version 330 core\n{lines}", 1)


class Pass:
    """One fragment shader over all of a framebuffer.

    ``samplers`` names its textures in the order in which ``run`` takes them. A uniform that the compiler has dropped may be set.
    """

    def __init__(
        self, context: moderngl.Context, name: str, samplers: tuple[str, ...] = (), defines: Mapping[str, int] | None = None
    ) -> None:
        self._program = context.program(source("fullscreen.vert"), source(name, defines))
        self._triangle = context.vertex_array(self._program, [])
        for unit, sampler in enumerate(samplers):
            self.set(sampler, unit)
        view = self._program.get("View", None)
        if isinstance(view, moderngl.UniformBlock):
            view.binding = VIEW_BINDING

    def set(self, name: str, value: float | tuple[float, ...]) -> None:
        """Set a uniform."""
        if name in self._program:
            self._program[name] = value

    def run(self, target: moderngl.Framebuffer, *textures: moderngl.Texture | moderngl.TextureArray) -> None:
        """Draw into the viewport of ``target`` with ``textures`` bound in the order of ``samplers``."""
        target.use()
        for unit, texture in enumerate(textures):
            texture.use(unit)
        self._triangle.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Give its OpenGL objects back."""
        self._triangle.release()
        self._program.release()
