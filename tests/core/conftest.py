"""What tests of the refiner share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from refiners import RefinerMaker

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def maker() -> RefinerMaker:
    return RefinerMaker()


@pytest.fixture
def make(maker: RefinerMaker) -> Iterator[RefinerMaker]:
    yield maker
    maker.close()
