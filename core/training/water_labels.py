"""Label the water of training photographs with DeepLab, as the shards name only its share.

    python -m core.training.water_labels --data FOLDER_OF_SHARDS --model deeplabv3_mnv2_ade20k_int8.tflite --out water.npz

Needs ``ai-edge-litert``. Writes one array (2, 256, 32) uint8 a photo: masks of 256 x 256 over the whole photo, a bit a pixel:
what is called water in the photo and in its mirror image, and what in either; between the two there is doubt.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from tqdm import tqdm

from core.errors import TrainingError
from core.training.shards import Sample, labelled_shards, read_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

WATER = (22, 27, 61, 129)  # ADE20K: water, sea, river, lake
SIDE = 256


def with_water(samples: Sequence[Sample], file: Path | None) -> list[Sample]:
    """Give samples the labels of ``file``; without one, they have none. Raises TrainingError if it does not exist."""
    if file is None:
        return list(samples)
    if not file.is_file():
        raise TrainingError(f"--water {file} does not exist: make it with core.training.water_labels")
    with np.load(file) as labels:
        return [replace(sample, water=_enlarged(labels[sample.info["id"]], sample.sky.shape)) for sample in samples]


def _enlarged(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    both, either = np.unpackbits(bits, axis=2)
    mask = (127 * both + 128 * either).astype(np.uint8)
    return np.asarray(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.uint8)


def _segmenter(model: Path) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter: Any = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def segment(photo: NDArray[np.uint8]) -> NDArray[np.int64]:
        interpreter.set_tensor(source["index"], cv2.resize(photo, (512, 512), interpolation=cv2.INTER_LINEAR)[None])
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(target["index"]), np.int64).reshape(512, 512)

    return segment


def _halved(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    small = cv2.resize(mask.astype(np.uint8) * 255, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small > 127)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and label every labelled photo of the shards."""
    parser = argparse.ArgumentParser(prog="python -m core.training.water_labels", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    segment = _segmenter(args.model)
    found: dict[str, Any] = {}
    for shard in labelled_shards(args.data):
        for sample in tqdm(read_shards([shard]), desc=shard.name, disable=None):
            land = cv2.resize(sample.sky, (512, 512)) < 128
            mirrored = segment(np.ascontiguousarray(sample.photo[:, ::-1]))[:, ::-1]
            here, there = (np.isin(seen, WATER) & land for seen in (segment(sample.photo), mirrored))
            masks = np.stack([_halved(here & there), _halved(here | there)])
            found[sample.info["id"]] = np.packbits(masks, axis=2)
    np.savez_compressed(args.out, **found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
