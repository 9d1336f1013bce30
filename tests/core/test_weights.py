"""Weights: what is checked before a file is believed."""

import json
import pickle

import pytest
import torch
from safetensors.torch import save

from core.errors import WeightsError
from core.weights import load_weights, read_card, weights_path, write_weights


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.safetensors"
    write_weights(path, {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float16)}, {"what": "a test"})
    return path


def resealed(path, data: bytes) -> None:
    """Put other bytes in place with a card that vouches for them: only the format can be wrong then."""
    import hashlib

    path.write_bytes(data)
    card = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    path.with_suffix(".json").write_text(json.dumps(card))


def refused(path, expected=None) -> str:
    with pytest.raises(WeightsError) as caught:
        load_weights(path, expected)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 300
    return message


def test_what_is_written_is_read(file):
    weights = load_weights(file)
    assert torch.equal(weights["a"], torch.arange(6.0).reshape(2, 3))
    assert read_card(file)["what"] == "a test"


def test_expected_dtype_is_given(file):
    weights = load_weights(file, {"a": torch.zeros(2, 3), "b": torch.zeros(2)})
    assert weights["b"].dtype == torch.float32


def test_missing(tmp_path):
    assert "missing" in refused(tmp_path / "none.safetensors")


def test_no_card(file):
    file.with_suffix(".json").unlink()
    assert "card" in refused(file)


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"sha256": 3, "size": 4}', "\x00", '{"sha256": "ab"}'])
def test_damaged_card(file, card):
    file.with_suffix(".json").write_text(card)
    assert "card" in refused(file)


@pytest.mark.parametrize("keep", [0, 1, 8, 40, -1])
def test_truncated(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    assert "bytes" in refused(file)


def test_one_flipped_bit(file):
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    assert "hash" in refused(file)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 64,
        pickle.dumps({"a": 1}),
        b"\xff\xff\xff\xff\xff\xff\xff\x7f" + b"{}" * 20,  # a header of 2^63 bytes
        b"\x02\x00\x00\x00\x00\x00\x00\x00{}" + b"x" * 9,  # data that no tensor owns
        b'\x4a\x00\x00\x00\x00\x00\x00\x00{"a":{"dtype":"F32","shape":[999999],"data_offsets":[0,4]}}              ' + b"1234",
    ],
)
def test_hostile_files_fail_politely(file, data):
    resealed(file, data)
    assert "not safetensors" in refused(file)


def test_a_pickle_is_never_run(file, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "boom"), "w"))

    resealed(file, pickle.dumps(Bomb()))
    refused(file)
    assert not (tmp_path / "boom").exists()


def test_other_network(file):
    assert "b" in refused(file, {"a": torch.zeros(2, 3)})
    assert "(2, 3) instead of (3, 2)" in refused(file, {"a": torch.zeros(3, 2), "b": torch.zeros(2)})


def test_cards_hash_is_of_the_whole_file(file):
    other = save({"a": torch.zeros(2, 3), "b": torch.zeros(2, dtype=torch.float16)})
    assert len(other) == file.stat().st_size
    file.write_bytes(other)
    assert "hash" in refused(file)


def test_shipped_weights_are_whole_and_small():
    path = weights_path("perception")
    card = read_card(path)
    load_weights("perception")
    assert card["size"] <= 12_000_000
    assert {"what", "recipe", "metrics", "data"} <= card.keys()
