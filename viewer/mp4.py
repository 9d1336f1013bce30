"""Mp4Writer: pictures in order become an H.264 MP4 that survives a killed process.

The muxer writes short fragments as it goes, so that a file never closed still plays, and an index on closing,
so that a closed file is an ordinary MP4. Colours are BT.709, limited range, and tagged so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from viewer.nv12 import DevicePicture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction
    from pathlib import Path

    from av import VideoFrame
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import CudaContext
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

# A killed process loses its last fragment and what is on the way: from screen to disk 0.20 s at worst with fragments of
# 0.1 s, 0.33 s with 0.2 s (displays of 6 to 60 Hz, two cores, read-back included).
MUXER_OPTIONS = {"movflags": "hybrid_fragmented", "frag_duration": "100000", "flush_packets": "1"}
SEEK_SECONDS = 2.0  # distance of key pictures: what a player needs to decode to jump


@dataclass(frozen=True)
class Encoder:
    """An H.264 encoder by FFmpeg's name and its settings: ``live`` must not hold pictures back, ``film`` may."""

    name: str
    live: Mapping[str, str]
    film: Mapping[str, str]
    pixel_format: str = "yuv420p"

    def works(self, size: tuple[int, int], fps: Fraction, *, film: bool = False) -> bool:
        """Whether the encoder opens on this machine for pictures of (width, height)."""
        import av

        try:
            context = cast("VideoCodecContext", av.CodecContext.create(self.name, "w"))
            self.configure(context, size, fps, film=film)
            context.open()
        except (av.FFmpegError, OSError, ValueError):  # not built in, no such hardware, no driver, or a size it refuses
            return False
        return True

    def configure(self, context: VideoCodecContext, size: tuple[int, int], fps: Fraction, *, film: bool) -> None:
        """Set a codec context that is not open yet."""
        from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

        context.width, context.height = size
        context.pix_fmt = self.pixel_format
        context.framerate = fps
        context.time_base = 1 / fps
        context.gop_size = max(1, round(SEEK_SECONDS * float(fps)))
        context.colorspace = int(Colorspace.ITU709)
        context.color_primaries = int(ColorPrimaries.BT709)
        context.color_trc = int(ColorTrc.BT709)
        context.color_range = int(ColorRange.MPEG)
        context.max_b_frames = 0  # they would make a fragmented file start later than 0, as it has no edit list
        context.options = dict(self.film if film else self.live)


# CPU time of a picture of 960x540: ultrafast 2.8 ms, superfast 4.2 ms, veryfast 5.8 ms and two thirds of ultrafast's bytes. Where
# the display is drawn by the same cores, time counts more than bytes.
X264 = Encoder(
    "libx264",
    live={"preset": "ultrafast", "tune": "zerolatency", "crf": "19"},
    film={"preset": "medium", "crf": "17"},
)
ENCODERS = (
    Encoder(
        "h264_nvenc",
        live={"preset": "p4", "tune": "ull", "rc": "vbr", "cq": "19", "delay": "0"},
        film={"preset": "p7", "tune": "hq", "rc": "vbr", "cq": "17"},
    ),
    Encoder("h264_videotoolbox", live={"q": "65", "realtime": "1"}, film={"q": "75"}),
    Encoder(
        "h264_qsv",
        live={"preset": "veryfast", "global_quality": "19", "async_depth": "1"},
        film={"preset": "medium", "global_quality": "17"},
        pixel_format="nv12",
    ),
    X264,
)
ON_DEVICE = replace(ENCODERS[0], pixel_format="cuda")  # takes its pictures from the GPU's own memory


def encodes_on_device(blank: DevicePicture, size: tuple[int, int], fps: Fraction) -> bool:
    """Whether pictures that lie where ``blank`` does can be encoded there, at ``size`` = (width, height): tries it."""
    import av

    try:
        context = cast("VideoCodecContext", av.CodecContext.create(ON_DEVICE.name, "w"))
        ON_DEVICE.configure(context, size, fps, film=False)
        frame = _frame(blank, _cuda_context())
        frame.pts, frame.time_base = 0, 1 / fps
        context.encode(frame)
        context.encode(None)
    except Exception:  # noqa: BLE001 - FFmpeg, the driver, the encoder: whatever it is, pictures can go another way
        return False
    return True


