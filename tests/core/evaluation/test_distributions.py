"""Distances between sets: 0 for the same, growing with what differs, and known values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.evaluation.distributions import frechet_distance, kernel_distance


def plain_kernel_distance(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate by its definition, a pair at a time."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / len(a) + 1.0) ** 3

    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2.0 * sum(kernel(a, b) for a in x for b in y) / (n * m)


@given(st.integers(0, 1000), st.integers(2, 9), st.integers(2, 9), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_kernel_distance_is_its_definition(seed, n, m, d):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(n, d)), random.normal(0.5, 1.5, size=(m, d))
    assert kernel_distance(x, y).value == pytest.approx(plain_kernel_distance(x, y), rel=1e-9, abs=1e-9)


def test_kernel_distance_is_unbiased():
    """Over many draws from one distribution it is 0 on average, which a biased estimate is not."""
    random = np.random.default_rng(0)
    draws = [kernel_distance(random.normal(size=(30, 8)), random.normal(size=(40, 8))).value for _ in range(200)]
    error = np.std(draws) / len(draws) ** 0.5
    assert abs(np.mean(draws)) < 4.0 * error
    assert min(draws) < 0.0 < max(draws)


def test_kernel_distance_grows_with_shift():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(400, 16)), random.normal(size=(600, 16))
    found = [kernel_distance(x + shift, y, subsets=10, size=200).value for shift in (0.0, 0.2, 0.5, 1.0)]
    assert abs(found[0]) < 0.03
    assert found[0] < found[1] < found[2] < found[3]


def test_subsets_average_to_the_whole_and_say_their_sizes():
    random = np.random.default_rng(2)
    x, y = random.normal(0.5, 1.0, size=(300, 8)), random.normal(size=(500, 8))
    whole, parts = kernel_distance(x, y, size=1000), kernel_distance(x, y, subsets=200, size=60)
    assert (parts.n, parts.m) == (300, 500)
    assert parts.value == pytest.approx(whole.value, abs=4.0 * parts.deviation / 200**0.5)
    assert parts.deviation > 0.0
    assert kernel_distance(x, y, size=60) == kernel_distance(x, y, size=60)
    with pytest.raises(ValueError, match="two"):
        kernel_distance(x[:1], y)


def exactly(mean: np.ndarray, covariance: np.ndarray, n: int = 200) -> np.ndarray:
    """A sample with just this mean and covariance."""
    x = np.random.default_rng(3).normal(size=(n, len(mean)))
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return mean + x @ np.linalg.cholesky(covariance).T


def test_frechet_distance_of_known_gaussians():
    a = exactly(np.zeros(3), np.diag([1.0, 4.0, 9.0]))
    b = exactly(np.array([1.0, 2.0, 0.0]), np.diag([4.0, 4.0, 1.0]))
    # commuting covariances: |m|^2 + sum of squared differences of the deviations
    assert frechet_distance(a, b) == pytest.approx(5.0 + 1.0 + 0.0 + 4.0)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b))


def test_frechet_distance_of_gaussians_that_do_not_commute():
    c, d = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[3.0, -1.0], [-1.0, 1.0]])
    # 2x2: trace of the root of a matrix M is sqrt(trace M + 2 sqrt(det M))
    root = np.sqrt(np.trace(c @ d) + 2.0 * np.sqrt(np.linalg.det(c @ d)))
    expected = np.trace(c) + np.trace(d) - 2.0 * root
    assert frechet_distance(exactly(np.zeros(2), c), exactly(np.zeros(2), d)) == pytest.approx(expected)


def test_frechet_distance_does_not_depend_on_the_axes():
    random = np.random.default_rng(4)
    x, y = random.normal(size=(50, 6)), random.normal(1.0, 2.0, size=(60, 6))
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0]
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(frechet_distance(x, y))
