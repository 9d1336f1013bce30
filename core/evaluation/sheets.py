"""Contact sheets: what flights looked like, as PNG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from core.evaluation.flights import FlightRecord, Snapshot

    Picture = NDArray[np.uint8]

_SKY_TINT = (40, 90, 160)
_GAP = 4  # pixels
_THUMBNAIL = 160  # pixels, width on the overview
_OVERVIEW_COLUMNS = 2  # of photos
_LABEL = 14  # pixels of height


def sheet(record: FlightRecord) -> Picture:
    """Lay out the snapshots of a flight side by side, frames above and their disparity below."""
    images = [_labelled(shot.image, f"{record.photo} {record.course} {step}") for step, shot in record.snapshots.items()]
    return _stacked([_side_by_side(images), _side_by_side([_disparity(shot) for shot in record.snapshots.values()])])


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """What is kept of a flight for the overview: small frames by step."""

    photo: str
    frames: dict[int, Picture]

    @classmethod
    def of(cls, record: FlightRecord, steps: Sequence[int]) -> Thumbnails:
        """Shrink the frames of ``steps``."""
        return cls(record.photo, {step: _thumbnail(record.snapshots[step].image) for step in steps})


def overview(rows: Sequence[Sequence[Thumbnails]], names: Sequence[str]) -> Picture:
    """Lay out many flights small, a row a photo and generator: ``rows`` by generator, then photo."""
    groups = [
        _stacked([_row(thumbnails, name) for name, thumbnails in zip(names, flights, strict=True)])
        for flights in zip(*rows, strict=True)
    ]
    height = -(-len(groups) // _OVERVIEW_COLUMNS)
    columns = [_stacked(groups[i : i + height]) for i in range(0, len(groups), height)]
    tallest = max(column.shape[0] for column in columns)
    return _side_by_side([_padded(column, tallest) for column in columns])


def _row(thumbnails: Thumbnails, name: str) -> Picture:
    steps = list(thumbnails.frames)
    labels = [f"{thumbnails.photo} {name}", *map(str, steps[1:])]
    return _side_by_side([_labelled(thumbnails.frames[step], label) for step, label in zip(steps, labels, strict=True)])


def write(path: Path, picture: Picture) -> None:
    """Write ``picture`` (h, w, 3) as PNG. Raises OutputError."""
    data = cv2.imencode(".png", picture[..., ::-1])[1]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; name another folder") from error


def _disparity(shot: Snapshot) -> Picture:
    """Root disparity in false colours, sky in blue."""
    root = (255.0 * np.sqrt(np.clip(shot.disparity, 0.0, 1.0))).astype(np.uint8)
    colours = np.asarray(cv2.applyColorMap(root, cv2.COLORMAP_MAGMA))[..., ::-1]
    sky = shot.sky[..., None]
    return np.asarray(colours * (1.0 - sky) + np.array(_SKY_TINT) * sky, np.uint8)


def _thumbnail(image: Picture) -> Picture:
    height = round(image.shape[0] * _THUMBNAIL / image.shape[1])
    return np.asarray(cv2.resize(image, (_THUMBNAIL, height), interpolation=cv2.INTER_AREA), np.uint8)


def _labelled(image: Picture, text: str) -> Picture:
    strip = np.full((_LABEL, image.shape[1], 3), 20, np.uint8)
    cv2.putText(strip, text, (2, _LABEL - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (220, 220, 220), 1, cv2.LINE_AA)
    return np.concatenate([strip, image])


def _side_by_side(pictures: Sequence[Picture]) -> Picture:
    gap = np.zeros((pictures[0].shape[0], _GAP, 3), np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)][:-1], axis=1)


def _stacked(pictures: Sequence[Picture]) -> Picture:
    gap = np.zeros((_GAP, pictures[0].shape[1], 3), np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)][:-1])


def _padded(picture: Picture, height: int) -> Picture:
    return np.pad(picture, ((0, height - picture.shape[0]), (0, 0), (0, 0)))
