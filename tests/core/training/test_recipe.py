"""Recipes: rollouts grow, and numbers that do not go together are refused."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import TrainingError
from core.training.generator import ABLATIONS, SMOKE
from core.training.recipe import Recipe


@given(warmup=st.integers(0, 500), longest=st.integers(1, 100), growth=st.integers(1, 50), step=st.integers(0, 5000))
def test_rollouts_grow_steadily_up_to_the_longest(warmup, longest, growth, step):
    recipe = Recipe(warmup=warmup, longest=longest, growth=growth)
    now, later = recipe.longest_at(step), recipe.longest_at(step + growth)
    assert 1 <= now <= later <= longest
    assert later <= now + 1
    assert recipe.longest_at(warmup + longest * growth) == longest
    assert recipe.longest_at(warmup) == min(longest, 2)


@given(step=st.integers(0, 10_000))
def test_without_rollouts_every_flight_is_one_step(step):
    assert Recipe(rollouts=False).longest_at(step) == 1


@given(save_every=st.integers(1, 300), accumulate=st.integers(1, 40))
def test_no_gradient_is_half_accumulated_at_a_checkpoint(save_every, accumulate):
    period = Recipe(save_every=save_every, accumulate=accumulate).save_period
    assert period % accumulate == 0
    assert 0 < period <= max(save_every, accumulate)


def test_a_recipe_survives_json():
    text = json.dumps(asdict(SMOKE))
    assert json.loads(text)["weights"]["own"] == 0.05
    assert json.loads(json.dumps(json.loads(text))) == json.loads(text)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"batch": 0}, "batch 0: it must be at least 1"),
        ({"steps": -5}, "steps -5: it must be at least 1"),
        ({"accumulate": 0}, "accumulate 0"),
        ({"batch": 8, "flights": 6}, "batch 8 of 6 flights: have at least as many flights"),
        ({"cycles": 9}, "9 cycles a step: choose 0 to 4"),
        ({"cycles": -1}, "-1 cycles a step"),
        ({"rollouts": False, "cycle": False}, "nothing can be learnt"),
        ({"rollouts": False, "cycles": 0}, "nothing can be learnt"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(changes, says):
    with pytest.raises(TrainingError) as caught:
        replace(Recipe(), **changes)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ABLATIONS)
def test_every_ablation_is_a_switch_of_the_recipe(part):
    assert getattr(Recipe(), part) is True
    assert getattr(replace(SMOKE, **{part: False}), part) is False
