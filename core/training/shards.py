"""Labelled photographs in WebDataset shards, decoded once and kept in memory as bytes.

A sample is ``ID.webp`` or ``ID.jpg`` (photo), ``ID.disp.webp`` (8 bits, round(255 * sqrt(disparity)), sky 0), ``ID.sky.webp``
(8 bits, sky probability) and ``ID.json`` (`iou`: agreement of two sky networks, `sky` and `water` fractions, `kind`, `tier`).
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from core.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled photo: ``photo`` uint8 (H, W, 3) RGB, ``root`` uint8 (H, W) = 255 * sqrt(disparity), ``sky`` uint8 (H, W).

    ``water`` uint8 (H, W), if it was labelled: 0 land, 255 water, between in doubt. ``weight`` uint8 (H, W): what the
    disparity counts, if that differs.
    """

    photo: NDArray[np.uint8]
    root: NDArray[np.uint8]
    sky: NDArray[np.uint8]
    info: dict[str, Any]
    water: NDArray[np.uint8] | None = None
    weight: NDArray[np.uint8] | None = None


def read_shards(paths: Sequence[Path]) -> list[Sample]:
    """Decode every sample of the shards, in order. Raises TrainingError if one cannot be read."""
    return [decoded(path, key, group) for path in paths for key, group in encoded_samples(path)]


def labelled_shards(folder: Path) -> list[Path]:
    """Return the shards of ``folder`` that hold labels, the smallest first."""
    return sorted((path for path in folder.glob("*.tar") if _is_labelled(path)), key=lambda path: path.stat().st_size)


def _is_labelled(path: Path) -> bool:
    return "sky.webp" in next(encoded_samples(path), ("", {}))[1]


def encoded_samples(path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield the key of each sample of a shard and its files' bytes by suffix, in order. Raises TrainingError if unreadable."""
    try:
        with tarfile.open(path) as tar:
            yield from _groups(tar)
    except (OSError, tarfile.TarError) as error:
        raise TrainingError(f"shard {path} cannot be read ({error}): fetch it again or leave it out") from error


def _groups(tar: tarfile.TarFile) -> Iterator[tuple[str, dict[str, bytes]]]:
    group: dict[str, bytes] = {}
    key = ""
    for member in tar:
        stem, _, suffix = member.name.partition(".")
        if stem != key and group:
            yield key, group
            group = {}
        content = tar.extractfile(member)
        if content is not None:
            key = stem
            group[suffix] = content.read()
    if group:
        yield key, group


def decoded(path: Path, key: str, group: dict[str, bytes]) -> Sample:
    """Decode sample ``key`` of the shard ``path``. Raises TrainingError if it is incomplete or damaged."""
    try:
        photo = group["webp"] if "webp" in group else group["jpg"]
        rgb = cv2.cvtColor(_pixels(photo, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        root, sky = (_pixels(group[name], cv2.IMREAD_GRAYSCALE) for name in ("disp.webp", "sky.webp"))
        info = json.loads(group["json"])
    except (KeyError, ValueError, cv2.error) as error:
        raise TrainingError(f"sample {key} of {path} is incomplete or damaged ({error}): rebuild the shard") from error
    return Sample(np.asarray(rgb, np.uint8), root, sky, info)


def _pixels(data: bytes, mode: int) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    if image is None:
        raise ValueError("not an image")
    return np.asarray(image, np.uint8)
