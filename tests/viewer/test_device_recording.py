"""Recording of pictures that stay on the GPU: real encoding of planes in NumPy's memory, real OpenGL, fake CUDA between them."""

from __future__ import annotations

import ctypes
import threading
import time
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from core.errors import DeviceError
from viewer import capture, device_readback, mp4
from viewer.capture import Capture
from viewer.device_readback import DeviceReadback
from viewer.mp4 import X264, Mp4Writer, encodes_on_device
from viewer.nv12 import DevicePicture, nv12
from viewer.recorder import Recorder

SIZE, RATE = (96, 64), Fraction(30)


def colours(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture (h, w, 3) uint8, different for every number, top and bottom and left and right different as well."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0] = np.linspace(20, 220, width)[None, :]
    picture[..., 1] = np.linspace(200, 40, height)[:, None]
    picture[..., 2] = 30 * number
    return picture


def planes(number: int, size: tuple[int, int] = SIZE) -> DevicePicture:
    return DevicePicture(lambda: nv12(colours(number, size), np))


def decoded(path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def alike(found: np.ndarray, number: int) -> bool:
    return bool(np.abs(found.astype(int) - colours(number)).mean() < 6.0)


@pytest.fixture
def encoder(monkeypatch):
    """An encoder that takes planes from where they are; here that is NumPy's memory."""
    monkeypatch.setattr(mp4, "ON_DEVICE", replace(X264, pixel_format="nv12"))


@pytest.mark.usefixtures("encoder")
def test_planes_become_the_same_film_as_pictures(tmp_path) -> None:
    for name, on_device, make in (("planes", True, planes), ("pictures", False, colours)):
        writer = Mp4Writer(tmp_path / name, SIZE, RATE, on_device=on_device)
        for index in range(4):
            writer.write(make(index), index)
        writer.repeat(4)
        writer.close()
    by_planes, by_pictures = decoded(tmp_path / "planes"), decoded(tmp_path / "pictures")
    assert len(by_planes) == len(by_pictures) == 5
    for index, (one, other) in enumerate(zip(by_planes, by_pictures, strict=True)):
        assert np.abs(one.astype(int) - other).mean() < 3.0
        assert alike(one, min(index, 3))


def test_no_nvenc_takes_what_is_on_the_host() -> None:
    assert not encodes_on_device(planes(0), SIZE, RATE)


@pytest.mark.usefixtures("encoder")
def test_an_encoder_is_tried_before_it_is_trusted() -> None:
    assert encodes_on_device(planes(0), SIZE, RATE)

    def lost():
        raise RuntimeError("cudaErrorUnknown")

    assert not encodes_on_device(DevicePicture(lost), SIZE, RATE)


@pytest.mark.usefixtures("encoder")
def test_a_recording_on_the_device(tmp_path) -> None:
    with Recorder(tmp_path / "film.mp4", SIZE, lockstep=True, blank=planes(0)) as recorder:
        for index in range(5):
            assert recorder.offer(planes(index))
    assert recorder.on_device
    assert recorder.error is None
    assert recorder._spare.empty()  # none is kept
    pictures = decoded(recorder.path)
    assert [alike(picture, index) for index, picture in enumerate(pictures)] == 5 * [True]


def test_where_the_encoder_does_not_take_them_pictures_come_by_the_host(tmp_path) -> None:
    with Recorder(tmp_path / "film.mp4", SIZE, lockstep=True, blank=planes(0)) as recorder:
        assert until(lambda: recorder.on_device is False)
        recorder.offer(colours(2))
    assert recorder.error is None
    assert alike(decoded(recorder.path)[0], 2)


def test_without_a_gpu_nothing_is_tried(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("viewer.recorder.encodes_on_device", lambda *_: pytest.fail("tried"))
    with Recorder(tmp_path / "film.mp4", SIZE) as recorder:
        assert recorder.on_device is False


@pytest.mark.usefixtures("encoder")
def test_a_lost_gpu_ends_the_recording_and_keeps_it(tmp_path) -> None:
    with Recorder(tmp_path / "film.mp4", SIZE, lockstep=True, blank=planes(0)) as recorder:
        for index in range(6):
            recorder.offer(planes(index))
        recorder.fail(DeviceError("the GPU is lost"))
    assert "the GPU is lost; 0.2 s are kept" in str(recorder.error)
    assert len(decoded(recorder.path)) == 6


def until(condition) -> bool:
    deadline = time.monotonic() + 300.0
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(condition())


class DeviceArray(np.ndarray):
    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)


class Stream:
    """Does its work when it is waited for."""

    def __init__(self, non_blocking=False) -> None:
        self.ptr, self.work = (7 if non_blocking else 0), []

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        pass

    def record(self):
        return SimpleNamespace(synchronize=self.synchronize)

    def synchronize(self) -> None:
        while self.work:
            self.work.pop(0)()


class Cupy:
    """NumPy with a device; ``threads`` have used it, ``reading`` is the stream on which textures are read."""

    stack = staticmethod(np.stack)

    def __init__(self) -> None:
        self.threads, self.reading, self.kept = set(), None, []
        use = lambda: self.threads.add(threading.get_ident())  # noqa: E731
        device = SimpleNamespace(use=use)
        self.cuda = SimpleNamespace(Stream=self._stream, Device=lambda: device, get_current_stream=Stream)

    def _stream(self, non_blocking):
        made = Stream(non_blocking)
        self.reading = self.reading or made
        return made

    def empty(self, shape, dtype):
        self.kept.append(np.full(shape, 77, dtype).view(DeviceArray))  # as CuPy keeps memory for what the stream does with it
        return self.kept[-1]

    zeros = staticmethod(np.zeros)


class Runtime:
    """Reads textures of OpenGL, if asked in the right order."""

    cudaError_t = SimpleNamespace(cudaSuccess=0)  # noqa: N815
    cudaGraphicsRegisterFlags = SimpleNamespace(cudaGraphicsRegisterFlagsReadOnly=1)  # noqa: N815
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyDeviceToDevice=3)  # noqa: N815

    def __init__(self, cupy) -> None:
        self.cupy = cupy
        self.textures, self.registered, self.mapped, self.refused, self.log = {}, [], [], None, []

    def _result(self, call, *values):
        self.log.append(call)
        return (999 if call == self.refused else 0, *values)

    def cudaGetErrorName(self, error):  # noqa: N802
        return 0, str(error).encode()

    def cudaGetErrorString(self, _error):  # noqa: N802
        return 0, b"refused"

    def cudaGraphicsGLRegisterImage(self, image, target, flags):  # noqa: N802
        assert (target, flags) == (0x0DE1, 1)
        if self.refused != "register":
            self.registered.append(image)
        return self._result("register", image)

    def cudaGraphicsUnregisterResource(self, image):  # noqa: N802
        assert not self.mapped
        self.registered.remove(image)
        return self._result("unregister")

    def cudaGraphicsMapResources(self, count, image, stream):  # noqa: N802
        assert (count, stream) == (1, 7)
        assert image in self.registered
        if self.refused != "map":
            self.mapped.append(image)
        return self._result("map")

    def cudaGraphicsSubResourceGetMappedArray(self, image, index, level):  # noqa: N802
        assert image in self.mapped
        assert (index, level) == (0, 0)
        return self._result("array", image)

    def cudaMemcpy2DFromArrayAsync(self, target, pitch, image, x, y, width, height, kind, stream):  # noqa: N802, PLR0917
        assert image in self.mapped
        assert (x, y, kind, stream) == (0, 0, 3, 7)
        assert width == pitch
        pixels = self.textures[image].read()
        assert len(pixels) == width * height
        self.cupy.reading.work.append(lambda: ctypes.memmove(target, pixels, len(pixels)))
        return self._result("copy")

    def cudaGraphicsUnmapResources(self, count, image, stream):  # noqa: N802
        assert (count, stream) == (1, 7)
        self.mapped.remove(image)
        return self._result("unmap")


class Remembering:
    """An OpenGL context whose textures ``runtime`` can see."""

    def __init__(self, context, runtime) -> None:
        self._context, self._runtime = context, runtime

    def __getattr__(self, name):
        return getattr(self._context, name)

    def texture(self, *arguments):
        texture = self._context.texture(*arguments)
        self._runtime.textures[texture.glo] = texture
        return texture


@pytest.fixture
def runtime():
    return Runtime(Cupy())


@pytest.fixture
def readback(gl_context, runtime):
    made = DeviceReadback(Remembering(gl_context, runtime), runtime, runtime.cupy)
    yield made
    runtime.refused = None
    made.release()
    assert not runtime.registered


@pytest.fixture
def shown(gl_context):
    """Make framebuffers that show a picture, and give them back."""
    made = []

    def show(number: int, size: tuple[int, int] = SIZE):
        texture = gl_context.texture(size, 4)
        picture = np.dstack([colours(number, size), np.full(size[::-1], 255, np.uint8)])[::-1]
        texture.write(np.ascontiguousarray(picture))
        made.append((gl_context.framebuffer([texture]), texture))
        return made[-1][0]

    yield show
    gl_context.detect_framebuffer(0).use()
    for framebuffer, texture in made:
        framebuffer.release()
        texture.release()


def test_what_opengl_has_drawn_is_read_upright(readback, shown, runtime) -> None:
    for number in (1, 4):
        found = readback.picture(shown(number), SIZE).planes()
        for part, wanted in zip(found, nv12(colours(number), np), strict=True):
            assert np.array_equal(part, wanted)
    assert runtime.log == ["register", *(2 * ["map", "array", "copy", "unmap"])]


def test_a_window_of_another_size_is_fitted(readback, shown, runtime) -> None:
    readback.picture(shown(1), SIZE)
    luma, _ = readback.picture(shown(3, (192, 128)), SIZE).planes()
    assert luma.shape == (64, 96)
    assert np.abs(luma.astype(int) - nv12(colours(3), np)[0]).mean() < 3.0
    assert runtime.log.count("register") == 2
    assert runtime.log.count("unregister") == 1
    assert len(runtime.registered) == 1


def test_it_is_tried_out_before(readback, runtime) -> None:
    readback.try_out()
    runtime.cudaMemcpy2DFromArrayAsync = lambda *_: (0,)  # arrives nowhere
    with pytest.raises(DeviceError, match="white"):
        readback.try_out()


@pytest.mark.parametrize("call", ["register", "map", "array", "copy", "unmap"])
def test_a_refusal_is_an_error_and_leaves_nothing_mapped(readback, shown, runtime, call) -> None:
    runtime.refused = call
    for _ in range(2):
        with pytest.raises(DeviceError, match="999"):
            readback.picture(shown(1), SIZE)
        assert not runtime.mapped


def test_without_cuda_there_is_none(gl_context) -> None:
    assert device_readback.device_readback(gl_context) is None


@pytest.mark.usefixtures("encoder")
def test_a_recording_from_opengl_without_the_host(readback, runtime, shown, tmp_path, monkeypatch, gl_context) -> None:
    monkeypatch.setattr(capture, "device_readback", lambda _context: readback)
    monkeypatch.setattr(capture, "ReadbackRing", lambda *_: pytest.fail("by the host"))
    shot = capture.record(gl_context, tmp_path / "film.mp4", SIZE, {})
    assert until(lambda: shot.recorder.on_device)
    for number in range(4):
        shot.shoot(shown(number), number / 30.0)
        shot.shoot(shown(7), number / 30.0 + 0.001)  # no frame is due
    shot.finish()
    shot.recorder.close()
    assert shot.recorder.error is None
    assert threading.get_ident() not in runtime.cupy.threads  # what takes time is done on the recorder's
    assert len(runtime.cupy.threads) == 1
    assert [alike(picture, number) for number, picture in enumerate(decoded(shot.recorder.path))] == 4 * [True]


def test_nothing_is_shot_until_it_is_known_how(shown, tmp_path, gl_context) -> None:
    recorder = Recorder(tmp_path / "film.mp4", SIZE)
    assert until(lambda: recorder.encoder is not None)  # from here on its thread leaves ``on_device`` alone
    recorder.on_device = None
    shot = Capture(gl_context, recorder)
    shot.shoot(shown(7), 0.0)
    recorder.on_device = False
    shot.shoot(shown(2), 1.0)
    shot.finish()
    recorder.close()
    (picture,) = decoded(recorder.path)
    assert alike(picture, 2)


@pytest.mark.usefixtures("encoder")
def test_a_gpu_lost_while_recording(readback, runtime, shown, tmp_path, gl_context) -> None:
    recorder = Recorder(tmp_path / "film.mp4", SIZE, blank=planes(0))
    shot = Capture(gl_context, recorder, readback)
    assert until(lambda: recorder.on_device)
    shot.shoot(shown(1), 0.0)
    runtime.refused = "copy"
    shot.shoot(shown(2), 1.0)
    assert until(lambda: recorder.error is not None)
    shot.shoot(shown(3), 2.0)
    shot.finish()
    recorder.close()
    assert "are kept" in str(recorder.error)
    assert alike(decoded(recorder.path)[0], 1)
