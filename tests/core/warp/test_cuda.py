"""The CUDA warp without a GPU: the kernels compile for one, and on the host they give what the CPU warp gives."""

from __future__ import annotations

import ctypes
import gc
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warp_scenes import hills, keyframe, moved, ridge, valley

from core.errors import DeviceError
from core.texels import texels
from core.warp import cuda, frame_table, lookup, make_warper, visibility, warp
from core.warp.benchmark import landscape
from core.warp.device_lookup import DeviceLookup
from core.warp.fallback import FallbackWarper

KERNELS = Path(cuda.__file__).with_name("kernels.cu")
NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/bin:/usr/local/cuda/bin")
SIZES = [(64, 40), (101, 57), (24, 15)]
CAMERAS = st.fixed_dictionaries(
    {name: st.floats(-1.0, 1.0) for name in ("x", "y", "yaw", "pitch", "roll")} | {"z": st.floats(-2.0, 2.5)}
)
fuzzed = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def scenes():
    noise = np.random.default_rng(0).uniform(0.01, 1.0, (20, 32))
    return {
        "hills": keyframe(hills(64, 40)),
        "other hills": keyframe(hills(40, 25, 3)),
        "ridge": keyframe(ridge(32, 20)),
        "valley": valley(48, 30),
        "other valley": valley(64, 40, 4),
        "noise": keyframe(noise),
        "landscape": landscape(64, 40),
        "veil": keyframe(np.full((20, 32), 0.6), np.full((20, 32), 0.7)),
        "farther veil": keyframe(np.full((20, 32), 0.5), np.full((20, 32), 0.7), image=np.zeros((100, 160, 3), np.uint8)),
        "all sky": keyframe(hills(32, 20), np.ones((20, 32))),
        "finer picture": keyframe(ridge(32, 20), image=np.zeros((100, 160, 3), np.uint8)),
        "one pixel": keyframe(np.full((1, 1), 0.5)),
    }


SCENES = scenes()


@pytest.fixture
def host(cupy):  # noqa: ARG001 - it imports that
    """CudaWarper on the stand-in for CuPy."""
    return cuda.CudaWarper()


def same(found, expected):
    for name in ("slot", "uv", "disparity", "stretch"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert found.size == expected.size
    assert found.covered_share == expected.covered_share
    for columns, rows in (lookup.THIN, (7, 5)):
        for a, b in zip(found.thin(columns, rows), expected.thin(columns, rows), strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype


@pytest.mark.skipif(NVCC is None, reason="no nvcc")
def test_kernels_compile_to_ptx(tmp_path):
    ptx = tmp_path / "kernels.ptx"
    subprocess.run([NVCC, "--ptx", "--std=c++14", "--fmad=false", "-Werror", "all-warnings", "-o", ptx, KERNELS], check=True)
    text = ptx.read_text()
    assert set(re.findall(r"\.entry (\w+)\(", text)) == {"project", "rasterise", "rasterise_large", "resolve"}
    assert "atom.global.max.u64" in text or "red.global.max.u64" in text or "max.u64" in text
    assert "fma.rn.f" not in text


def test_constants_are_those_of_the_twin():
    source = KERNELS.read_text()
    found = dict(re.findall(r"#define (\w+) \(?([-\d.e]+)", source))
    for name in ("MAGNIFICATION", "GRID", "OUTSIDE", "STREAK", "AGREEMENT", "FINER", "CRACK", "SKY", "CLEAR"):
        assert float(found[name]) == getattr(visibility, name)
    assert int(found["HOLE"]) == lookup.HOLE
    assert (int(found["THIN_COLUMNS"]), int(found["THIN_ROWS"])) == lookup.THIN
    assert int(found["MOST_LAYERS"]) == frame_table.MOST_LAYERS
    assert int(found["MOST_MEMBERS"]) == frame_table.MOST_MEMBERS
    assert int(found["TILE_COLUMNS"]) * int(found["TILE_ROWS"]) == int(found["WARP"])
    assert "NOTHING = 0, VEILED = 1, LAND = 2" in source
    assert (visibility.NOTHING, visibility.VEILED, visibility.LAND) == (0, 1, 2)


def test_structs_are_those_of_the_kernels(kernels):
    _, library = kernels
    assert library.size_of_view() == frame_table.VIEW.itemsize
    assert library.size_of_layer() == frame_table.LAYER.itemsize
    assert library.size_of_frame() == frame_table.FRAME.itemsize
    assert library.place_of_holes() == 4 * (frame_table.SUMMARY_ITEMS - 1)


@fuzzed
@given(pose=CAMERAS, seed=st.integers(0, 5), size=st.sampled_from(SIZES))
def test_kernels_are_the_twin_of_the_cpu_warp(host, warper, pose, seed, size):
    noise = np.random.default_rng(seed).uniform(0.01, 1.0, (20, 32))
    frames = [valley(48, 30, seed), keyframe(hills(40, 25, seed)), keyframe(ridge(32, 20)), keyframe(noise)]
    camera = moved(frames[0].camera, **pose)
    for frame in frames:
        same(warp([frame], camera, size, host), warp([frame], camera, size, warper))
    same(warp(frames, camera, size, host), warp(frames, camera, size, warper))


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("pose", [{}, {"x": 0.2, "z": 0.5, "yaw": 0.2}, {"z": -0.4, "roll": 1.0}])
def test_scenes(host, warper, scene, pose):
    frames = [SCENES[scene], SCENES["hills"]]
    camera = moved(frames[0].camera, **pose)
    for chosen in (frames[:1], frames, frames[::-1]):
        same(warp(chosen, camera, (96, 60), host), warp(chosen, camera, (96, 60), warper))


@pytest.mark.parametrize("z", [1.7, 1.9, 1.94])
def test_large_quads(host, warper, z):
    """The camera almost touches a wall, and quads fill large parts of the view."""
    wall = keyframe(hills(32, 20) * 0.02 + 0.49)
    camera = moved(wall.camera, z=z, yaw=0.3)
    expected = warp([wall, SCENES["ridge"]], camera, (320, 200), warper)
    assert (expected.stretch > 50.0).any()
    same(warp([wall, SCENES["ridge"]], camera, (320, 200), host), expected)
    assert host._workspace()._large_count[0] > 3


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, -1.0])
def test_kernels_survive_unusable_numbers(host, warper, bad):
    disparity = hills(32, 20)
    disparity[5:9, 5:9] = bad
    frame = keyframe(disparity)
    camera = moved(frame.camera, z=0.1)
    same(warp([frame], camera, (64, 40), host), warp([frame], camera, (64, 40), warper))


