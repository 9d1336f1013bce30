"""Interop: pixels arrive in textures on every way, in order, and a way that is refused gives way to the next."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import fake_interop
import moderngl
import numpy as np
import pytest

from core.errors import DeviceError
from core.frame import Frame, Layer
from core.texels import texels
from core.warp import cuda
from core.warp.device_lookup import DeviceLookup
from core.warp.lookup import HOLE, Lookup
from tests.viewer.test_renderer import drawn, plain, scene, still
from viewer.interop import Plain, Registered, Staged, make_transfer
from viewer.renderer import Renderer

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = (45, 30)


@pytest.fixture
def context(gl_context) -> fake_interop.Context:
    return fake_interop.Context(gl_context)


@pytest.fixture
def runtime(context, monkeypatch) -> fake_interop.Runtime:
    """A GPU whose CUDA and CuPy can be imported."""
    made = fake_interop.Runtime(context)
    bindings = ModuleType("cuda.bindings")
    bindings.runtime = made
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.bindings", bindings)
    monkeypatch.setitem(sys.modules, "cupy", fake_interop.Cupy(made.stream))
    monkeypatch.setattr(cuda, "available", lambda: True)
    return made


@pytest.fixture
def transfer(context, runtime) -> Iterator[Registered]:
    made = Registered(context, runtime)
    yield made
    made.release()
    assert not runtime.registered


def noise(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).random((size[1], size[0], 4), np.float32)


def lookup_texture(context, size: tuple[int, int] = SIZE):
    texture = context.texture(size, 4, dtype="f4")
    texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
    return texture


def shown(texture) -> np.ndarray:
    return np.frombuffer(texture.read(), np.float32).reshape(*texture.size[::-1], 4)


def shown_layers(context, array) -> np.ndarray:
    """Pixels of all layers of an RGBA8 array."""
    pixels = []
    source = "#version 330\nvoid main(){vec2 c=vec2((gl_VertexID<<1)&2,gl_VertexID&2);gl_Position=vec4(c*2.0-1.0,0.0,1.0);}"
    fetch = "void main(){o=texelFetch(t,ivec3(gl_FragCoord.xy,k),0);}"
    program = context.program(source, f"#version 330\nuniform sampler2DArray t;uniform int k;out vec4 o;{fetch}")
    triangle, target = context.vertex_array(program, []), context.simple_framebuffer(array.size[:2], 4)
    for layer in range(array.layers):
        target.use()
        array.use(0)
        program["k"] = layer
        triangle.render(moderngl.TRIANGLES, vertices=3)
        pixels.append(np.frombuffer(target.read(components=4), np.uint8).reshape(*array.size[1::-1], 4))
    return np.stack(pixels)


@pytest.mark.parametrize("padding", [0, 19])
def test_cuda_writes_the_texture_in_the_right_order(context, runtime, transfer, padding: int) -> None:
    texture = lookup_texture(context)
    for seed in range(3):  # what is written is computed by work that has not happened yet
        transfer.write(texture, fake_interop.DeviceArray(noise(seed), runtime.stream, padding), stream=runtime.stream)
        assert (shown(texture) == noise(seed)).all()
        assert not runtime.mapped
    assert runtime.log == ["register", *(3 * ["map", "array", "copy", "unmap"])]
    assert [flags.name for _, flags in runtime.registered.values()] == ["cudaGraphicsRegisterFlagsWriteDiscard"]


def test_a_texture_is_registered_as_long_as_it_lives(context, runtime, transfer) -> None:
    for seed, size in enumerate([SIZE, (64, 40), SIZE]):  # OpenGL gives names again
        texture = lookup_texture(context, size)
        transfer.write(texture, fake_interop.DeviceArray(noise(seed, size), runtime.stream), stream=runtime.stream)
        assert (shown(texture) == noise(seed, size)).all()
        assert len(runtime.registered) == 1
        transfer.forget(texture)
        transfer.forget(texture)
        texture.release()
        assert not runtime.registered
    assert runtime.log.count("register") == runtime.log.count("unregister") == 3


@pytest.mark.parametrize("way", ["registered", "staged", "host"])
def test_a_layer_leaves_the_others_as_they_are(context, runtime, transfer, way: str) -> None:
    array = context.texture_array((*SIZE, 3), 4)
    pictures = (np.stack([noise(seed) for seed in range(5)]) * 255.0).astype(np.uint8)
    ways = transfer if way != "staged" else Staged(context, "")
    expected = np.zeros((3, *SIZE[::-1], 4), np.uint8)
    array.write(expected)
    for seed, layer in enumerate([1, 0, 2, 1, 1]):
        expected[layer] = pictures[seed]
        if way == "host":
            ways.write(array, pictures[seed], layer)
        else:
            ways.write(array, fake_interop.DeviceArray(pictures[seed], runtime.stream), layer, runtime.stream)
        assert (shown_layers(context, array) == expected).all()
    assert ("register" in runtime.log) == (way == "registered")


@pytest.mark.parametrize("call", ["register", "map", "array", "copy", "unmap"])
@pytest.mark.parametrize("late", [False, True])
def test_whatever_is_refused_the_pixels_arrive(context, runtime, transfer, call: str, late: bool) -> None:
    texture = lookup_texture(context)
    if late and call != "register":
        transfer.write(texture, fake_interop.DeviceArray(noise(0), runtime.stream), stream=runtime.stream)
        assert not transfer.fell_back
    runtime.refused = call
    for seed in range(1, 4):
        transfer.write(texture, fake_interop.DeviceArray(noise(seed), runtime.stream), stream=runtime.stream)
        assert (shown(texture) == noise(seed)).all()
        assert transfer.fell_back
    assert runtime.log.count(call) == 1 + (late and call != "register")
    assert "cudaErrorUnknown: some text" in transfer.reason
    assert "\n" not in transfer.reason
    assert not runtime.registered
    assert not runtime.mapped or call == "unmap"


def test_unregistering_never_fails(context, runtime, transfer) -> None:
    texture = lookup_texture(context)
    transfer.write(texture, fake_interop.DeviceArray(noise(0), runtime.stream), stream=runtime.stream)
    runtime.refused = "unregister"  # the GPU was lost
    transfer.forget(texture)
    transfer.release()


def test_staged_pixels_wait_for_their_turn(context, runtime, monkeypatch) -> None:
    """Textures of several sizes and types, from host and device, written many times before anybody looks."""
    staged = Staged(context, "")
    sizes = [(8, 5), (45, 30), (1, 1), (64, 40), (45, 30)]
    textures = [lookup_texture(context, size) for size in sizes]

    def write_all(seed: int) -> None:
        for size, texture in zip(sizes, textures, strict=True):
            seed += 1
            if seed % 3 == 0:
                staged.write(texture, noise(seed, size))
            else:
                staged.write(texture, fake_interop.DeviceArray(noise(seed, size), runtime.stream), stream=runtime.stream)

    write_all(0)
    write_all(100)
    write_all(200)
    write_all(300)
    for number, (size, texture) in enumerate(zip(sizes, textures, strict=True)):
        assert (shown(texture) == noise(301 + number, size)).all()
    pinned = sys.modules["cupy"].pinned
    monkeypatch.setattr(moderngl.Context, "buffer", lambda *_, **__: pytest.fail("a buffer was made"))
    write_all(400)
    assert sys.modules["cupy"].pinned == pinned
    assert (shown(textures[3]) == noise(404, sizes[3])).all()
    staged.release()


def test_a_lost_gpu_is_one_line(context, runtime) -> None:
    array = fake_interop.DeviceArray(noise(0), runtime.stream)
    array.lost = True
    with pytest.raises(DeviceError, match=r"was lost .*illegal memory access") as caught:
        Staged(context, "").write(lookup_texture(context), array, stream=runtime.stream)
    assert "\n" not in str(caught.value)


def test_without_a_gpu_it_is_plain(gl_context, monkeypatch) -> None:
    monkeypatch.setattr(cuda, "available", lambda: False)
    transfer = make_transfer(gl_context)
    assert isinstance(transfer, Plain)
    assert not transfer.fell_back
    texture = lookup_texture(gl_context)
    transfer.write(texture, noise(7))
    assert (shown(texture) == noise(7)).all()


def test_it_is_tried_out_first(context, runtime) -> None:
    transfer = make_transfer(context)
    assert isinstance(transfer, Registered)
    assert not transfer.fell_back
    assert runtime.log == ["register", "map", "array", "copy", "unmap", "unregister"]


@pytest.mark.parametrize("call", ["register", "map", "array", "copy", "unmap"])
def test_refused_at_first_it_is_staged(context, runtime, call: str) -> None:
    runtime.refused = call
    transfer = make_transfer(context)
    assert isinstance(transfer, Staged)
    assert transfer.fell_back
    assert "cudaErrorUnknown: some text" in transfer.reason
    assert not runtime.registered


def test_pixels_that_do_not_arrive_are_noticed(context, runtime) -> None:
    runtime.garbled = True
    transfer = make_transfer(context)
    assert isinstance(transfer, Staged)
    assert "wrote as 0.25" in transfer.reason


def test_other_peoples_opengl_is_not_even_asked(gl_context, runtime) -> None:
    transfer = make_transfer(gl_context)
    assert isinstance(transfer, Staged)
    assert gl_context.info["GL_RENDERER"] in transfer.reason
    assert not runtime.log


def test_without_cuda_python_it_says_how_to_get_it(context, runtime, monkeypatch) -> None:
    del runtime
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    transfer = make_transfer(context)
    assert isinstance(transfer, Staged)
    assert "pip install photoflight[cuda]" in transfer.reason


def on_device(layer: Layer, runtime: fake_interop.Runtime) -> Layer:
    """``layer`` as a GPU makes it: lookup and pictures are there alone."""

    def refused(*_: object) -> None:
        pytest.fail("drawing waits for a copy to the host")

    lookup = layer.lookup
    made = fake_interop.DeviceArray(np.dstack([lookup.uv, lookup.disparity, lookup.slot]).astype(np.float32), runtime.stream)
    pictures = tuple(fake_interop.DeviceArray(texels(keyframe)[0], runtime.stream) for keyframe in layer.keyframes)
    return Layer(layer.keyframes, DeviceLookup(made, None, runtime.stream, pictures, refused, refused))


def holed(size: tuple[int, int]) -> Lookup:
    lookup = still(scene()[0], *size)
    lookup.slot[:9, :9] = HOLE
    lookup.slot[9:, 9:] = 1
    for array in (lookup.uv, lookup.disparity, lookup.stretch):
        array[:9, :9] = 0.0
    return lookup


@pytest.mark.parametrize("refused", [None, "copy"])
def test_a_frame_on_the_gpu_is_drawn_as_one_on_the_host(context, runtime, monkeypatch, refused: str | None) -> None:
    photo, dome = scene()
    key, other = plain((200, 20, 20)), plain((20, 20, 200))
    renderer, twin = Renderer(context, dome), Renderer(context.context, dome)
    runtime.refused = refused
    for size, fade in [((60, 40), 0.4), ((60, 40), 1.0), ((77, 51), 0.4)]:
        newer, older = Layer((photo, key), holed(size)), Layer((other, photo), holed(size))
        frame = Frame(photo.camera, newer, older, fade)
        expected = drawn(twin, frame, 120, 80)
        layers = (on_device(layer, runtime) for layer in (newer, older))
        with monkeypatch.context() as patch:
            if refused is None:  # no picture of a keyframe is fetched from the host
                patch.setattr("viewer.gl.textures.shown", None)
            assert (drawn(renderer, Frame(photo.camera, *layers, fade), 120, 80) == expected).all()
    assert (renderer.fallback is None) == (refused is None)
    assert len(runtime.registered) == (0 if refused else 3)  # two lookups, and the pictures
    renderer.release()
    twin.release()
    assert not runtime.registered


def test_a_gpu_lost_in_flight_leaves_the_last_picture(context, runtime) -> None:
    photo, dome = scene()
    renderer = Renderer(context, dome)
    target = context.simple_framebuffer((120, 80))
    frame = Frame(photo.camera, on_device(Layer((photo,), still(photo, 60, 40)), runtime))
    renderer.draw(frame, target)
    before = target.read()
    runtime.refused, frame.newer.lookup.texels.lost = "map", True
    renderer.draw(frame, target)
    assert target.read() == before
    renderer.draw(Frame(photo.camera, Layer((photo,), still(photo, 60, 40))), target)
    assert target.read() == before
    renderer.release()
