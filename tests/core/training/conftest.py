"""Domes of an eighth of the size: they are made anew for nearly every flight, and what is tested here is not the sky."""

import pytest

from core import sky


@pytest.fixture(autouse=True)
def small_domes(monkeypatch):
    monkeypatch.setattr(sky, "WIDTH", 256)
    monkeypatch.setattr(sky, "HEIGHT", 128)