def test_no_keyframes_give_only_holes(host, warper):
    camera = SCENES["hills"].camera
    same(warp([], camera, (16, 10), host), warp([], camera, (16, 10), warper))


@fuzzed
@given(data=st.data(), pose=CAMERAS)
def test_two_layers_share_keyframes(host, warper, data, pose):
    """Any two layers, of the same keyframes or others, in any order, even twice."""
    frames = list(SCENES.values())
    layers = data.draw(st.lists(st.lists(st.sampled_from(frames), max_size=6), min_size=1, max_size=2))
    camera = moved(frames[0].camera, **pose)
    found = host.warp(layers, camera, (64, 40))
    for one, other in zip(found, warper.warp(layers, camera, (64, 40)), strict=True):
        same(one, other)


def test_layers_that_do_not_fit_are_refused(host):
    frame = SCENES["hills"]
    with pytest.raises(ValueError, match="at most 2 layers"):
        host.warp([[frame]] * 3, frame.camera, (16, 10))
    with pytest.raises(ValueError, match="127 keyframes"):
        host.warp([[frame] * 128], frame.camera, (16, 10))


def test_a_shared_keyframe_is_rasterised_once(host):
    frames = [SCENES["hills"], SCENES["ridge"]]
    host.warp([frames, frames[::-1]], frames[0].camera, (64, 40))
    workspace = host._workspace()
    assert workspace._frame_row[0]["view_count"] == 2


def wait(lookups):
    return [each.covered_share for each in lookups]


def test_a_frame_is_four_launches_and_its_graph_is_made_once(cupy, host, warper):
    frames = list(SCENES.values())
    for i in range(5):
        layers = [frames[i : 2 * i], frames[: 1 + i]][: 1 + i % 2] if i else [frames]
        camera = moved(frames[0].camera, z=0.1 * i, yaw=0.05 * i)
        cupy.count.clear()
        found = host.warp(layers, camera, (64, 40))
        for one, other in zip(found, warper.warp(layers, camera, (64, 40)), strict=True):
            same(one, other)
        assert cupy.count["kernel"] == 4
        assert cupy.count["graph"] == (0 if i == 0 else 1)


