"""The trainer: one step of learning to fly from single photographs (paper sections 3 and 4).

Every step takes rollouts one frame further, judged against their own start photos, and sends some pictures there and back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core.features import Vgg16Features
from core.generator import RefinedView
from core.neural.generator import latent
from core.neural.governor import governed, look_of
from core.neural.inputs import Inputs, Outputs, assembled, batched, completed, photo_tensor, prepared, scaled, unscaled
from core.neural.network import GeneratorNetwork, channels_last
from core.training.cycles import cycle
from core.training.discriminator import GeometryDiscriminator, Judges, ProjectedDiscriminator, augmented, r1_penalty
from core.training.generator_losses import (
    anchoring,
    apart,
    deceiving,
    detail_distance,
    grams,
    kind_distance,
    reconstruction,
    style_distance,
    telling,
)
from core.training.rollouts import RolloutPool, RolloutSettings
from core.training.unrolling import carried

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.generator import WarpedView
    from core.keyframe import Keyframe
    from core.training.distributed import Group
    from core.training.photos import PhotoSet
    from core.training.recipe import Recipe
    from core.training.rollouts import Step

_MOST = 100.0  # norm of the judges' gradient, far above what is usual (1 to 10)
_OWN_EVERY = 8  # steps between cycles of own frames, weight 0.05


class Styled(nn.Module):
    """Network and style encoder in one call, so that ``DistributedDataParallel`` sees both."""

    def __init__(self, network: GeneratorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, channels: Tensor, photo: Tensor, z: Tensor) -> Tensor:
        """Return raw outputs for ``channels`` in the style of ``photo`` with latents ``z``."""
        raw: Tensor = self.network(channels, self.network.style(photo, z))
        return raw


class Batch(NamedTuple):
    """One step's data: rollouts first, then cycles."""

    steps: list[Step]
    inputs: Inputs
    photos: Tensor  # (N, 5, H, W) start photos, colour in [-1, 1]
    z: Tensor
    target: Outputs | None  # of the cycles
    own: bool  # whether the cycles are of the generator's own frames


@dataclass(frozen=True, eq=False)
class Features:
    """Weights of the frozen networks, by name."""

    vgg: Mapping[str, Tensor]
    lite0: Mapping[str, Tensor]


