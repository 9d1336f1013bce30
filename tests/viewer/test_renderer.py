"""The renderer against its plain twin, and the laws of a good picture: exact at home, whole, smooth at edges, seamless fades."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.camera import Camera, Intrinsics, turn
from core.compose import compose
from core.frame import Frame, Layer
from core.keyframe import Keyframe
from core.sky import Dome
from core.warp.lookup import HOLE, Lookup
from viewer.renderer import DebugView, Renderer

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH, HEIGHT = 240, 160


@functools.cache
def scene() -> tuple[Keyframe, Dome]:
    """Textured land under a cloudy sky, with a soft and wavy skyline."""
    import cv2

    rng = np.random.default_rng(1)
    v, u = np.mgrid[0.5:HEIGHT, 0.5:WIDTH] / np.array([HEIGHT, WIDTH])[:, None, None]
    sky = np.clip((0.4 + 0.03 * np.sin(20.0 * u) - v) * HEIGHT / 4.0 + 0.5, 0.0, 1.0)[..., None]
    clouds = cv2.GaussianBlur(rng.normal(0.0, 60.0, (HEIGHT, WIDTH)), (0, 0), 3.0)[..., None]
    image = sky * (np.array([110.0, 150.0, 210.0]) + clouds) + (1.0 - sky) * rng.uniform(20.0, 120.0, (HEIGHT, WIDTH, 3))
    camera = Camera(Intrinsics.from_fov(math.radians(55.0), WIDTH / HEIGHT))
    disparity = np.clip(0.9 * v[::2, ::2], 0.05, 1.0).astype(np.float32)
    photo = Keyframe(camera, np.rint(image).astype(np.uint8), disparity, sky[..., 0].astype(np.float32), 0.0 * disparity)
    return photo, Dome.of(photo)


def still(photo: Keyframe, width: int, height: int) -> Lookup:
    """What a warp to the photo's own camera returns."""
    import cv2

    uv = np.stack(np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height), -1).astype(np.float32)
    sky = cv2.resize(photo.sky, (width, height), interpolation=cv2.INTER_LINEAR)
    disparity = np.where(sky < 0.95, cv2.resize(photo.disparity, (width, height), interpolation=cv2.INTER_LINEAR), 0.0)
    stretch = np.full((height, width), width / photo.disparity.shape[1], np.float32)
    return Lookup(uv, disparity.astype(np.float32), stretch, np.zeros((height, width), np.int8))


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (24, 16), camera: Camera | None = None) -> Keyframe:
    width, height = size
    flat = np.full((height, width), 0.5, np.float32)
    image = np.full((height, width, 3), colour, np.uint8)
    return Keyframe(camera or scene()[0].camera, image, flat, 0.0 * flat, 0.0 * flat)


def lookup_of(slot: np.ndarray, disparity: np.ndarray) -> Lookup:
    height, width = slot.shape
    uv = still(scene()[0], width, height).uv
    known = np.where(slot >= 0, disparity, 0.0).astype(np.float32)
    return Lookup(uv, known, np.ones((height, width), np.float32), slot.astype(np.int8))


@pytest.fixture(params=["as it is", "as on a GPU"])
def renderer(gl_context, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Renderer]:
    if request.param == "as on a GPU":
        monkeypatch.setattr("viewer.gl.scene._SOFTWARE", ())
        monkeypatch.setattr("viewer.gl.textures._ANISOTROPY", 1.0)  # software blurs with it even where nothing is minified
    made = Renderer(gl_context, scene()[1])
    yield made
    made.release()


def drawn(renderer: Renderer, frame: Frame, width: int, height: int) -> np.ndarray:
    """Picture (height, width, 3) int, first row at the top."""
    target = renderer._context.simple_framebuffer((width, height))
    renderer.draw(frame, target)
    return _read(target)


def _read(target) -> np.ndarray:
    width, height = target.size
    return np.frombuffer(target.read(components=3, alignment=1), np.uint8).reshape(height, width, 3)[::-1].astype(int)


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (WIDTH // 2, HEIGHT // 2), (77, 51), (2, 2)])
def test_at_home_the_photo_comes_back_whatever_the_lookups_size(renderer: Renderer, size: tuple[int, int]) -> None:
    photo, _ = scene()
    frame = Frame(photo.camera, Layer((photo,), still(photo, *size)))
    assert np.abs(drawn(renderer, frame, WIDTH, HEIGHT) - photo.image).max() <= 1


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (0.5, 0.2, 0.1), (math.pi, 0.3, 0.0), (-1.0, 1.5, 1.0), (2.0, -1.2, 0.0)])
@pytest.mark.parametrize("width", [160, 40])
def test_sky_is_the_dome(renderer: Renderer, angles: tuple[float, float, float], width: int) -> None:
    photo, dome = scene()
    camera = photo.camera.moved(np.array([0.0, 0.0, 5.0]), turn(*angles))
    height = width * 2 // 3
    frame = Frame(camera, Layer((photo,), lookup_of(np.zeros((height, width)), np.zeros((height, width)))))
    apart = np.abs(drawn(renderer, frame, width, height) - dome.view(camera, width, height) * 255.0)
    assert apart.max() <= 2.0


