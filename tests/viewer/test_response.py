"""Laws of the curve of a stick."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.response import Response

GAINS = st.tuples(*2 * [st.floats(-4.0, 4.0)])
RESPONSES = st.builds(Response, st.floats(0.03, 0.5), st.floats(0.0, 1.0), GAINS, GAINS)
WAYS = st.floats(-1.0, 1.0)


def test_two_per_cent_do_nothing_and_all_of_it_is_the_full_rate():
    for angle in range(0, 360, 15):
        x, y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        assert Response().of_stick(0.02 * x, 0.02 * y) == (0.0, 0.0)
        assert math.hypot(*Response().of_stick(x, y)) == pytest.approx(1.0)


@given(RESPONSES, WAYS, WAYS)
def test_farther_is_never_weaker_and_never_beyond_the_full_rate(response, one, other):
    near, far = sorted((abs(one), abs(other)))
    assert 0.0 <= response.strength(near) <= response.strength(far) <= response.strength(1.0) == 1.0


@given(RESPONSES, st.floats(0.0, 1.0))
def test_a_circle_of_the_stick_is_a_circle(response, way):
    circle = [(way * math.cos(turn), way * math.sin(turn)) for turn in (math.tau * i / 60 for i in range(60))]
    radii = [math.hypot(*response.of_stick(x, y)) for x, y in circle]
    assert max(radii) <= 1.01 * min(radii) + 1e-9 or abs(way - response.dead_zone) < 1e-9


@given(RESPONSES, WAYS, WAYS)
def test_it_is_odd_and_keeps_the_direction(response, x, y):
    u, v = response.of_stick(x, y)
    assert response.of_stick(-x, -y) == (-u, -v)
    assert u * y == pytest.approx(v * x)
    assert u * x >= 0.0
    assert v * y >= 0.0


@given(RESPONSES, WAYS)
def test_an_axis_alone_is_the_stick_along_it(response, way):
    assert response.of_axis(way) == pytest.approx(response.of_stick(way, 0.0)[0])


def test_corners_of_a_square_gate_act_as_the_rim():
    assert math.hypot(*Response().of_stick(1.0, 1.0)) == pytest.approx(1.0)


def test_expo_softens_the_middle():
    plain = Response(expo=0.0)
    assert replace(plain, expo=0.8).strength(0.4) < plain.strength(0.4)


@given(RESPONSES, WAYS, WAYS)
def test_each_axis_has_its_gain(response, x, y):
    u, v = response.of_stick(x, y)
    assert response.of_look(x, y) == pytest.approx((response.look[0] * u, response.look[1] * v))
    assert response.of_move(x, y) == pytest.approx((response.move[0] * u, response.move[1] * v))
