"""Label the water of training photographs with DeepLab, as the shards name only its share.

    python -m core.training.water_labels --data FOLDER_OF_SHARDS --model deeplabv3_mnv2_ade20k_int8.tflite --out water.npz

Needs ``ai-edge-litert``. Writes one array (256, 32) uint8 a photo: a mask of 256 x 256 over the whole photo, a bit a pixel.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from core.training.shards import read_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

WATER = (22, 27, 61, 129)  # ADE20K: water, sea, river, lake
SIDE = 256


def unpacked(bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the mask (256, 256) of one label."""
    return np.unpackbits(bits, axis=1).astype(bool)


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and label every photo of the training and validation shards."""
    parser = argparse.ArgumentParser(prog="python -m core.training.water_labels", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    segment = _segmenter(args.model)
    labels: dict[str, Any] = {}
    for shard in (*sorted(args.data.glob("train-*.tar")), args.data / "val.tar"):
        for sample in read_shards([shard]):
            water = np.isin(segment(sample.photo), WATER).astype(np.uint8)
            land = cv2.resize(sample.sky, (512, 512)) < 128
            small = cv2.resize(water * land.astype(np.uint8) * 255, (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 127
            labels[sample.info["id"]] = np.packbits(small, axis=1)
    np.savez_compressed(args.out, **labels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