def test_moved_view_is_that_of_the_plain_twin(renderer: Renderer) -> None:
    """Land, soft skyline and sky of two keyframes seen from the side, no holes."""
    photo, dome = scene()
    beside = photo.camera.moved(np.array([0.2, -0.1, 0.3]), turn(0.05))
    second = Keyframe(beside, photo.image[::2, ::2], photo.disparity, photo.sky, photo.debt)
    camera = photo.camera.moved(np.array([0.3, 0.0, 0.1]), turn(0.02))
    lookup = _reprojected((photo, second), camera, WIDTH, HEIGHT)
    layer = Layer((photo, second), lookup)
    twin = compose(layer, camera, dome, bilinear=True)
    picture = drawn(renderer, Frame(camera, layer), WIDTH, HEIGHT)
    apart = np.abs(picture - twin.image * 255.0).max(axis=2)[twin.mask]
    assert np.quantile(apart, 0.99) <= 2.0
    assert apart.mean() < 0.5


def test_the_photo_is_filtered_less_than_later_keyframes(renderer: Renderer) -> None:
    """At five eighths of its size, where a view lies between two halvings of it: else it would be blurred and then jump."""
    photo, _ = scene()
    later = Keyframe(photo.camera, photo.image, photo.disparity, photo.sky, photo.debt)
    width, height = 5 * WIDTH // 8, 5 * HEIGHT // 8
    lookup, land = still(photo, width, height), np.s_[height // 2 :]
    of_later = Lookup(lookup.uv, lookup.disparity, lookup.stretch, np.ones_like(lookup.slot))
    alone = drawn(renderer, Frame(photo.camera, Layer((photo,), lookup)), width, height)
    among = drawn(renderer, Frame(photo.camera, Layer((photo, later), of_later)), width, height)
    assert alone[land].std() > 1.1 * among[land].std()


def _reprojected(keyframes: tuple[Keyframe, ...], camera: Camera, width: int, height: int) -> Lookup:
    """Exact lookup of a world whose land has one disparity in ``camera``; slots in broad vertical stripes."""
    rays = camera.rays(width, height)
    disparity = np.full((height, width), 0.4)
    slot = (np.arange(width) // 40 % len(keyframes))[None].repeat(height, axis=0)
    points = rays / disparity[..., None] @ camera.rotation.T + camera.position
    far = rays @ camera.rotation.T
    uv = np.zeros((height, width, 2))
    for index, keyframe in enumerate(keyframes):
        mine = slot == index
        uv[mine] = keyframe.camera.project(points[mine])[0]
        v = (uv[..., 1] * keyframe.sky.shape[0]).astype(int).clip(0, keyframe.sky.shape[0] - 1)
        u = (uv[..., 0] * keyframe.sky.shape[1]).astype(int).clip(0, keyframe.sky.shape[1] - 1)
        sky = mine & (keyframe.sky[v, u] > 0.95)
        disparity[sky] = 0.0
        uv[sky] = keyframe.camera.project(far[sky] + keyframe.camera.position)[0]
    slot = np.where(((uv >= 0.0) & (uv <= 1.0)).all(axis=-1), slot, HOLE)
    uv[slot == HOLE] = disparity[slot == HOLE] = 0.0
    stretch = np.full((height, width), 3.0, np.float32)
    return Lookup(uv.astype(np.float32), disparity.astype(np.float32), stretch, slot.astype(np.int8))


def test_coarse_silhouettes_are_smooth_and_pure(renderer: Renderer) -> None:
    """A slanted edge between two colours at a quarter of the resolution: only mixtures of the two, no staircase of 4x4 blocks."""
    red, blue = (200, 20, 20), (20, 20, 200)
    v, u = np.mgrid[0:40, 0:60]
    near = u > 15 + 0.5 * v
    lookup = lookup_of(np.where(near, 0, 1), np.where(near, 0.8, 0.1))
    picture = drawn(renderer, Frame(scene()[0].camera, Layer((plain(red), plain(blue)), lookup)), 240, 160)
    assert np.abs(picture.sum(axis=2) - 240).max() <= 3
    assert picture[..., 1].max() <= 21
    edges = [np.interp(110, picture[row, :, 0], np.arange(240)) for row in range(8, 152)]
    slope = np.diff(edges)
    assert slope.max() < 2.6
    assert abs(np.mean(slope) - 0.5) < 0.05


def test_holes_are_filled_from_behind(renderer: Renderer) -> None:
    """Between a near red surface and a far blue one the background goes on behind the near one."""
    red, blue = (200, 20, 20), (20, 20, 200)
    slot = np.zeros((48, 72))
    slot[:, 30:42] = HOLE
    slot[:, 42:] = 1
    lookup = lookup_of(slot, np.where(slot == 1, 0.1, 0.8))
    picture = drawn(renderer, Frame(scene()[0].camera, Layer((plain(red), plain(blue)), lookup)), 144, 96)
    hole = picture[:, 64:80]
    assert (hole[..., 2] > hole[..., 0]).all()
    assert hole[..., 2].mean() > 165


@pytest.mark.parametrize("hole", [0, 1, 12, 40, 72])
def test_no_hole_is_ever_seen(renderer: Renderer, hole: int) -> None:
    """Small holes take the colour of what is around them, deep ones fade to the dome: mist here, as nothing else is known."""
    photo, dome = scene()
    bare = tuple(np.zeros_like(level) for level in dome.details)
    mist = Dome(photo, np.full_like(dome.equirect, 120), bare, dome.detail_camera)
    renderer.enter(mist)
    slot = np.zeros((48, 72))
    slot[:, :hole] = HOLE
    layer = Layer((plain((200, 100, 50)),), lookup_of(slot, np.full((48, 72), 0.5)))
    picture = drawn(renderer, Frame(photo.camera, layer), 144, 96)
    low, high = np.array([120, 100, 50]), np.array([200, 120, 120])
    assert ((picture >= low - 1) & (picture <= high + 1)).all()
    if hole == 72:
        assert np.abs(picture - 120).max() <= 1
    elif hole <= 12:
        assert np.abs(picture - [200, 100, 50]).max() <= 12


def test_sky_goes_on_as_sky_beyond_the_photos_frame(renderer: Renderer) -> None:
    photo, dome = scene()
    slot = np.zeros((48, 72))
    slot[:, 30:] = HOLE
    away = photo.camera.moved(np.array([0.0, 0.0, 1.0]), turn(0.4))
    picture = drawn(renderer, Frame(away, Layer((photo,), lookup_of(slot, slot * 0.0))), 144, 96)
    assert np.abs(picture - dome.view(away, 144, 96) * 255.0).max() <= 2.0


@pytest.mark.parametrize("fade", [0.0, 0.25, 1.0])
def test_fade_is_a_straight_mixture(renderer: Renderer, fade: float) -> None:
    photo, _ = scene()
    whole = still(photo, WIDTH, HEIGHT)
    other = Layer((plain((10, 200, 90)),), lookup_of(np.zeros((HEIGHT, WIDTH)), np.full((HEIGHT, WIDTH), 0.5)))
    mine = Layer((photo,), whole)
    picture = drawn(renderer, Frame(photo.camera, other, mine, fade), WIDTH, HEIGHT)
    expected = fade * np.array([10.0, 200.0, 90.0]) + (1.0 - fade) * photo.image
    assert np.abs(picture - expected).max() <= 2.0


def test_keyframes_come_and_go(renderer: Renderer) -> None:
    """Far more keyframes than there is room for, some of another size, each shown when it is asked for, older ones again."""
    keyframes = [plain((10 * i, 255 - 10 * i, 77), (24, 16) if i % 5 else (48, 32)) for i in range(24)]
    lookup = lookup_of(np.tile([0, 1, 2], (20, 10)), np.full((20, 30), 0.5))
    for start in (*range(22), 3, 0):
        chosen = tuple(keyframes[start : start + 3])
        frame = Frame(scene()[0].camera, Layer(chosen, lookup), Layer(chosen[::-1], lookup), 1.0)
        picture = drawn(renderer, frame, 30, 20)
        for slot, keyframe in enumerate(chosen[: 3 if start < 22 else 2]):
            assert np.abs(picture[:, slot::3] - keyframe.image[0, 0]).max() <= 1


def test_nothing_is_allocated_once_it_runs(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    import moderngl

    photo, _ = scene()
    lookup = still(photo, 120, 80)
    lookup.slot[:9, :9] = HOLE
    layer = Layer((photo, plain((1, 2, 3))), lookup)
    frame = Frame(photo.camera, layer, layer, 0.5)
    target = renderer._context.simple_framebuffer((WIDTH, HEIGHT))
    renderer.draw(frame, target)

    def refused(*_: object, **__: object) -> None:
        pytest.fail("an OpenGL object was made")

    for maker in ("texture", "texture_array", "framebuffer", "depth_renderbuffer", "buffer", "program", "vertex_array"):
        monkeypatch.setattr(moderngl.Context, maker, refused)
    renderer.draw(frame, target)


def test_photo_is_cropped_to_cover(renderer: Renderer) -> None:
    image = np.zeros((60, 100, 3), np.uint8)
    image[..., 0] = np.arange(100)[None] * 2
    target = renderer._context.simple_framebuffer((60, 60))
    renderer.draw_photo(image, target)
    picture = _read(target)
    assert np.abs(picture - image[:, 20:80]).max() <= 1


def test_photo_needs_no_dome(gl_context) -> None:
    bare = Renderer(gl_context)
    target = gl_context.simple_framebuffer((30, 20))
    bare.draw_photo(np.full((20, 30, 3), 99, np.uint8), target)
    assert (_read(target) == 99).all()
    photo, dome = scene()
    with pytest.raises(RuntimeError, match="enter"):
        drawn(bare, Frame(photo.camera, Layer((photo,), still(photo, 30, 20))), 30, 20)
    for _ in range(2):
        bare.enter(dome)
        picture = drawn(bare, Frame(photo.camera, Layer((photo,), still(photo, 60, 40))), WIDTH, HEIGHT)
        assert np.abs(picture - photo.image).max() <= 1
    bare.release()


def test_overlay_lies_where_it_should_and_blends(renderer: Renderer) -> None:
    target = renderer._context.simple_framebuffer((80, 60))
    renderer.draw_photo(np.full((60, 80, 3), 100, np.uint8), target)
    overlay = np.zeros((10, 21, 4), np.uint8)
    overlay[...] = (200, 0, 0, 128)
    overlay[0, 0] = (0, 255, 0, 255)
    renderer.draw_overlay("sign", overlay, target, (5, 7))
    picture = _read(target)
    assert picture[7, 5].tolist() == [0, 255, 0]
    assert np.abs(picture[16, 25] - [150, 50, 50]).max() <= 1
    picture[7:17, 5:26] = 100
    assert (picture == 100).all()


def test_an_overlay_is_uploaded_once_while_it_is_the_same_array(renderer: Renderer) -> None:
    target = renderer._context.simple_framebuffer((80, 60))

    def shown(name: str, overlay: np.ndarray) -> list[int]:
        target.clear()
        renderer.draw_overlay(name, overlay, target, (0, 0))
        return _read(target)[0, 0].tolist()

    red, green = (np.full((10, 20, 4), colour, np.uint8) for colour in ((255, 0, 0, 255), (0, 255, 0, 255)))
    assert shown("left", red) == [255, 0, 0]
    assert shown("right", green) == [0, 255, 0], "another place has its own"
    red[...] = 255
    assert shown("left", red) == [255, 0, 0], "the array of before is not looked at again"
    assert shown("left", green) == [0, 255, 0]
    assert shown("left", red) == [255, 255, 255]
    assert shown("left", green[:5]) == [0, 255, 0], "nor does its size matter"


@pytest.mark.parametrize("view", list(DebugView))
def test_debug_views_differ_and_show_holes(renderer: Renderer, view: DebugView) -> None:
    photo, _ = scene()
    lookup = still(photo, 60, 40)
    lookup.slot[:10, :10] = HOLE
    frame = Frame(photo.camera, Layer((photo,), lookup))
    target = renderer._context.simple_framebuffer((120, 80))
    renderer.draw_debug(frame, target, view)
    picture = _read(target)
    assert (picture[5, 5] == [255, 0, 255]).all()
    assert (picture[60, 60] != [255, 0, 255]).any()


def test_works_in_a_window(xvfb) -> None:  # noqa: ARG001 - it is the display that is wanted
    import moderngl
    import pyglet

    photo, dome = scene()
    window = pyglet.window.Window(WIDTH, HEIGHT, visible=True)
    try:
        context = moderngl.create_context(require=330)
        renderer = Renderer(context, dome)
        renderer.draw(Frame(photo.camera, Layer((photo,), still(photo, 120, 80))), context.screen)
        shown = pyglet.image.get_buffer_manager().get_color_buffer().get_image_data().get_data("RGB", WIDTH * 3)
        pixels = np.frombuffer(shown, np.uint8).reshape(HEIGHT, WIDTH, 3)[::-1].astype(int)
        assert np.abs(pixels - photo.image).max() <= 1
        assert context.error == "GL_NO_ERROR"
        renderer.release()
    finally:
        window.close()
