"""A training small enough for tests: a network of 16 channels, views of 48x32, two flights, features nobody trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handmade import keyframe
from random_features import random_lite0, random_vgg

from core.neural.network import WIDTHS
from core.training.distributed import Group
from core.training.recipe import Recipe
from core.training.trainer import Features, Trainer

if TYPE_CHECKING:
    from core.keyframe import Keyframe

WIDTHS.setdefault("tiny", (16, 16, 16, 16))
TINY = Recipe(
    network="tiny",
    steps=12,
    batch=2,
    cycles=1,
    size=(48, 32),
    warmup=1,
    flights=2,
    longest=3,
    growth=1,
    window=(32, 32),
    r1_every=2,
)


def features() -> Features:
    return Features(random_vgg(), random_lite0())


def photos(count: int = 2) -> list[Keyframe]:
    return [keyframe(size=(64, 48), seed=seed) for seed in range(count)]


def trainer(frozen: Features | None = None, recipe: Recipe = TINY, group: Group | None = None, **options: Any) -> Trainer:
    """Make a trainer; a plain list of keyframes stands in for a set of photos."""
    from dataclasses import replace

    return Trainer(replace(recipe, **options), photos(), frozen or features(), group or Group())  # type: ignore[arg-type]
