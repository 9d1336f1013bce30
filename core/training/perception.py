"""Train the perception network by distillation on labelled photographs.

    python -m core.training.perception --data FOLDER_OF_SHARDS --depth LABELS --water water.npz --out runs/perception

Stops and resumes exactly: a batch depends on the seed and the step alone, and checkpoints hold weights, averages and
optimiser. ``metrics.jsonl`` in the output folder is the log; ``best.safetensors`` holds the averaged weights that did best.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import save_file

from core.errors import TrainingError
from core.features import find_lite0
from core.neural.accelerator import fast_bfloat16
from core.perception_network import PerceptionNetwork, channels_last
from core.training.depth_labels import with_depth
from core.training.perception_data import Batch, batch_at, plain_batch
from core.training.perception_losses import figures, perception_loss
from core.training.shards import Sample, labelled_shards, read_shards
from core.training.water_labels import with_water
from core.weights import load_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

log = logging.getLogger(__name__)


_MERITS = ("sky_iou", "delta", "spearman", "water_iou")  # of the held-out photos; their sum chooses the weights to keep


@dataclass(frozen=True)
class Stage:
    """From fraction ``start`` of the run on, batches of ``count`` at one of ``sizes`` (width, height), drawn per step."""

    start: float
    count: int
    sizes: tuple[tuple[int, int], ...]


# small and wide first, because that is where a CPU learns most per second; detail at the end
STAGES = (
    Stage(0.0, 12, ((256, 160), (256, 160), (256, 160), (224, 192), (160, 256))),
    Stage(0.55, 10, ((320, 192), (320, 224), (320, 224), (256, 256), (192, 320))),
    Stage(0.80, 6, ((384, 256), (384, 256), (416, 256), (448, 288), (256, 384))),
)


@dataclass(frozen=True)
class Recipe:
    """What a run does; written beside its results."""

    steps: int = 8000
    decoder_rate: float = 1.5e-3
    encoder_rate: float = 3e-4
    weight_decay: float = 0.02
    warmup: int = 200
    average: float = 0.998
    frozen_blocks: int = 5  # of the encoder: edges and textures are as ImageNet left them; 0.6 instead of 0.8 s a step
    save_every: int = 100
    check_every: int = 500
    seed: int = 0


@dataclass(frozen=True)
class Origin:
    """What a run begins from: weights of the whole network (a shipped name or a file), or of its encoder."""

    start: str | None = None
    encoder: Path | None = None

    def given_to(self, network: PerceptionNetwork) -> None:
        """Load the weights into ``network``. Raises WeightsError or FeaturesError if there are none."""
        if self.start is None:
            network.encoder.load_pretrained(find_lite0(self.encoder))
        else:
            network.load_state_dict(load_weights(self.start, network.state_dict()))


@dataclass(frozen=True)
class Data:
    """Where photos and labels are: ``shards`` a folder, ``depth`` labels to use in place of the shards', ``water`` labels."""

    shards: Path
    depth: Path | None = None
    water: Path | None = None

    def read(self) -> tuple[list[Sample], list[Sample]]:
        """Return the samples to learn from and those held out. Raises TrainingError if photos or labels are missing."""
        train, held_out = sorted(self.shards.glob("train-*.tar")), self.shards / "val.tar"
        train = [path for path in train if path in labelled_shards(self.shards)]
        if not train or not held_out.is_file():
            raise TrainingError(f"no train-*.tar and val.tar in {self.shards}: name the folder of the shards with --data")
        both = (with_depth(with_water(read_shards(paths), self.water), self.depth) for paths in (train, [held_out]))
        samples, held = both
        return samples, held