def test_nothing_is_allocated_once_warm(cupy, host):
    """As in flight: the frame before lives while the next is made, fades come and go."""
    frames = list(SCENES.values())
    sizes = [(64, 40), (32, 20)]
    kept = None
    for i in range(24):
        if i == 12:
            cupy.count.clear()
        layers = [frames[:3], frames[2:5]][: 1 + (i // 2) % 2]
        kept = host.warp(layers, moved(frames[0].camera, z=0.02 * i), sizes[i // 4 % 2])
        wait(kept)
    for what in ("allocation", "pinned", "stream", "compile"):
        assert cupy.count[what] == 0, what
    assert cupy.count["graph"] == 12


def test_a_lookup_stays_what_it_was_while_others_are_made(host, warper):
    frame = SCENES["valley"]
    cameras = [moved(frame.camera, z=0.1 * i) for i in range(6)]
    found = [warp([frame], camera, (64, 40), host) for camera in cameras]
    for one, camera in zip(found, cameras, strict=True):
        same(one, warp([frame], camera, (64, 40), warper))


def test_sizes_and_capacities_may_change(host, warper):
    """Buffers grow, are used again, and the graphs of one capacity do not serve another."""
    small, large = keyframe(hills(16, 10)), keyframe(hills(96, 60))
    many = [keyframe(hills(8 + i, 8, i)) for i in range(20)]
    for frames, size in ([small], (16, 10)), ([large, small], (96, 60)), (many, (30, 20)), ([small], (16, 10)), (many, (96, 60)):
        for z in (0.0, 0.2):
            camera = moved(small.camera, z=z)
            same(warp(frames, camera, size, host), warp(frames, camera, size, warper))


def test_many_sizes_keep_few_graphs(host, warper):
    frame = SCENES["ridge"]
    for width in range(16, 40):
        same(warp([frame], frame.camera, (width, 10), host), warp([frame], frame.camera, (width, 10), warper))
    assert len(host._workspace()._graphs) == 8


def test_texels_are_the_layout_of_the_texture(host):
    frames = [SCENES["valley"], SCENES["ridge"]]
    found = warp(frames, moved(frames[0].camera, x=0.3), (64, 40), host)
    assert isinstance(found, DeviceLookup)
    found.stream.synchronize()
    assert found.texels.shape == (40, 64, 4)
    assert found.texels.dtype == np.float32
    assert found.texels.flags.c_contiguous
    np.testing.assert_array_equal(found.texels, np.dstack([found.uv, found.disparity, found.slot]))


def test_the_display_copies_no_lookup_and_waits_for_nothing_else(cupy, host):
    """What pilots see and how much is covered comes with the lookup; arrays are copied once, when they are asked for."""
    found = warp([SCENES["hills"]], SCENES["hills"].camera, (64, 40), host)
    drawn = []
    found.stream.put(lambda: drawn.append(True))
    cupy.count.clear()
    found.thin(*lookup.THIN)
    assert found.covered_share == 1.0
    assert not drawn
    assert cupy.count["copy"] == 0
    for _ in range(2):
        assert found.uv.shape == (40, 64, 2)
        assert found.slot.shape == found.disparity.shape == (40, 64)
    assert cupy.count["copy"] == 1


def test_what_pilots_see_outlives_the_lookup(host):
    frame = SCENES["valley"]
    found = warp([frame], frame.camera, (64, 40), host)
    seen = found.thin(*lookup.THIN)
    before = [array.copy() for array in seen]
    del found
    wait(host.warp([[frame]], moved(frame.camera, z=0.5, yaw=0.5), (64, 40)))
    for one, other in zip(seen, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_warp_does_not_wait(cupy, host):
    frame = SCENES["hills"]
    for _ in range(2):
        wait(host.warp([[frame]], frame.camera, (64, 40)))
    cupy.count.clear()
    host.warp([[frame]], frame.camera, (64, 40))
    assert cupy.count["kernel"] == 0, "it has been put on the stream only"


def test_several_threads_may_warp_at_once(host, warper):
    frame = SCENES["valley"]
    behind = host.background()
    cameras = [moved(frame.camera, z=0.02 * i) for i in range(24)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: warp([frame], cameras[i], (96, 60), (host, behind)[i % 2]), range(24)))
    for one, camera in zip(found, cameras, strict=True):
        same(one, warp([frame], camera, (96, 60), warper))
        assert one.stream.priority == (host._priority, behind._priority)[cameras.index(camera) % 2]
    assert host._priority < behind._priority, "lower numbers come first"


def test_keyframes_are_copied_once_and_go_when_they_go(cupy, host):
    frame = keyframe(hills(32, 20))
    behind = host.background()
    behind.prepare(frame)
    cupy.count.clear()
    assert len(host._device._residents) == 1
    wait(host.warp([[frame]], frame.camera, (16, 10)))
    allocated = cupy.count["allocation"]
    other = keyframe(hills(32, 20))
    wait(host.warp([[other]], frame.camera, (16, 10)))
    assert cupy.count["allocation"] == allocated + 4, "the arrays of the keyframe that was not prepared"
    del frame, other
    gc.collect()
    assert len(host._device._residents) == 0


def test_pictures_come_with_lookups(cupy, host):
    """Those that were prepared are on the GPU before the display asks for them; the photo, which has a texture, never is."""
    photo, frame = SCENES["hills"], keyframe(hills(32, 20))
    host.background().prepare(frame)
    cupy.count.clear()
    (found,) = host.warp([[frame, photo]], photo.camera, (16, 10))
    assert cupy.count["wait"] <= 1, "for the geometry of the photo"
    np.testing.assert_array_equal(found.pictures[0], texels(frame)[0])
    assert found.pictures[1] is None


def test_a_picture_that_is_copied_on_the_stream_outlives_its_keyframe(host):
    """As the display's textures are filled: put on the stream while the lookup lives, done later."""
    frame, other = keyframe(hills(32, 20)), SCENES["hills"]
    expected = texels(frame)[0].copy()
    host.prepare(frame)
    (found,) = host.warp([[frame]], frame.camera, (16, 10))
    place, taken = found.pictures[0].data.ptr, np.empty_like(expected)
    found.stream.put(lambda: ctypes.memmove(taken.ctypes.data, place, taken.nbytes))
    del found, frame
    for _ in range(2):
        gc.collect()
        wait(host.warp([[other]], other.camera, (16, 10)))
    np.testing.assert_array_equal(taken, expected)
    gc.collect()
    assert not host._device._pictures


def test_a_keyframe_that_goes_while_it_is_drawn_is_still_drawn(host, warper):
    frame = keyframe(hills(32, 20, 2))
    camera = moved(frame.camera, z=0.2)
    expected = warp([frame], camera, (32, 20), warper)
    found = warp([frame], camera, (32, 20), host)
    del frame
    gc.collect()
    same(found, expected)


def test_work_on_the_stream_reads_a_lookup_that_has_gone(host):
    """As the display's texture is filled: put on the stream while the lookup lives, done later."""
    frame = SCENES["hills"]
    expected = np.array(warp([frame], frame.camera, (64, 40), host).uv)
    found = warp([frame], frame.camera, (64, 40), host)
    place, taken = found.texels.data.ptr, np.empty((40, 64, 4), np.float32)
    found.stream.put(lambda: ctypes.memmove(taken.ctypes.data, place, taken.nbytes))
    stream = found.stream
    del found
    for size in (96, 60), (200, 120):
        warp([frame], frame.camera, size, host)
    stream.synchronize()
    np.testing.assert_array_equal(taken[..., :2], expected)


@pytest.mark.parametrize("error", ["RuntimeLostError", "DriverLostError", "FullError"])
def test_the_cpu_takes_over_from_a_lost_gpu(kernels, cupy, warper, error):
    frame = SCENES["hills"]
    flown = make_warper()
    assert isinstance(flown, FallbackWarper)
    before = warp([frame], frame.camera, (64, 40), flown)
    assert isinstance(before, DeviceLookup)
    assert flown.fallback is None
    behind = flown.background()
    cupy.broken = getattr(kernels[0], error)("out of\nluck")
    with pytest.raises(DeviceError, match=f"{error}: out of luck"):
        _ = before.uv
    for each in (flown, behind):
        same(warp([frame], frame.camera, (64, 40), each), warp([frame], frame.camera, (64, 40), warper))
        assert "out of luck" in str(each.fallback)
        assert "\n" not in str(each.fallback)
        each.prepare(keyframe(hills(8, 8)))
    assert flown.background().fallback == flown.fallback


def test_a_failed_compile_leaves_the_warp_to_the_cpu(cupy, warper):
    cupy.broken = ImportError("libnvrtc is missing")
    with pytest.raises(DeviceError, match="libnvrtc"):
        cuda.CudaWarper()
    flown = make_warper()
    assert "libnvrtc is missing" in str(flown.fallback)
    frame = SCENES["hills"]
    same(warp([frame], frame.camera, (64, 40), flown), warp([frame], frame.camera, (64, 40), warper))
