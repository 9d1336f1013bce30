from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from viewer.nv12 import nv12, scaled


def smooth(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC))


def test_it_is_what_ffmpeg_makes_of_the_picture() -> None:
    picture = smooth((96, 64))
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    made = frame.reformat(format="nv12", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG).to_ndarray()
    luma, chroma = nv12(picture, np)
    assert (luma.shape, luma.dtype, chroma.shape, chroma.dtype) == ((64, 96), np.uint8, (32, 48, 2), np.uint8)
    assert np.abs(luma.astype(int) - made[:64]).max() <= 2
    chroma_error = np.abs(chroma.reshape(32, 96).astype(int) - made[64:])
    assert chroma_error.max() <= 6  # FFmpeg's chroma lies a quarter of a pixel further left
    assert chroma_error.mean() < 1.5


@pytest.mark.parametrize(
    ("colour", "luma", "chroma"),
    [
        ((0, 0, 0), 16, (128, 128)),
        ((255, 255, 255), 235, (128, 128)),
        ((255, 0, 0), 63, (102, 240)),
        ((0, 0, 255), 32, (240, 118)),
    ],
)
def test_the_corners_of_the_range(colour, luma, chroma) -> None:
    found = nv12(np.full((4, 6, 3), colour, np.uint8), np)
    assert (found[0] == luma).all()
    assert (found[1] == chroma).all()


def test_scaling_takes_the_nearest_and_nothing_where_nothing_is_to_do() -> None:
    picture = smooth((12, 8))
    assert scaled(picture, (12, 8)) is picture
    assert np.array_equal(scaled(picture, (6, 4)), picture[::2, ::2])
    assert np.array_equal(scaled(picture, (24, 16)), picture.repeat(2, 0).repeat(2, 1))
