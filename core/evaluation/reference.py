"""The reference: feature vectors of many real landscapes, what generated frames are compared with."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import platformdirs
from tqdm import tqdm

from core.errors import EvaluationError, PhotoError
from core.evaluation.embedding import LITE0, VGG
from core.photo import open_photo
from core.training.photos import SUFFIXES
from core.training.shards import encoded_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from core.evaluation.embedding import Embedder

    Picture = NDArray[np.uint8]
    Vectors = NDArray[np.float32]

_RECIPE = 2  # of cached vectors; raise it when they would come out differently
_CHUNK = 64  # pictures in memory at a time
_LONGEST = 1024  # pixels to which photo files are decoded

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Reference:
    """Features of n >= 2 real pictures, by the names of ``core.evaluation.embedding``, each (n, d).

    Distances are taken on standardised features: those of Lite0 are unbounded, and a cubic kernel of the raw ones would hear
    nothing but the loudest.
    """

    vectors: dict[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.vectors[LITE0])

    def distance(self, name: str, vectors: NDArray[np.float32], measure: Callable[[Vectors, Vectors], float]) -> float:
        """Return the ``measure`` of ``vectors`` (m, d) of the features ``name`` to the real ones; nan where m < 2.

        Both are shifted and scaled so that each of the reference's features has mean 0 and deviation 1.
        """
        if len(vectors) < 2:
            return math.nan
        real = self.vectors[name]
        mean, deviation = real.mean(axis=0), np.maximum(real.std(axis=0), 1e-6)
        return measure((vectors - mean) / deviation, (real - mean) / deviation)


def reference(paths: Sequence[Path], size: tuple[int, int], embedder: Embedder) -> Reference:
    """Embed every picture of the ``paths``, cut centrally to the shape of ``size`` = (width, height) and scaled to it.

    Photo files, folders of them (searched through) and ``*.tar`` shards; vectors are kept in the user's cache folder. Damaged
    photos are left out with a logged line. Raises EvaluationError if fewer than two pictures are left, TrainingError if a shard
    cannot be read.
    """
    digest = hashlib.sha256(f"{_RECIPE} {size} {embedder.fingerprint} {_states(paths)}".encode()).hexdigest()
    cache = Path(platformdirs.user_cache_dir("photoflight")) / "features" / f"{digest[:32]}.npz"
    with contextlib.suppress(OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError), np.load(cache) as entry:
        return Reference({name: entry[name] for name in (LITE0, *VGG)})
    chunks: list[dict[str, Vectors]] = []
    chunk: list[Picture] = []
    for picture in tqdm(_pictures(paths, size), desc="reference", unit="photo", disable=None, leave=False):
        chunk.append(picture)
        if len(chunk) == _CHUNK:
            chunks.append(embedder.vectors(chunk))
            chunk.clear()
    if chunk:
        chunks.append(embedder.vectors(chunk))
    if sum(len(each[LITE0]) for each in chunks) < 2:
        raise EvaluationError(f"no two usable photos in {', '.join(map(str, paths))}: name folders or shards of landscapes")
    found = Reference({name: np.concatenate([each[name] for each in chunks]) for name in chunks[0]})
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, allow_pickle=False, **found.vectors)
    except OSError as error:
        _log.warning("%s cannot be kept (%s): it will be computed again", cache, error.strerror)
    return found


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not path.exists():
        raise EvaluationError(f"{path} does not exist: name photos, folders or .tar shards of real landscapes")
    return [path]


def _states(paths: Sequence[Path]) -> list[tuple[str, int, int]]:
    files = [file for path in paths for file in _files(path)]
    return [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _pictures(paths: Sequence[Path], size: tuple[int, int]) -> Iterator[Picture]:
    for file in (file for path in paths for file in _files(path)):
        if file.suffix == ".tar":
            for key, group in encoded_samples(file):
                data = np.frombuffer(group.get("webp") or group.get("jpg") or b"", np.uint8)
                image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
                if image is None:
                    _log.warning("left out: %s in %s is no picture", key, file)
                    continue
                yield fitted(np.asarray(image[..., ::-1], np.uint8), size)
            continue
        try:
            yield fitted(open_photo(file, _LONGEST).image, size)
        except PhotoError as error:
            _log.warning("left out: %s", error)


def fitted(image: Picture, size: tuple[int, int]) -> Picture:
    """Cut ``image`` (h, w, 3) centrally to the shape of ``size`` = (width, height) and scale it."""
    height, width = image.shape[:2]
    aspect = size[0] / size[1]
    w, h = min(width, round(height * aspect)), min(height, round(width / aspect))
    x, y = (width - w) // 2, (height - h) // 2
    cut = np.ascontiguousarray(image[y : y + h, x : x + w])
    shrink = w * h > size[0] * size[1]
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR), np.uint8)
