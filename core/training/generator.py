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
import math
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from core.errors import PhotoflightError, TrainingError
from core.features import find_lite0, find_vgg
from core.neural.inputs import STRIDE
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

ABLATIONS = ("rollouts", "cycle", "balanced", "sky", "projected")
SMOKE = Recipe(  # one flight, one photo; momentum, as a rate of 1e-3 without it saturates the gate within 20 steps
    steps=40,
    batch=1,
    cycles=1,
    size=(64, 48),
    rate=5e-4,
    betas=(0.9, 0.99),
    warmup=32,
    longest=4,
    average=0.9,
    flights=1,
    window=(48, 48),
    save_every=20,
    show_every=20,
)

_NOTE_EVERY = 25  # steps, at most, that are averaged into one line of the journal

log = logging.getLogger(__name__)


def train(recipe: Recipe, photos: Sequence[Path], out: Path, features: Path | None = None) -> None:
    """Run or resume a training of ``recipe`` in the folder ``out``.

    ``features`` is the folder of VGG16 and EfficientNet-Lite0 weights (see ``core.features``). Raises TrainingError or
    FeaturesError if photos, features or an earlier run in ``out`` cannot be used.
    """
    _check_agreement(recipe, out)
    with Group.join() as group:
        frozen = Features(find_vgg(features), find_lite0(features))
        opened = open_photos(photos)
        trainer = Trainer(recipe, opened, frozen, group)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"--out {out} cannot be made ({error.strerror}): name another folder") from error
        mine = out / f"checkpoint{f'.{group.rank}' if group.rank else ''}.pt"
        if mine.exists():
            before = checkpoint.load(mine)
            if before.get("photos", opened.names) != opened.names:
                raise TrainingError(f"{out} holds a training on other photos: name those, another --out, or delete it")
            trainer.restore(before)
            log.info("going on at step %d", trainer.step)
        if group.rank == 0:
            _recipe_path(out).write_text(json.dumps(asdict(recipe), indent=1) + "\n", encoding="utf-8")
        every = math.gcd(_NOTE_EVERY, recipe.save_period)  # a checkpoint falls between two lines
        with Journal(out if group.rank == 0 else None, trainer.step, recipe.steps, every) as journal:
            while trainer.step < recipe.steps:
                journal.add(trainer.step + 1, trainer.train_step())
                if trainer.step % recipe.show_every == 0 and trainer.shown is not None:
                    journal.show(trainer.step, strip(*trainer.shown))
                if trainer.step % recipe.save_period == 0 or trainer.step == recipe.steps:
                    checkpoint.save(mine, trainer.state() | {"photos": opened.names})
                    if group.rank == 0:
                        _export(trainer, out)


def _recipe_path(out: Path) -> Path:
    return out / "recipe.json"


def _check_agreement(recipe: Recipe, out: Path) -> None:
    """See that an earlier run in ``out`` had the same recipe; only its length may change. What it does not name was as now."""
    path = _recipe_path(out)
    if not path.exists():
        return
    try:
        before = json.loads(json.dumps(asdict(Recipe()))) | json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"{path} cannot be read ({error}): name another --out, or delete it") from error
    wanted = json.loads(json.dumps(asdict(recipe)))
    changed = sorted(name for name in wanted if name != "steps" and before[name] != wanted[name])
    if changed:
        raise TrainingError(f"{out} holds a training with another {', '.join(changed)}: name another --out, or delete it")


def _export(trainer: Trainer, out: Path) -> None:
    """Write the averaged weights at 16 bits, with a card, as the viewer takes them: ``--refiner generator.safetensors``."""
    weights = {name: value.to(torch.bfloat16) for name, value in trainer.averages.items()}
    recipe = trainer.recipe
    card = {"network": recipe.network, "sky": recipe.sky, "step": trainer.step, "recipe": asdict(recipe)}
    write_weights(out / "generator.safetensors", weights, card)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="photoflight train", description="Train the generator from single photographs.")
    add = parser.add_argument
    add("--photos", type=Path, nargs="+", required=True, metavar="PATH", help="photos, folders of them, WebDataset shards (.tar)")
    add("--out", type=Path, default=Path("runs/generator"), metavar="DIR", help="[%(default)s]; a run in it goes on")
    add("--features", type=Path, metavar="DIR", help="VGG16 and EfficientNet-Lite0 weights [installed, else downloaded]")
    add("--smoke", action="store_true", help="a short run that overfits: a minute on two cores")
    add("--without", choices=ABLATIONS, action="append", default=[], help="leave a part of the method out")
    add("--network", choices=tuple(WIDTHS), help="size of the network [small]")
    add("--threads", type=int, metavar="N", help="CPU threads [all]")
    for name in ("steps", "batch", "cycles", "longest", "growth", "warmup", "unroll", "accumulate", "flights", "seed"):
        add(f"--{name}", type=int, metavar="N", help=f"[{getattr(Recipe, name)}]")
    add("--rate", type=float, metavar="X", help=f"learning rate [{Recipe.rate}]")
    add("--size", type=_sides, metavar="WxH", help=f"of views, multiples of {STRIDE} [{Recipe.size[0]}x{Recipe.size[1]}]")
    add("--window", type=_sides, metavar="WxH", help=f"compared by VGG features [{Recipe.window[0]}x{Recipe.window[1]}]")
    return parser


def _sides(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not cross or not all(side.isdecimal() and int(side) > 0 and int(side) % STRIDE == 0 for side in (width, height)):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT in multiples of {STRIDE} pixels, as 128x80")
    return int(width), int(height)


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
    try:
        main()
    except PhotoflightError as problem:
        sys.exit(f"photoflight train: {problem}")
