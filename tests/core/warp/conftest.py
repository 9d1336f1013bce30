from __future__ import annotations

import pytest

from core.warp.cpu import CpuWarper


@pytest.fixture(scope="session")
def warper():
    return CpuWarper(2)
