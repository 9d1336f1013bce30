"""The loops on a GPU without one: the kernels compile for it, and on the host they give what the processor's loops give."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import sys
from pathlib import Path

import host_cupy
import numpy as np
import pytest
from exemplars import flat, patchwork
from handmade import keyframe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DeviceError
from core.exemplar import ExemplarGenerator, coherence, device, levels, sampling, search
from core.exemplar.loops import Loops, fastest
from core.exemplar.sampling import Patches
from core.exemplar.tone import Copied, Linked
from core.generator import grows, on_gpu
from tests.core.exemplar.test_coherence import Scene
from tests.core.exemplar.test_generator import PHOTO, SIZE, ahead, begun, flown, key_of, same
from tests.core.exemplar.test_search import sought
from tests.core.exemplar.test_tone import scene

SOURCES = {Path(device.__file__).with_name(file): names for file, names in device._KERNELS.items()}
NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/bin:/usr/local/cuda/bin")
fuzzed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
seeds = st.integers(0, 10**6)


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("kernels")
    return {source: host_cupy.compiled(folder, source) for source in SOURCES}


@pytest.fixture
def cupy(libraries, monkeypatch):
    """A fresh stand-in for CuPy, imported as such."""
    cupy = host_cupy.HostCupy(libraries)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr("core.warp.cuda.nvidia_gpus", lambda: 1)
    return cupy


@pytest.fixture
def loops(cupy):  # noqa: ARG001 - it imports that
    return device.DeviceLoops()


def twins(loops, name, *arguments):
    """Call a loop on the GPU and on the processor, each with copies of the arrays of its own; they leave the same in all."""
    results = []
    for where in (loops, Loops()):
        own = tuple(argument.copy() if isinstance(argument, np.ndarray) else argument for argument in arguments)
        getattr(where, name)(*own)
        results.append([argument for argument in own if isinstance(argument, np.ndarray)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.tobytes() == other.tobytes(), "a zero's sign"
    return results[0]


@pytest.mark.skipif(NVCC is None, reason="no nvcc")
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_kernels_compile_to_ptx(source, tmp_path):
    ptx = tmp_path / "kernels.ptx"
    subprocess.run([NVCC, "--ptx", "--std=c++14", "--fmad=false", "-Werror", "all-warnings", "-o", ptx, source], check=True)
    text = ptx.read_text()
    assert set(re.findall(r"\.entry (\w+)\(", text)) == set(SOURCES[source])
    assert "fma.rn.f" not in text


def test_constants_are_those_of_the_twins():
    found = re.findall(r"#define (\w+) (.+)", "".join(source.read_text() for source in SOURCES))
    values = {name: eval(value.removesuffix("f")) for name, value in found}  # noqa: S307 - our own source
    assert values.pop("LARGEST_DISTANCE") == np.float32(search._BARRED) == search._BARRED
    assert len(values) > 7
    for name, value in values.items():
        (twin,) = {getattr(module, name) for module in (coherence, levels, sampling) if hasattr(module, name)}
        assert value == twin


@fuzzed
@given(seeds, st.integers(1, 5), st.integers(0, 3000), st.integers(1, 3), st.sampled_from([1, 100]))
def test_settle(loops, seed, tile, seam, passes, grain):
    given = Scene(seed, tile)
    for part in (given.picture, given.query, given.exemplar.picture[..., :3], given.exemplar.features):
        np.subtract(part, part % grain, out=part)  # there are ties where it is coarse
    labels, *_ = twins(loops, "settle", given.labels, given.new, given.picture, given.query, given.exemplar, seam, passes)
    assert (labels != given.labels).any()


@fuzzed
@given(seeds, st.integers(1, 6), st.integers(1, 7), st.integers(1, 40))
def test_add_up(loops, seed, height, width, count):
    piece, positions, price, at, total = sought(seed, height, width, count, rows=9, columns=14)
    (_, _, found) = twins(loops, "add_up", piece, positions, price, at, total)
    assert (found < total).any()


@fuzzed
@given(seeds, st.integers(0, 5))
def test_close_seams(loops, seed, sweeps):
    exemplar, labels, land, new, tone = scene(seed)
    random = np.random.default_rng(seed)
    wanted, screen = random.normal(0.0, 0.1, tone.shape).astype(np.float32), random.random(land.shape, np.float32)
    linked = Linked.of(land, random.uniform(0.2, 0.4, land.shape).astype(np.float32))
    copied = Copied(labels.astype(np.int32), exemplar[labels[..., 1], labels[..., 0], :3], exemplar)
    found, *_ = twins(loops, "close_seams", tone, wanted, screen, linked, new, copied, sweeps)
    assert (found != tone).any() == (sweeps > 0)


@fuzzed
@given(seeds, st.integers(4, 20), st.integers(4, 20))
def test_project(loops, seed, height, width):
    random = np.random.default_rng(seed)
    picture, new = random.integers(0, 256, (height, width, 3), np.uint8), random.random((height, width)) < 0.7
    mean = random.random(3 * levels.PATCH**2, np.float32) / levels.PATCH
    axes = random.normal(0.0, 0.3, (len(mean), levels.COMPONENTS)).astype(np.float32)
    *_, found = twins(loops, "project", picture, new, mean, axes, np.full((height, width, levels.COMPONENTS + 3), 7, np.int32))
    assert (found[new][:, : levels.COMPONENTS] != 7).any() == new.any()


def test_halves_are_rounded_to_even(loops):
    mean, axes = np.zeros(3 * levels.PATCH**2, np.float32), np.zeros((3 * levels.PATCH**2, levels.COMPONENTS), np.float32)
    mean[0], axes[0] = -1.0, np.arange(levels.COMPONENTS) - 5
    picture, new = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), bool)
    *_, found = twins(loops, "project", picture, new, mean, axes, np.zeros((8, 8, levels.COMPONENTS + 3), np.int32))
    assert not (found[..., : levels.COMPONENTS : 2] % 2).any()


def patches_of(seed, width, height, tile):
    """Patches turned and shrunk, on two surfaces."""
    random = np.random.default_rng(seed)
    source = patchwork(width, height, seed, tile)[0] @ random.normal(0.0, 0.5, (2, 2)) + random.normal(
        0.0, 0.3, (height, width, 2)
    )
    return Patches(source.astype(np.float32), random.choice(np.float32((0.3, 0.35, 0.5)), (height, width)))


patchworks = st.builds(patches_of, seeds, st.integers(2, 20), st.integers(2, 16), st.integers(1, 8))


@fuzzed
@given(patchworks, seeds, st.booleans())
def test_gathered(loops, patches, seed, even):
    random = np.random.default_rng(seed)
    if even:  # on one surface, halfway between pixels, where votes are equal
        patches = flat(patchwork(16, 8, seed, 1 + seed % 3)[0])
    extra, uv = random.random((*patches.disparity.shape, 3), np.float32), random.random((11, 13, 2), np.float32)
    uv = np.rint(uv * np.float32(32.0)) / np.float32(32.0) if even else uv
    wanted, out, more = random.random((11, 13)) < 0.8, np.full((11, 13, 2), 7.0, np.float32), np.zeros((11, 13, 3), np.float32)
    *_, found, _ = twins(loops, "gathered", patches, extra, uv, wanted, out, more)
    assert ((found == 7.0).all(axis=-1) == ~wanted).all()


@fuzzed
@given(patchworks)
def test_stretches_and_borders(loops, patches):
    h, w = patches.disparity.shape
    twins(loops, "stretches", patches.source, np.empty((h, w, 2), np.float32))
    twins(loops, "borders", patches.source, np.empty((h, w), np.float32))


def flight(generator):
    """Two keyframes, the second of what the first shows."""
    camera = ahead((0.3, 0.0, 0.5))
    first = generator(flown(PHOTO, PHOTO, camera, SIZE))
    return first, generator(flown(PHOTO, key_of(first, camera), ahead((0.2, 0.1, 0.9), camera), SIZE))


def test_it_is_the_same_flight_and_constants_are_copied_once(cupy):
    generator = begun()
    assert on_gpu(generator)
    assert not grows(generator)
    first, second = flight(generator)
    kernels, constants = cupy.count["kernel"], len(generator._loops._constants)
    assert kernels > 98, "or some loop ran elsewhere: 49 a view, and one a piece"
    assert all(map(same, flight(generator), (first, second)))
    assert len(generator._loops._constants) == constants
    loops, kernels = generator._loops, cupy.count["kernel"]
    generator.leave_gpu()
    assert all(map(same, flight(generator), (first, second)))
    assert cupy.count["kernel"] == kernels
    gc.collect()
    assert not loops._constants, "they go with the photo"


@pytest.mark.parametrize("error", ["RuntimeLostError", "DriverLostError", "FullError"])
def test_a_lost_gpu_is_left(cupy, error):
    generator, view = begun(), flown(PHOTO, PHOTO, ahead((0.3, 0.0, 0.5)), SIZE)
    before = generator(view)
    cupy.broken = getattr(host_cupy, error)("out of\nluck")
    with pytest.raises(DeviceError, match=f"the GPU cannot copy from the photo .{error}: out of luck"):
        generator(view)
    generator.leave_gpu()
    assert not on_gpu(generator)
    assert same(generator(view), before)


def test_a_failed_compile_leaves_the_processor(cupy):
    cupy.broken = ImportError("libnvrtc is missing")
    with pytest.raises(DeviceError, match="libnvrtc"):
        device.DeviceLoops()
    assert not fastest().on_gpu
    assert not on_gpu(ExemplarGenerator())


def test_without_a_gpu_cupy_is_not_imported(monkeypatch):
    monkeypatch.setattr("core.warp.cuda.nvidia_gpus", lambda: 0)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    generator = ExemplarGenerator()
    generator.begin(keyframe(size=SIZE), 0)
    assert not on_gpu(generator)
    assert "cupy" not in sys.modules
