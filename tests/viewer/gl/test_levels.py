"""Mipmap levels of texture arrays, written layer by layer."""

from __future__ import annotations

import moderngl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.texels import SHORTEST, halvings
from tests.viewer.test_renderer import scene
from viewer.gl.levels import write_levels
from viewer.gl.textures import KeyframeTextures
from viewer.interop import Plain

SIZE = (130, 70)


def level_of(context: moderngl.Context, array: moderngl.TextureArray, layer: int, level: int) -> np.ndarray:
    source = "#version 330\nvoid main(){vec2 c=vec2((gl_VertexID<<1)&2,gl_VertexID&2);gl_Position=vec4(c*2.0-1.0,0.0,1.0);}"
    fetch = "void main(){o=texelFetch(t,ivec3(gl_FragCoord.xy,k.x),k.y);}"
    program = context.program(source, f"#version 330\nuniform sampler2DArray t;uniform ivec2 k;out vec4 o;{fetch}")
    size = array.width >> level, array.height >> level
    target = context.simple_framebuffer(size, 4)
    target.use()
    array.use(0)
    program["k"] = layer, level
    context.vertex_array(program, []).render(moderngl.TRIANGLES, vertices=3)
    return np.frombuffer(target.read(components=4), np.uint8).reshape(*size[::-1], 4)


def test_every_level_arrives_and_other_layers_stay_as_they_are(gl_context: moderngl.Context) -> None:
    array = gl_context.texture_array((*SIZE, 3), 4)
    pictures = [halvings(np.random.default_rng(seed).integers(0, 256, (*SIZE[::-1], 4), np.uint8), 8) for seed in range(4)]
    array.build_mipmaps(max_level=len(pictures[0]) - 1)
    array.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
    for layer in range(3):
        write_levels(gl_context, array, layer, pictures[layer])
    write_levels(gl_context, array, 1, pictures[3])
    for layer, levels in enumerate((pictures[0], pictures[3], pictures[2])):
        for level, picture in enumerate(levels):
            assert (level_of(gl_context, array, layer, level) == picture).all()
    array.release()


@given(width=st.integers(1, 5000), height=st.integers(1, 5000))
def test_an_array_has_as_many_levels_as_a_picture_has_halvings(width: int, height: int) -> None:
    shorter, levels = min(width, height), 0
    while shorter > SHORTEST:
        shorter, levels = shorter // 2, levels + 1
    assert (min(width, height) // (SHORTEST + 1)).bit_length() == levels


@pytest.mark.parametrize("size", [(64, 40), (130, 66), (1024, 640)])
def test_the_coarsest_level_of_a_keyframe_is_sampled(gl_context: moderngl.Context, size: tuple[int, int]) -> None:
    """A level that nobody has written would be black, or make the whole texture black."""
    textures = KeyframeTextures(gl_context, Plain(""), scene()[0], fast=True)
    textures.refined = textures._array(size)
    levels = halvings(np.full((*size[::-1], 4), 200, np.uint8), SHORTEST)
    write_levels(gl_context, textures.refined, 0, levels)
    source = "#version 330\nvoid main(){vec2 c=vec2((gl_VertexID<<1)&2,gl_VertexID&2);gl_Position=vec4(c*2.0-1.0,0.0,1.0);}"
    sample = "#version 330\nuniform sampler2DArray t;out vec4 o;void main(){o=textureLod(t,vec3(0.5,0.5,0.0),20.0);}"
    target = gl_context.simple_framebuffer((1, 1), 4)
    target.use()
    textures.refined.use(0)
    gl_context.vertex_array(gl_context.program(source, sample), []).render(moderngl.TRIANGLES, vertices=3)
    assert set(target.read(components=4)) == {200}
    textures.release()
