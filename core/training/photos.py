"""Start photos for training and evaluation: labelled shards or plain photographs, as the keyframes the product makes of them.

Each photo is understood once, by the same steps as in the product (``core.perception.assembled``), and kept as compressed
bytes in memory and in the user's cache folder: about 110 kB a photo, so that thousands fit beside a training.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import zipfile
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import platformdirs
from tqdm import tqdm

from core.camera import Intrinsics
from core.errors import PhotoError, TrainingError
from core.flight import photo_keyframe
from core.perception import GEOMETRY_SIDE, Scene, assembled, opened, perceive
from core.photo import DEFAULT_FOV, Photo, open_photo
from core.training.shards import decoded, encoded_samples
from core.weights import read_card, weights_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from core.keyframe import Keyframe

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".heic", ".heif", ".avif"})
MOST_SKY = 0.9  # of the picture: beyond are night skies, fog and waterfalls whose labels are mostly wrong
LEAST_AGREEMENT = 0.5  # of two sky networks, where there is sky at all
_SOME_SKY = 0.02
_LEVELS = 4095  # of root disparity: steps of 0.5 % of the farthest depth, and half the bytes of 16 bits
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 93, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
_RECIPE = 1  # of cached entries; raise it when they would come out differently

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Packed:
    """One understood photo, compressed: the picture, 12-bit root disparity and 8-bit sky, each an image file's bytes."""

    image: bytes
    root: bytes
    sky: bytes
    lens: tuple[float, float, float, float]

    @classmethod
    def of(cls, image: bytes, scene: Scene, intrinsics: Intrinsics) -> Packed:
        """Compress ``scene`` beside an ``image`` that is compressed already."""
        root = np.round(np.sqrt(scene.disparity) * _LEVELS).astype(np.uint16)
        sky = np.round(scene.sky * 255.0).astype(np.uint8)
        fx, fy, cx, cy = astuple(intrinsics)
        return cls(image, _encoded(".png", root), _encoded(".png", sky), (fx, fy, cx, cy))

    def keyframe(self, name: str) -> Keyframe:
        """Return keyframe 0 of the photo called ``name``."""
        image = np.asarray(cv2.cvtColor(_pixels(self.image, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
        root = _pixels(self.root, cv2.IMREAD_UNCHANGED).astype(np.float32) / np.float32(_LEVELS)
        sky = _pixels(self.sky, cv2.IMREAD_GRAYSCALE).astype(np.float32) / np.float32(255.0)
        return photo_keyframe(Photo(image, Intrinsics(*self.lens), Path(name), ""), Scene(np.square(root), sky))


class PhotoSet:
    """Start photos by number, always in the same order. Reading is thread-safe and takes about 5 ms a photo."""

    def __init__(self, photos: Sequence[tuple[str, Packed]]) -> None:
        self.names = _distinct([name for name, _ in photos])
        self._photos = [packed for _, packed in photos]

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> Keyframe:
        """Decode a photo: camera at the origin, disparity float32 in [0.01, 1], sky float32 in [0, 1], no detail debt."""
        return self._photos[index].keyframe(self.names[index])

    @property
    def nbytes(self) -> int:
        """Memory held by the compressed photos, bytes."""
        return sum(len(photo.image) + len(photo.root) + len(photo.sky) for photo in self._photos)


def open_photos(paths: Sequence[Path], *, limit: int | None = None, longest: int = GEOMETRY_SIDE) -> PhotoSet:
    """Open photo files, folders of photos (searched through) and WebDataset shards (``*.tar``, see ``core.training.shards``).

    Shards bring their own disparity and sky, seen through a lens of 55 degrees; photo files are opened with their longer side
    at most ``longest`` pixels and perceived, once. Damaged photos and doubtful labels are left out, the former with a logged
    line each. ``limit`` stops after so many photos.

    Raises:
        TrainingError: a path does not exist, a shard cannot be read, or no photo is left.
        WeightsError: photos must be perceived and the perception weights are unusable.

    """
    photos: list[tuple[str, Packed]] = []
    doubtful = 0
    with tqdm(desc="photos", unit="photo", total=limit, disable=None, leave=False) as bar:
        for name, packed in _packed(paths, longest):
            if packed is None:
                doubtful += 1
                continue
            photos.append((name, packed))
            bar.update()
            if len(photos) == limit:
                break
    if doubtful:
        _log.info("%d photos left out: doubtful labels, or nearly all sky", doubtful)
    if not photos:
        raise TrainingError(f"no usable photo in {', '.join(map(str, paths)) or 'nothing'}: name photos, folders or .tar shards")
    return PhotoSet(photos)


def _packed(paths: Sequence[Path], longest: int) -> Iterator[tuple[str, Packed | None]]:
    """Yield every photo's name and itself, None where it is doubtful."""
    for path in paths:
        if path.suffix == ".tar":
            yield from _from_shard(path)
        else:
            yield from _from_files(path, longest)


def _from_shard(path: Path) -> Iterator[tuple[str, Packed | None]]:
    for key, group in encoded_samples(path):
        if _is_doubtful(group):
            yield key, None
            continue
        image = group.get("webp", group.get("jpg", b""))
        digest = _digest(image, *(group.get(label, b"") for label in ("disp.webp", "sky.webp")))
        try:
            yield key, _remembered(digest, partial(_of_sample, path, key, group, image))
        except TrainingError as error:
            _log.warning("left out: %s", error)


def _is_doubtful(group: dict[str, bytes]) -> bool:
    try:
        info = json.loads(group["json"])
        sky, agreement = float(info["sky"]), float(info["iou"])
    except (KeyError, ValueError, TypeError):
        return False  # nothing is known against it; if it is damaged, decoding will say so
    return sky > MOST_SKY or (sky > _SOME_SKY and agreement < LEAST_AGREEMENT)


def _of_sample(path: Path, key: str, group: dict[str, bytes], image: bytes) -> Packed:
    sample = decoded(path, key, group)
    disparity = np.square(sample.root.astype(np.float32) / np.float32(255.0))
    sky = sample.sky.astype(np.float32) / np.float32(255.0)
    height, width = sample.photo.shape[:2]
    scene = assembled(sample.photo, opened(disparity, sky), sky)
    return Packed.of(image, scene, Intrinsics.from_fov(DEFAULT_FOV, width / height))


def _from_files(path: Path, longest: int) -> Iterator[tuple[str, Packed | None]]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    elif path.exists():
        files = [path]
    else:
        raise TrainingError(f"{path} does not exist: name photos, folders or .tar shards")
    weights = read_card(weights_path("perception"))["sha256"] if files else ""
    for file in files:
        try:
            digest = _digest(file.read_bytes(), f"{weights} {longest}".encode())
            packed = _remembered(digest, partial(_of_file, file, longest))
        except (OSError, PhotoError) as error:
            _log.warning("left out: %s", error)
            continue
        sky = _pixels(packed.sky, cv2.IMREAD_GRAYSCALE).mean() / 255.0
        yield file.stem, None if sky > MOST_SKY else packed


def _of_file(file: Path, longest: int) -> Packed:
    photo = open_photo(file, longest)
    image = _encoded(".jpg", np.ascontiguousarray(photo.image[..., ::-1]), _JPEG)
    return Packed.of(image, perceive(photo.image), photo.intrinsics)


def _digest(*contents: bytes) -> str:
    digest = hashlib.sha256(str(_RECIPE).encode())
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


def _remembered(digest: str, understand: Callable[[], Packed]) -> Packed:
    """Return the cached entry of ``digest``; without a readable one, understand the photo now and write it."""
    path = Path(platformdirs.user_cache_dir("photoflight")) / "photos" / f"{digest[:32]}.npz"
    with contextlib.suppress(OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError), np.load(path) as entry:
        fx, fy, cx, cy = (float(value) for value in entry["lens"])
        return Packed(entry["image"].tobytes(), entry["root"].tobytes(), entry["sky"].tobytes(), (fx, fy, cx, cy))
    packed = understand()
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.npz")  # several processes may train from the same photos
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image, root, sky = (np.frombuffer(data, np.uint8) for data in (packed.image, packed.root, packed.sky))
        np.savez(temporary, image=image, root=root, sky=sky, lens=np.array(packed.lens))
        temporary.replace(path)
    except OSError as error:
        _log.warning("%s cannot be kept (%s): it will be perceived again", path, error.strerror)
    return packed


def _distinct(names: Sequence[str]) -> list[str]:
    """Return the names with their repetitions numbered: a, b, a-2."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return out


def _encoded(suffix: str, image: NDArray[np.integer[Any]], options: Sequence[int] = ()) -> bytes:
    return cv2.imencode(suffix, image, options)[1].tobytes()


def _pixels(data: bytes, mode: int) -> NDArray[np.integer[Any]]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), mode))
