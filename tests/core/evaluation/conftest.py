from __future__ import annotations

import pytest
from random_features import write_features

from core.evaluation.embedding import Embedder


@pytest.fixture(scope="package")
def features_folder(tmp_path_factory):
    """Weights of both feature networks that nobody trained."""
    return write_features(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="package")
def embedder(features_folder) -> Embedder:
    return Embedder(features_folder)
