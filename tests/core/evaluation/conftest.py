from __future__ import annotations

import pytest
from random_features import random_vgg

from core.features import Vgg16Features


@pytest.fixture(scope="package")
def vgg() -> Vgg16Features:
    """VGG16 and the heads of LPIPS with weights that nobody trained."""
    return Vgg16Features(random_vgg())
