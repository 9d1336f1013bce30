"""Train the generator from single photographs: the command ``photoflight train``.

    photoflight train --photos FOLDER_OR_SHARDS --out runs/generator
    torchrun --nproc-per-node 8 -m core.training.generator --photos FOLDER --out runs/generator

Stop it whenever you like; the same command goes on exactly where it was. ``--without`` runs the ablations of the paper.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from core.errors import TrainingError
from core.features import find_lite0, find_vgg
from core.neural.network import WIDTHS
from core.training import checkpoint
from core.training.distributed import Group
from core.training.journal import Journal
from core.training.photos import open_photos
from core.training.recipe import Recipe
from core.training.strips import strip
from core.training.trainer import Features, Trainer
from core.weights import write_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

ABLATIONS = ("rollouts", "cycle", "balanced", "sky")
SMOKE = Recipe(
    steps=60, batch=2, cycles=2, size=(128, 80), warmup=40, flights=2, longest=4, window=(64, 48), rate=1e-3, average=0.9
)

log = logging.getLogger(__name__)


def train(recipe: Recipe, photos: Sequence[Path], out: Path, features: Path | None = None) -> None:
    """Run or resume a training of ``recipe`` in the folder ``out``.

    ``features`` is the folder of VGG16 and EfficientNet-Lite0 weights (see ``core.features``). Raises TrainingError or
    FeaturesError if photos, features or an earlier run in ``out`` cannot be used.
    """
    out.mkdir(parents=True, exist_ok=True)
    recipe = _agreed(recipe, out)
    with Group.join() as group:
        trainer = Trainer(recipe, open_photos(photos), Features(find_vgg(features), find_lite0(features)), group)
        mine = out / f"checkpoint{f'.{group.rank}' if group.rank else ''}.pt"
        if mine.exists():
            trainer.restore(checkpoint.load(mine))
            log.info("going on at step %d", trainer.step)
        with Journal(out if group.rank == 0 else None, trainer.step, recipe.steps) as journal:
            while trainer.step < recipe.steps:
                journal.add(trainer.step + 1, trainer.train_step())
                if trainer.step % recipe.show_every == 0 and trainer.shown is not None:
                    journal.show(trainer.step, strip(*trainer.shown))
                if trainer.step % recipe.save_every == 0 or trainer.step == recipe.steps:
                    checkpoint.save(mine, trainer.state())
                    if group.rank == 0:
                        _export(trainer, out)


def _agreed(recipe: Recipe, out: Path) -> Recipe:
    """Keep to the recipe of an earlier run in ``out``; only its length may change."""
    path = out / "recipe.json"
    wanted = json.loads(json.dumps(asdict(recipe)))
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = sorted(name for name in wanted if name != "steps" and before.get(name) != wanted[name])
        if changed:
            raise TrainingError(f"{out} holds a training with another {', '.join(changed)}: name another --out, or delete it")
    path.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
    return recipe


def _export(trainer: Trainer, out: Path) -> None:
    """Write the averaged weights at 16 bits, with a card, as the viewer takes them: ``--refiner generator.safetensors``."""
    weights = {name: value.to(torch.bfloat16) for name, value in trainer.averages.items()}
    card = {"network": trainer.recipe.network, "step": trainer.step, "recipe": asdict(trainer.recipe)}
    write_weights(out / "generator.safetensors", weights, card)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="photoflight train", description="Train the generator from single photographs.")
    add = parser.add_argument
    add("--photos", type=Path, nargs="+", required=True, metavar="PATH", help="photos, folders of them, WebDataset shards (.tar)")
    add("--out", type=Path, default=Path("runs/generator"), metavar="DIR", help="[%(default)s]; a run in it goes on")
    add("--features", type=Path, metavar="DIR", help="VGG16 and EfficientNet-Lite0 weights [installed, else downloaded]")
    add("--smoke", action="store_true", help="a short run that overfits: three minutes on two cores")
    add("--without", choices=ABLATIONS, action="append", default=[], help="leave a part of the method out")
    add("--network", choices=tuple(WIDTHS), help="size of the network [small]")
    add("--threads", type=int, metavar="N", help="CPU threads [all]")
    for name in ("steps", "batch", "cycles", "longest", "growth", "warmup", "unroll", "accumulate", "flights", "seed"):
        add(f"--{name}", type=int, metavar="N", help=f"[{getattr(Recipe, name)}]")
    add("--rate", type=float, metavar="X", help=f"learning rate [{Recipe.rate}]")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and train."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    names = {field.name for field in dataclasses.fields(Recipe)}
    asked = {name: value for name, value in vars(arguments).items() if name in names and value is not None}
    asked |= dict.fromkeys(arguments.without, False)
    recipe = replace(SMOKE if arguments.smoke else Recipe(), **asked)
    train(recipe, arguments.photos, arguments.out, arguments.features)


if __name__ == "__main__":
    main()
