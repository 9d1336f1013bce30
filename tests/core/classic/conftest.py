"""Weights of the released network that its tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from classic_weights import synthetic_weights

from core.classic.checkpoint import checked

if TYPE_CHECKING:
    import torch


@pytest.fixture(scope="package")
def state() -> dict[str, torch.Tensor]:
    """All 165 entries, synthetic."""
    return checked(synthetic_weights())