class Trainer:
    """The network, its running average, its optimiser and the step they are at."""

    def __init__(self, recipe: Recipe, out: Path, origin: Origin) -> None:
        self.recipe, self.out, self.step, self.best = recipe, out, 0, -math.inf
        out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        self.network = PerceptionNetwork()
        self._checkpoint = out / "checkpoint.pt"
        if not self._checkpoint.exists():
            origin.given_to(self.network)
        channels_last(self.network)
        self.network.encoder.freeze(recipe.frozen_blocks)
        encoder_parameters = list(self.network.encoder.parameters())
        known = {id(p) for p in encoder_parameters}
        decoder_parameters = [p for p in self.network.parameters() if id(p) not in known]
        groups = [
            {"params": encoder_parameters, "lr": recipe.encoder_rate},
            {"params": decoder_parameters, "lr": recipe.decoder_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=recipe.weight_decay)
        self._rates = [recipe.encoder_rate, recipe.decoder_rate]
        self.averages = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        if self._checkpoint.exists():
            self._resume()

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Take one optimiser step; return the loss terms."""
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * _schedule(self.step, self.recipe)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
            logits = self.network(batch.photo.contiguous(memory_format=torch.channels_last))
        terms = perception_loss(logits, batch)
        self.optimizer.zero_grad(set_to_none=True)
        sum(terms.values(), start=logits.new_zeros((), dtype=torch.float32)).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        decay = min(self.recipe.average, self.step / (self.step + 10.0))
        with torch.no_grad():
            for name, p in self.network.named_parameters():
                self.averages[name].lerp_(p, 1.0 - decay)
        return {name: float(term.detach()) for name, term in terms.items()}

    def averaged(self) -> PerceptionNetwork:
        """Return a network that holds the averaged weights."""
        network = PerceptionNetwork()
        network.load_state_dict(self.averages)
        return channels_last(network).eval()

    def save(self) -> None:
        """Write the checkpoint, replacing the old one in one move."""
        state = {"step": self.step, "best": self.best, "network": self.network.state_dict(),
                 "averages": self.averages, "optimizer": self.optimizer.state_dict()}  # fmt: skip
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)

    def keep_if_best(self, score: float) -> None:
        """Write the averaged weights as fp16 if ``score`` is the best so far."""
        if score > self.best:
            self.best = score
            halves = {name: p.half().contiguous() for name, p in self.averages.items()}
            save_file(halves, self.out / "best.safetensors")

    def _resume(self) -> None:
        state = torch.load(self._checkpoint, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.averages = state["averages"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best = state["step"], state["best"]
        log.info("resumed at step %d", self.step)


def _schedule(step: int, recipe: Recipe) -> float:
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    return 0.5 + 0.5 * math.cos(math.pi * (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup))


def stage_at(step: int, steps: int) -> Stage:
    """Return the stage that step ``step`` of ``steps`` belongs to."""
    return max((stage for stage in STAGES if step >= stage.start * steps), key=lambda stage: stage.start)


def batches(samples: Sequence[Sample], recipe: Recipe, start: int) -> Iterator[Batch]:
    """Yield the batches from step ``start`` on, each made while the one before it is being used."""

    def make(step: int) -> Batch:
        stage = stage_at(step, recipe.steps)
        size = stage.sizes[int(np.random.default_rng((recipe.seed, 1, step)).integers(len(stage.sizes)))]
        return batch_at(samples, step, stage.count, size, recipe.seed)

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(make, start)
        for step in range(start, recipe.steps):
            batch = following.result()
            following = pool.submit(make, step + 1)
            yield batch


def evaluate(network: PerceptionNetwork, samples: Sequence[Sample], long_side: int = 384) -> dict[str, float]:
    """Return the mean figures over ``samples``, network output at ``long_side`` without any post-processing."""
    rows = []
    for sample in samples:
        h, w = sample.sky.shape
        scale = long_side / max(w, h)
        batch = plain_batch(sample, (max(32, round(w * scale / 32) * 32), max(32, round(h * scale / 32) * 32)))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
            logits = network(batch.photo.contiguous(memory_format=torch.channels_last)).float().sigmoid()
        root, sky, water = logits[0]
        rows.append(
            asdict(figures(root.square().numpy(), sky.numpy(), batch)) | {"water_iou": _water_overlap(water, batch.water[0, 0])}
        )
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {name: float(np.nanmean(column)) if np.isfinite(column).any() else math.nan for name, column in columns.items()}


def _water_overlap(water: Tensor, label: Tensor) -> float:
    """Intersection over union where there is no doubt, NaN where hardly any water is labelled."""
    if float((label > 0.5).float().mean()) < 0.02:
        return math.nan
    guess = (water > 0.5) & (label >= 0.0)
    return float((guess & (label > 0.5)).sum() / (guess | (label > 0.5)).sum())


def train(recipe: Recipe, data: Data, out: Path, origin: Origin) -> None:
    """Run or resume a training; without water labels the network does not learn water.

    Raises TrainingError if photos or labels are missing, FeaturesError or WeightsError if what it is to begin from is.
    """
    samples, held_out = data.read()
    # the few sharp photos count three times; frames that are all doubtful sky teach nothing about land
    samples = [s for s in samples if not (s.info["sky"] > 0.97 and s.info["iou"] < 0.7)]
    samples += 2 * [s for s in samples if s.info["kind"] == "wide"]
    trainer = Trainer(recipe, out, origin)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe) | {"stages": [asdict(s) for s in STAGES]}, indent=1))
    log.info("%d samples, %d held out", len(samples), len(held_out))
    began, sums = time.monotonic(), dict[str, float]()
    with (out / "metrics.jsonl").open("a") as journal:
        for batch in batches(samples, recipe, trainer.step):
            for name, value in trainer.train_step(batch).items():
                sums[name] = sums.get(name, 0.0) + value
            if trainer.step % 50 and trainer.step != recipe.steps:
                continue
            row = {"step": trainer.step, "seconds": round(time.monotonic() - began, 1)}
            row |= {name: round(value / 50, 4) for name, value in sums.items()}
            sums.clear()
            if trainer.step % recipe.check_every == 0 or trainer.step == recipe.steps:
                held = evaluate(trainer.averaged(), held_out)
                trainer.keep_if_best(float(np.nansum([held[name] for name in _MERITS])))
                row |= {f"val_{name}": round(value, 4) for name, value in held.items()}
            if trainer.step % recipe.save_every == 0 or trainer.step == recipe.steps:
                trainer.save()
            journal.write(json.dumps(row) + "\n")
            journal.flush()
            log.info("%s", row)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m core.training.perception", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of train-*.tar and val.tar")
    parser.add_argument("--out", type=Path, default=Path("runs/perception"))
    parser.add_argument("--start", help="weights to begin from: perception, or a .safetensors file with its card")
    parser.add_argument("--encoder", type=Path, help="EfficientNet-Lite0 weights, safetensors (default: installed package)")
    parser.add_argument("--depth", type=Path, help="folder of labels made by core.training.depth_labels (default: the shards')")
    parser.add_argument("--water", type=Path, help="water labels made by core.training.water_labels")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--rate", type=float, default=Recipe.decoder_rate, help="of the decoder; the encoder's is a quarter")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    recipe = Recipe(steps=args.steps, decoder_rate=args.rate, encoder_rate=0.25 * args.rate)
    train(recipe, Data(args.data, args.depth, args.water), args.out, Origin(args.start, args.encoder))


if __name__ == "__main__":
    main()