def _cuda_context() -> CudaContext:
    """Return FFmpeg's door to CUDA: the context that is current where it is first used."""
    from av.video.frame import CudaContext

    return CudaContext(primary_ctx=False, current_ctx=True)


def _frame(picture: DevicePicture, cuda: CudaContext) -> VideoFrame:
    """Return ``picture`` as FFmpeg's frame, where it is; the frame holds on to its planes."""
    import av

    return av.VideoFrame.from_dlpack(picture.planes(), format="nv12", cuda_context=cuda)


def working_encoder(size: tuple[int, int], fps: Fraction, *, film: bool = False) -> Encoder:
    """Return the encoder to use for pictures of (width, height): hardware where it opens, x264 otherwise."""
    return next((encoder for encoder in ENCODERS if encoder.works(size, fps, film=film)), X264)


def playable(path: Path) -> int:
    """Return how many pictures can be played of a video that may be torn."""
    import av

    pictures = 0
    try:
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                pictures += packet.size > 0
    except (av.FFmpegError, OSError):  # where it is torn
        pass
    return pictures


def even(size: tuple[int, int]) -> tuple[int, int]:
    """Size without its odd last column and row: 4:2:0 colour comes in blocks of two by two."""
    return size[0] - size[0] % 2, size[1] - size[1] % 2


def fitted(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Centred part of ``picture`` (h, w, 3) of the same shape as ``size`` (width, height); nothing is scaled.

    A picture that is one column or row too large only loses it.
    """
    height, width = picture.shape[:2]
    if width - size[0] in (0, 1) and height - size[1] in (0, 1):
        return picture[: size[1], : size[0]]
    cut_width = min(width, max(1, round(height * size[0] / size[1])))
    cut_height = min(height, max(1, round(width * size[1] / size[0])))
    left, top = (width - cut_width) // 2, (height - cut_height) // 2
    return picture[top : top + cut_height, left : left + cut_width]


@dataclass(eq=False)
class Mp4Writer:
    """An open video file. Not thread-safe: one thread opens, writes and closes it.

    ``size`` is (width, height), even; ``film`` allows the encoder to look ahead; ``on_device`` means that all pictures will be
    ``DevicePicture``s for which ``encodes_on_device``. Every method raises av.FFmpegError or OSError when the file cannot be
    written.
    """

    path: Path
    size: tuple[int, int]
    fps: Fraction
    metadata: Mapping[str, str] = field(default_factory=dict)
    film: bool = False
    on_device: bool = False

    def __post_init__(self) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        encoder = ON_DEVICE if self.on_device else working_encoder(self.size, self.fps, film=self.film)
        self._cuda = _cuda_context()
        self.encoder = encoder.name
        self._format = encoder.pixel_format
        self._reformatter = VideoReformatter()
        self._container = av.open(str(self.path), "w", format="mp4", options=MUXER_OPTIONS)
        self._container.metadata.update(self.metadata)
        self._stream = cast("VideoStream", self._container.add_stream(encoder.name, rate=self.fps))
        encoder.configure(self._stream.codec_context, self.size, self.fps, film=self.film)
        self._frame: VideoFrame | None = None

    def write(self, picture: NDArray[np.uint8] | DevicePicture, index: int) -> None:
        """Encode ``picture``, (h, w, 3) uint8 sRGB, top row first, fitted to ``size``, as frame ``index``."""
        self._frame = _frame(picture, self._cuda) if isinstance(picture, DevicePicture) else self._converted(picture)
        self.repeat(index)

    def _converted(self, picture: NDArray[np.uint8]) -> VideoFrame:
        import av
        from av.video.reformatter import ColorRange, Colorspace

        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(fitted(picture, self.size)), format="rgb24")
        return self._reformatter.reformat(
            rgb,
            width=self.size[0],
            height=self.size[1],
            format=self._format,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )

    def repeat(self, index: int) -> None:
        """Encode the last picture once more, as frame ``index``."""
        if self._frame is None:
            raise ValueError("there is no picture to repeat yet")
        self._frame.pts = index
        self._frame.time_base = 1 / self.fps
        self._container.mux(self._stream.encode(self._frame))

    def close(self) -> None:
        """Write what the encoder still holds and the index. Nothing can be written afterwards."""
        try:
            if self._frame is not None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
