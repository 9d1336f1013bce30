"""One film of several generators side by side: the same photo, pilot and seed, each pane with its name."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.errors import PhotoflightError
from core.generator import WEIGHTS_SUFFIX
from viewer import classic_film, film
from viewer.hud import text_picture
from viewer.provenance import recording_metadata
from viewer.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from core.keyframe import Keyframe
    from viewer.options import CompareOptions, FilmOptions

_STEP_RATE = 4.0  # steps a second of the published loop: 0.75 scene units, about as fast as the pilot


def run(options: CompareOptions) -> None:
    """Make the film that ``options`` describe. Raises PhotoflightError."""
    from tqdm import tqdm

    from viewer.loader import keyframe_of

    photo, keyframe, notice = keyframe_of(options.photo, options)
    if notice:
        print(notice, file=sys.stderr)
    pictures = side_by_side(keyframe, options)
    first = next(pictures)  # what can be wrong is known before any file is touched
    size = first.shape[1], first.shape[0]
    metadata = recording_metadata(photo, options.seed, ", ".join(options.refiners))
    with Recorder(options.output, size, options.fps, metadata, lockstep=True) as recorder:
        recorder.offer(first)
        for picture in tqdm(pictures, total=film.frame_count(options), initial=1, unit="frame", disable=None):
            recorder.offer(picture)
            if recorder.error is not None:
                break
    if recorder.error is not None:
        raise recorder.error
    print(f"{options.output}: {recorder.frames} frames of {size[0]}x{size[1]}, {recorder.seconds:.1f} s")


def side_by_side(keyframe: Keyframe, options: CompareOptions) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures (h, panes w, 3) of all generators of ``options``, whose size is that of one pane.

    Raises PhotoflightError, also where a generator's weights cannot be used: nothing takes its place here.
    """
    panes = [_pane(keyframe, replace(options, refiner=name)) for name in options.refiners]
    for pictures in zip(*panes, strict=True):
        yield np.hstack(pictures)


def _pane(keyframe: Keyframe, options: FilmOptions) -> Iterator[NDArray[np.uint8]]:
    width, height = options.size
    classic, file = options.refiner == classic_film.NAME, options.refiner.endswith(WEIGHTS_SUFFIX)
    shots = _held(keyframe, options) if classic else film.shots(keyframe, options)
    for shot in shots:
        if not classic and options.refiner not in {"auto", shot.generator} and shot.generator in {"classical", "exemplar"}:
            raise PhotoflightError(f"{options.refiner} cannot be compared, as it cannot fly here: leave it out of --refiners")
        label = "classic: the published loop, 128x128" if classic else Path(options.refiner).stem if file else shot.generator
        yield _labelled(_fitted(shot.picture, width, height), label)


def _held(keyframe: Keyframe, options: FilmOptions) -> Iterator[film.Shot]:
    """Yield every step of the published loop for as many frames as it takes the pilot to fly so far."""
    frames = film.frame_count(options)
    steps = classic_film.shots(keyframe, options)
    taken = 0
    for frame in range(frames):
        while taken <= int(frame * _STEP_RATE / options.fps):
            shot = next(steps)
            taken += 1
        yield shot


def _fitted(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return ``picture`` as large as fits, on black."""
    if picture.shape[:2] == (height, width):
        return picture.copy()
    import cv2

    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    out = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    out[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return out


def _labelled(picture: NDArray[np.uint8], label: str) -> NDArray[np.uint8]:
    """Write ``label`` over the top left corner of ``picture``, in place."""
    plate = text_picture([label])[: picture.shape[0], : picture.shape[1]]
    corner = picture[: plate.shape[0], : plate.shape[1]]
    share = plate[..., 3:].astype(np.float32) / 255.0
    corner[:] = (corner * (1.0 - share) + plate[..., :3] * share + 0.5).astype(np.uint8)
    return picture
