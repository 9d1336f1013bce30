"""Two depth teachers, asked once about every photo and its mirror image; their raw answers wait in a folder, a file a photo.

    python -m core.training.depth_teachers --data FOLDER_OF_SHARDS --models FOLDER_OF_ONNX --out FOLDER

Needs ``onnxruntime``. Tiefenrausch has sharp edges and at times the wrong order, TCMonoDepth the right order and soft edges;
``core.training.depth_labels`` makes one label of both. Stops and resumes: what is there is not asked again.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from tqdm import tqdm

from core.training.shards import labelled_shards, read_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_LONG_SIDE, _SHARE, _STRIDE = 384, 0.75, 32  # of what Tiefenrausch sees: the shards' photos are at most that sharp
_TC_SIZE = (320, 192)  # (width, height): the only size TCMonoDepth takes


@dataclass(frozen=True, eq=False)
class Answers:
    """What the teachers say of one photo, float32 (2, h, w) each: of the photo, and of its mirror image, turned back.

    ``sharp``: log disparity up to an additive constant, Tiefenrausch. ``plane``: disparity up to scale and shift, TCMonoDepth.
    """

    sharp: NDArray[np.float32]
    plane: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write to ``path`` (.npz), replacing it in one move."""
        partial = path.with_suffix(".part.npz")
        np.savez(partial, sharp=self.sharp.astype(np.float16), plane=self.plane.astype(np.float16))
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Answers:
        """Read what ``save`` wrote."""
        with np.load(path) as file:
            return cls(file["sharp"].astype(np.float32), file["plane"].astype(np.float32))


class Teachers:
    """Both models, on one thread."""

    def __init__(self, models: Path) -> None:
        self._sharp = _runner(models / "tiefenrausch.onnx")
        self._plane = _runner(models / "tcmonodepth_small.onnx")

    def __call__(self, photo: NDArray[np.uint8]) -> Answers:
        """Ask about ``photo`` (H, W, 3) uint8."""
        h, w = photo.shape[:2]
        scale = min(_SHARE, _LONG_SIDE / max(h, w))
        size = (max(_STRIDE, round(w * scale / _STRIDE) * _STRIDE), max(_STRIDE, round(h * scale / _STRIDE) * _STRIDE))
        return Answers(_both_ways(self._sharp, _input(photo, size) / 255.0), _both_ways(self._plane, _input(photo, _TC_SIZE)))


def _runner(model: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: np.asarray(session.run(None, {name: x})[0][0, 0], np.float32)


def _input(photo: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    shrink = size[0] < photo.shape[1]
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    return np.asarray(small, np.float32).transpose(2, 0, 1)[None]


def _both_ways(run: Callable[[NDArray[np.float32]], NDArray[np.float32]], image: NDArray[np.float32]) -> NDArray[np.float32]:
    mirrored = run(np.ascontiguousarray(image[..., ::-1]))
    return np.stack([run(np.ascontiguousarray(image)), mirrored[:, ::-1]])


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and ask about every labelled photo of the shards."""
    parser = argparse.ArgumentParser(prog="python -m core.training.depth_teachers", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--models", type=Path, required=True, help="folder of tiefenrausch.onnx and tcmonodepth_small.onnx")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    teachers = Teachers(args.models)
    for shard in labelled_shards(args.data):
        for sample in tqdm(read_shards([shard]), desc=shard.name, disable=None):
            path = args.out / f"{sample.info['id']}.npz"
            if not path.exists():
                teachers(sample.photo).save(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
