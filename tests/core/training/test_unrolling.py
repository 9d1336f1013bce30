"""Gradients across a step: values stay, gradients come to be where the last frame is seen."""

import numpy as np
import torch
from handmade import keyframe

from core.classical import ClassicalGenerator
from core.neural.inputs import prepared
from core.training.unrolling import carried
from core.virtual_flight import VirtualFlight


def test_the_gradient_reaches_the_frame_before_and_values_stay():
    photo = keyframe()
    classical = ClassicalGenerator()
    classical.begin(photo, 0)
    flight = VirtualFlight(photo, "curve", size=(64, 48))
    for _ in range(2):
        before = flight.accept(classical(flight.look()))
    inputs = prepared(classical.complete(flight.look()), (0,))
    assert before.serial in [key.serial for key in flight.layer.keyframes]
    image = torch.from_numpy(before.image.astype(np.float32) / 255.0).permute(2, 0, 1)[None].requires_grad_()
    connected = carried(inputs, [flight.layer], [before], image)
    assert torch.equal(connected.land, inputs.land)
    assert torch.equal(connected.channels, inputs.channels)
    connected.land.sum().backward()
    reached = image.grad.abs().sum(1)[0] > 0.0
    slot = [key.serial for key in flight.layer.keyframes].index(before.serial)
    seen = (flight.layer.lookup.slot == slot) & (flight.layer.lookup.disparity > 0.0)
    assert 0.3 < float(reached.float().mean()) / float(seen.mean()) < 3.0


def test_a_frame_that_is_not_seen_gets_no_gradient():
    photo = keyframe()
    classical = ClassicalGenerator()
    classical.begin(photo, 0)
    flight = VirtualFlight(photo, "curve", size=(64, 48))
    inputs = prepared(classical.complete(flight.look()), (0,))
    image = torch.zeros(1, 3, 48, 64, requires_grad=True)
    assert not carried(inputs, [flight.layer], [keyframe(size=(64, 48))], image).land.requires_grad