class Trainer:
    """Networks, optimisers, averages and the flights in the air, at ``step``."""

    def __init__(self, recipe: Recipe, photos: PhotoSet, features: Features, group: Group) -> None:
        self.recipe, self.step, self.group = recipe, 0, group
        torch.manual_seed(recipe.seed)
        self.network = channels_last(GeneratorNetwork(recipe.network)).to(group.device)
        self._styled = group.shared(Styled(self.network))
        self.judges = Judges(ProjectedDiscriminator(features.lite0), GeometryDiscriminator()).to(group.device)
        self._shared_judges = group.shared(self.judges)
        self._vgg = Vgg16Features(features.vgg, layers=3).to(group.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.rate, betas=recipe.betas)
        self._judged = [p for p in self.judges.parameters() if p.requires_grad]
        self.judge_optimizer = torch.optim.Adam(self._judged, lr=recipe.judge_rate, betas=recipe.betas)
        self.averages = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        settings = RolloutSettings(recipe.size, recipe.flights, recipe.sky, recipe.seed * 1000 + group.rank)
        self.pool = RolloutPool(photos, settings)
        self.shown: tuple[Inputs, Outputs, Tensor] | None = None  # the last step, for pictures

    def train_step(self) -> dict[str, float]:
        """Take one step; return the loss terms."""
        recipe = self.recipe
        batch = self._batch()
        count = len(batch.steps)
        with self._precision():
            raw = self._styled(batch.inputs.channels, batch.photos, batch.z)
        out = governed(assembled(batch.inputs, raw), batch.inputs, look_of(batch.photos))
        flown, returned = _split(out, count)
        terms = self._reconstruction(batch, returned) if batch.target is not None else {}
        keyframes = self.pool.accept(batch.steps, _refined(flown, batch.steps))
        seen = Inputs(*(part[:count] for part in batch.inputs))
        for turn in range(1, recipe.unroll):
            seen, flown, keyframes = self._onwards(batch, keyframes, flown.image, turn)
        adversarial = recipe.rollouts and (self.step >= recipe.warmup or not (recipe.cycle and recipe.cycles))
        if adversarial:
            terms |= self._adversarial(flown, batch.photos[:count])
            terms["anchor"] = anchoring(flown.image, completed(seen))
            terms["texture"] = self._texture(batch, flown)
            terms["detail"] = detail_distance(flown, seen.need, batch.photos[:count])
        terms["leash"] = raw.float().square().mean()
        loss = sum((self._weight(name, own=batch.own) * term for name, term in terms.items()), torch.zeros(()))
        torch.autograd.backward(loss / recipe.accumulate)
        last = (self.step + 1) % recipe.accumulate == 0
        figures = {name: float(term.detach()) for name, term in terms.items()}
        if last:
            norm = float(nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip))
            figures["gradient" if math.isfinite(norm) else "skipped"] = norm if math.isfinite(norm) else 1.0
            if math.isfinite(norm):  # one overflow must not end a run of days
                self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self._average()
        if adversarial:
            figures |= self._judge(flown, batch.photos[:count], last=last)
        self.shown = (batch.inputs, Outputs(*(part.detach() for part in out)), batch.photos)
        self.step += 1
        return figures

    def _batch(self) -> Batch:
        recipe = self.recipe
        steps = self.pool.steps(recipe.batch, recipe.longest_at(self.step))
        seeds = [(recipe.seed, self.group.rank, self.step, i) for i in range(recipe.batch + recipe.cycles)]
        own = self.step % _OWN_EVERY == _OWN_EVERY - 1
        jobs: list[tuple[Step, tuple[int, ...], bool]] = [(step, seed, False) for step, seed in zip(steps, seeds, strict=False)]
        if recipe.cycle:
            jobs += [(step, seed, True) for step, seed in zip(steps[: recipe.cycles], seeds[recipe.batch :], strict=False)]
        made = self.pool.map(lambda job: self._example(*job, own=own), jobs)
        targets = [target for _, target in made if target is not None]
        photos = [photo_tensor(step.rollout.flight.photo, recipe.size) for step, _, _ in jobs]
        z = [torch.from_numpy(latent(step.rollout.seed)) for step, _, _ in jobs]
        device = self.group.device
        return Batch(
            steps,
            Inputs(*(part.to(device) for part in batched([inputs for inputs, _ in made]))),
            torch.cat(photos).to(device, memory_format=torch.channels_last),
            torch.cat(z).to(device),
            Outputs(*(torch.cat(parts).to(device) for parts in zip(*targets, strict=True))) if targets else None,
            own,
        )

    def _onwards(self, batch: Batch, before: list[Keyframe], images: Tensor, turn: int) -> tuple[Inputs, Outputs, list[Keyframe]]:
        """Take the rollouts one step further, with the gradient reaching back to ``images`` of the keyframes ``before``."""
        steps = self.pool.onwards(batch.steps)
        seeds = [(self.recipe.seed, self.group.rank, self.step, i, turn) for i in range(len(steps))]
        made = [prepared(step.done, seed) for step, seed in zip(steps, seeds, strict=True)]
        inputs = Inputs(*(part.to(self.group.device) for part in batched(made)))
        inputs = carried(inputs, [step.rollout.flight.layer for step in steps], before, images)
        count = len(steps)
        with self._precision():
            raw = self._styled(inputs.channels, batch.photos[:count], batch.z[:count])
        out = governed(assembled(inputs, raw), inputs, look_of(batch.photos[:count]))
        return inputs, out, self.pool.accept(steps, _refined(out, steps))

    def _example(self, step: Step, seed: tuple[int, ...], returning: bool, *, own: bool) -> tuple[Inputs, Outputs | None]:
        """Make inputs of a rollout's step or, ``returning``, of a cycle of its start photo or newest frame, with the target."""
        if not returning:
            return prepared(step.done, seed), None
        flight, classical = step.rollout.flight, step.rollout.classical
        source = flight.world.keyframes[-1] if own else flight.photo
        number = int(np.random.default_rng(seed).integers(2**31))
        gone = cycle(source, flight.dome, classical, self.pool.warper, self.recipe.size, number)
        return prepared(classical.complete(gone.view), seed), _truth(gone.target)

    def _texture(self, batch: Batch, flown: Outputs) -> Tensor:
        """Compare VGG statistics of land in a window of each refined view with those of its whole start photo."""
        for step, photo in zip(batch.steps, batch.photos, strict=False):
            if not step.rollout.texture:
                with torch.no_grad(), self._precision():
                    taps = self._vgg(0.5 + 0.5 * photo[None, :3])
                step.rollout.texture.extend(grams(taps, photo[None, 4:5]))
        wanted = [torch.cat(level) for level in zip(*(step.rollout.texture for step in batch.steps), strict=True)]
        rows, columns = self._window(6)
        sky = flown.sky[:, :, rows, columns]
        with self._precision():
            taps = self._vgg(flown.image[:, :, rows, columns])
        return apart(grams(taps, sky), wanted, (sky, batch.photos[: len(sky), 4:5]))

    def _window(self, purpose: int) -> tuple[slice, slice]:
        """Draw where VGG looks: rows and columns."""
        (width, height), (w, h) = self.recipe.size, self.recipe.window
        random = np.random.default_rng((self.recipe.seed, purpose, self.step))
        top, left = (int(random.integers(most - least + 1)) for most, least in ((height, min(h, height)), (width, min(w, width))))
        return slice(top, top + h), slice(left, left + w)

    def _reconstruction(self, batch: Batch, returned: Outputs) -> dict[str, Tensor]:
        if batch.target is None:
            return {}
        opened = batch.inputs.opened[len(batch.steps) :]
        return reconstruction(returned, batch.target, opened, self._vgg, self._window(3))

    def _adversarial(self, flown: Outputs, photos: Tensor) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self._number(4))
        varied = augmented(_view(flown), generator)
        self._freeze(frozen=True)
        with self._precision():
            logits, shape = self.judges(varied)
            taps = self.judges.taps(flown.image)
            with torch.no_grad():
                photo_taps = self.judges.taps(0.5 + 0.5 * photos[:, :3])
        return {
            "deceive": deceiving(logits),
            "geometry": nn.functional.softplus(-shape).mean(),
            "kind": kind_distance(taps, photo_taps),
            "style": style_distance(taps, photo_taps, flown.sky, photos[:, 4:5]),
        }

    def _judge(self, flown: Outputs, photos: Tensor, *, last: bool) -> dict[str, float]:
        """Teach the discriminators one step: the newest frames are fake, their own start photos are real."""
        recipe = self.recipe
        generator = torch.Generator().manual_seed(self._number(5))
        real = _photo_view(photos if recipe.balanced else self._strangers(generator))
        fake, real = augmented(_view(flown).detach(), generator), augmented(real, generator)
        self._freeze(frozen=False)
        with self._precision():
            logits, shapes = self._shared_judges(torch.cat([real, fake]))
        count = len(real)
        projected = telling([scale[:count] for scale in logits], [scale[count:] for scale in logits])
        shape = nn.functional.softplus(-shapes[:count]).mean() + nn.functional.softplus(shapes[count:]).mean()
        loss = projected + shape
        figures = {"judge": float(projected.detach()), "judge_geometry": float(shape.detach())}
        if self.step % recipe.r1_every == 0:
            real.requires_grad_()
            penalty = r1_penalty(self.judges.geometry(real).mean((1, 2)), real)
            loss = loss + recipe.weights.r1 * recipe.r1_every * penalty
            figures["r1"] = float(penalty.detach())
        torch.autograd.backward(loss / recipe.accumulate)
        if last:
            if math.isfinite(float(nn.utils.clip_grad_norm_(self._judged, _MOST))):
                self.judge_optimizer.step()
            self.judge_optimizer.zero_grad(set_to_none=True)
        return figures

    def _freeze(self, *, frozen: bool) -> None:
        for parameter in self._judged:
            parameter.requires_grad = not frozen

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.group.device.type, torch.bfloat16)

    def _strangers(self, generator: torch.Generator) -> Tensor:
        """Start photos of no flight in particular: the ablation without balanced sampling."""
        photos = [photo_tensor(self.pool.stranger(generator), self.recipe.size) for _ in range(self.recipe.batch)]
        return torch.cat(photos).to(self.group.device)

    def _weight(self, name: str, *, own: bool) -> float:
        weights = self.recipe.weights
        if not self.recipe.projected:
            weights = replace(weights, deceive=0.0, geometry=weights.deceive)
        value = float(getattr(weights, name))
        return value * weights.own if own and name in ("features", "pixels", "disparity", "sky") else value

    def _number(self, purpose: int) -> int:
        return int(np.random.default_rng((self.recipe.seed, self.group.rank, purpose, self.step)).integers(2**31))

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.recipe.average, (1.0 + self.step) / (10.0 + self.step))
        for name, parameter in self.network.named_parameters():
            self.averages[name].lerp_(parameter, 1.0 - keep)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly here."""
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "judges": {name: value for name, value in self.judges.state_dict().items() if ".features." not in name},
            "optimizer": self.optimizer.state_dict(),
            "judge_optimizer": self.judge_optimizer.state_dict(),
            "averages": self.averages,
            "pool": self.pool.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.judges.load_state_dict(state["judges"], strict=False)  # the frozen features are not in it
        self.optimizer.load_state_dict(state["optimizer"])
        self.judge_optimizer.load_state_dict(state["judge_optimizer"])
        for name, value in state["averages"].items():
            self.averages[name].copy_(value)
        self.pool.restore(state["pool"])


def _split(out: Outputs, count: int) -> tuple[Outputs, Outputs]:
    return Outputs(*(part[:count] for part in out)), Outputs(*(part[count:] for part in out))


def _truth(view: WarpedView) -> Outputs:
    parts = (view.image, scaled(view.disparity), view.sky, np.ones_like(view.sky))
    planes = (np.moveaxis(part, -1, 0)[None] if part.ndim == 3 else part[None, None] for part in parts)
    return Outputs(*(torch.from_numpy(np.ascontiguousarray(plane, np.float32)) for plane in planes))


def _refined(out: Outputs, steps: list[Step]) -> list[RefinedView]:
    image, depth, sky = (part.detach().permute(0, 2, 3, 1).contiguous().cpu().numpy() for part in out[:3])
    return [RefinedView(image[i], unscaled(depth[i, ..., 0]), sky[i, ..., 0], step.done.debt) for i, step in enumerate(steps)]


def _view(out: Outputs) -> Tensor:
    """Return what discriminators see of refined views: colour, log disparity of land, sky; (N, 5, H, W) in [0, 1]."""
    return torch.cat([out.image, out.depth * (1.0 - out.sky), out.sky], 1)


def _photo_view(photos: Tensor) -> Tensor:
    """Return the same of start photos (N, 5, H, W), as ``photo_tensor`` makes them."""
    sky = photos[:, 4:5]
    return torch.cat([0.5 + 0.5 * photos[:, :3], photos[:, 3:4] * (1.0 - sky), sky], 1)
