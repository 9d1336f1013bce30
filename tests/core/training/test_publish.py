"""Shipping weights with a card that tells where they come from."""

import json

import pytest
from random_generator import write_generator

from core.errors import TrainingError, WeightsError
from core.neural import NeuralGenerator
from core.training.publish import publish
from core.weights import read_card


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.json"
    entry = {"generator": "small", "figures": {"autopilot.style": 1.5}}
    path.write_text(json.dumps({"protocol": {"steps": 100}, "generators": [entry]}))
    return path


def test_shipped_weights_load_and_say_what_they_are(tmp_path, report):
    write_generator(tmp_path / "generator.safetensors", step=7, recipe={"batch": 4})
    path = publish(tmp_path, report, "my photographs", tmp_path / "shipped.safetensors")
    card = read_card(path)
    assert NeuralGenerator.load(path).name == "small"
    assert (card["data"], card["step"], card["recipe"]) == ("my photographs", 7, {"batch": 4})
    assert card["figures"] == {"protocol": {"steps": 100}, "small": {"autopilot.style": 1.5}}
    assert card["file"] == "shipped.safetensors"


def test_without_a_training_or_a_report_nothing_is_shipped(tmp_path, report):
    target = tmp_path / "shipped.safetensors"
    with pytest.raises(WeightsError):
        publish(tmp_path / "nowhere", report, "", target)
    write_generator(tmp_path / "generator.safetensors")
    report.write_text("[]")
    with pytest.raises(TrainingError, match="photoflight evaluate"):
        publish(tmp_path, report, "", target)
    assert not target.exists()
