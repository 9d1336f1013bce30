"""Judge the shipped perception against the teachers' labels, and publish weights with their card.

    python -m core.training.perception_evaluation --data FOLDER_OF_SHARDS [--depth LABELS --water water.npz]
        [--publish runs/perception] [--report FILE]

Judged is what the product gives, post-processing and all, at the labels' own resolution, and what needs no labels:
``core.training.perception_geometry``.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from core.errors import TrainingError
from core.perception_network import PerceptionNetwork, channels_last
from core.training.depth_labels import with_depth
from core.training.perception_geometry import Geometry, geometry, summary
from core.training.shards import read_shards
from core.training.water_labels import with_water
from core.weights import load_weights, weights_path, write_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

WHAT = "photograph to disparity and sky: EfficientNet-Lite0 encoder, top-down decoder, see core/perception_network.py"
DATA = (
    "3665 labelled landscape photographs (867 sharp ones, 2798 of the monet2photo set of CycleGAN): free licences, Unsplash and "
    "Pixabay, and for the greater part research use or no stated licence; disparity labels from Tiefenrausch (MIT) where it "
    "agrees with TCMonoDepth (MIT), else from that, sky labels from U2NETP, water labels from DeepLab (Apache-2.0); encoder from "
    "ImageNet features of EfficientNet-Lite0 (Apache-2.0)"
)


def shipped() -> PerceptionNetwork:
    """Return the network with the shipped weights."""
    network = PerceptionNetwork()
    network.load_state_dict(load_weights("perception", network.state_dict()))
    return channels_last(network).eval()


def measured(shard: Path, depth: Path | None, water: Path | None) -> dict[str, Geometry]:
    """Measure the shipped weights on every photo of a shard, by its id."""
    network = shipped()
    originals = read_shards([shard])
    samples = with_depth(with_water(originals, water), depth)
    return {
        sample.info["id"]: geometry(network, sample, original.root)
        for sample, original in zip(tqdm(samples, desc=shard.name, disable=None), originals, strict=True)
    }


def publish(run: Path, target: Path) -> None:
    """Copy a run's best weights to ``target`` with a card that has no metrics yet. Raises TrainingError if there are none."""
    from safetensors.torch import load_file

    source = run / "best.safetensors"
    if not source.is_file():
        raise TrainingError(f"{source} does not exist: train first, or name the folder of a run")
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    write_weights(
        target, load_file(source), {"what": WHAT, "data": DATA, "licence": "Apache-2.0", "recipe": recipe, "metrics": {}}
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, evaluate on test and validation photos, and write the figures into the card."""
    parser = argparse.ArgumentParser(prog="python -m core.training.perception_evaluation", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of test.tar and val.tar")
    parser.add_argument("--depth", type=Path, help="folder of labels made by core.training.depth_labels (default: the shards')")
    parser.add_argument("--water", type=Path, help="water labels made by core.training.water_labels")
    parser.add_argument("--publish", type=Path, metavar="RUN", help="ship the best weights of this run")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the figures of every photo here, as JSON")
    args = parser.parse_args(arguments)
    target = weights_path("perception")
    if args.publish is not None:
        publish(args.publish, target)
    photos = {split: measured(args.data / f"{split}.tar", args.depth, args.water) for split in ("test", "val")}
    every = [row for rows in photos.values() for row in rows.values()]
    metrics = {split: summary(list(rows.values())) for split, rows in photos.items()} | {"both": summary(every)}
    sys.stdout.write(json.dumps(metrics, indent=1) + "\n")
    if args.report is not None:
        rows = {split: {name: asdict(row) for name, row in some.items()} for split, some in photos.items()}
        args.report.write_text(json.dumps({"summary": metrics, "photos": rows}, indent=1), encoding="utf-8")
    if args.publish is not None:
        card_path = target.with_suffix(".json")
        card = json.loads(card_path.read_text(encoding="utf-8"))
        card_path.write_text(json.dumps(card | {"metrics": metrics}, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
