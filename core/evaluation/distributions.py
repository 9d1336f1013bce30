"""Distances between two sets of feature vectors: kernel (KID) and Frechet.

Named after the features they are measured on, never "FID", which is Inception's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Features = NDArray[np.floating]

SUBSETS, SUBSET_SIZE = 20, 500


@dataclass(frozen=True)
class KernelDistance:
    """``value`` is the mean over subsets, ``deviation`` their standard deviation; ``n`` and ``m`` the sizes of the two sets."""

    value: float
    deviation: float
    n: int
    m: int


def kernel_distance(
    x: Features, y: Features, *, subsets: int = SUBSETS, size: int = SUBSET_SIZE, seed: int = 0
) -> KernelDistance:
    """Kernel distance of ``x`` (n, d) and ``y`` (m, d), n and m at least 2 (Binkowski et al. 2018, "Demystifying MMD GANs").

    The unbiased estimate of the squared maximum mean discrepancy under the kernel (x.y / d + 1)^3, averaged over ``subsets``
    random subsets of at most ``size`` of each set. About 0, and as often below as above, for two samples of one distribution.
    """
    random = np.random.default_rng(seed)
    n, m = (min(size, len(each)) for each in (x, y))
    if n < 2 or m < 2:
        raise ValueError(f"sets of {len(x)} and {len(y)}: the estimate needs two of each")
    subsets = 1 if n == len(x) and m == len(y) else subsets
    values = [
        _squared_discrepancy(x[random.choice(len(x), n, replace=False)], y[random.choice(len(y), m, replace=False)])
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)), len(x), len(y))


def _squared_discrepancy(x: Features, y: Features) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)
    within = [(kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1)) for kernel in (_kernel(x, x), _kernel(y, y))]
    return float(within[0] + within[1] - 2.0 * _kernel(x, y).mean())


def _kernel(x: Features, y: Features) -> NDArray[np.float64]:
    base = x @ y.T / x.shape[1] + 1.0
    return np.asarray(base * base * base, np.float64)  # ten times as fast as the power


def frechet_distance(x: Features, y: Features) -> float:
    """Frechet distance of the Gaussians fitted to ``x`` (n, d) and ``y`` (m, d) (Heusel et al. 2017).

    |mean difference|^2 + trace(A + B - 2 (A B)^(1/2)). Too large for sets not much larger than d: compare only equal sizes.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    a, b = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    # A B has the eigenvalues of the symmetric root(A) B root(A)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0.0)).sum()
    return float(np.square(x.mean(0) - y.mean(0)).sum() + np.trace(a) + np.trace(b) - 2.0 * cross)
