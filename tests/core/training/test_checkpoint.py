"""Checkpoints: what goes in comes out, nothing else is believed, and a kill leaves the last good one."""

import contextlib
import io
import os
import pickle
import random
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.errors import TrainingError
from core.training import checkpoint

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**130), 2**130)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.uint8, np.int64, np.bool_]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
    | st.integers(0, 2**31).map(lambda seed: torch.randn(2, 3, generator=torch.Generator().manual_seed(seed)))
)
KEYS = st.text(min_size=1, max_size=6) | st.integers(0, 9)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def same(a, b):
    """The same tree, by types, dtypes, shapes and bits."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
        assert a.dtype == b.dtype
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for name in a:
            same(a[name], b[name])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        assert a == b


@settings(max_examples=60, deadline=None)
@given(state=st.dictionaries(st.text(min_size=1, max_size=6), TREES, max_size=4))
def test_what_goes_in_comes_out(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("checkpoint") / "checkpoint.pt"
    checkpoint.save(path, state)
    same(checkpoint.load(path), state)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_random_generators_go_on(tmp_path):
    path, generator = tmp_path / "checkpoint.pt", np.random.default_rng(5)
    generator.random(3)
    checkpoint.save(path, {"random": generator.bit_generator.state, "share": np.float64(0.25)})
    loaded, other = checkpoint.load(path), np.random.default_rng(0)
    other.bit_generator.state = loaded["random"]
    assert np.array_equal(other.random(5), generator.random(5))
    assert loaded["share"] == 0.25


def test_arrays_that_are_views_or_read_only(tmp_path):
    whole = np.arange(24, dtype=np.float32).reshape(4, 6)
    frozen = whole.copy()
    frozen.flags.writeable = False
    checkpoint.save(tmp_path / "c.pt", {"view": whole[::2, ::-1], "frozen": frozen})
    loaded = checkpoint.load(tmp_path / "c.pt")
    assert np.array_equal(loaded["view"], whole[::2, ::-1])
    assert np.array_equal(loaded["frozen"], whole)


def refused(path):
    """The one line with which ``path`` is refused."""
    with pytest.raises(TrainingError) as caught:
        checkpoint.load(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    assert "delete it" in line
    return line


def test_a_file_that_is_none(tmp_path):
    path = tmp_path / "checkpoint.pt"
    for content in (b"", b"no checkpoint", b"PK\x03\x04", b"\x80\x02}q\x00.", bytes(4096)):
        path.write_bytes(content)
        refused(path)
    refused(tmp_path / "missing.pt")
    refused(tmp_path)


def test_another_kind_of_content(tmp_path):
    for content in ([1, 2], torch.zeros(3), None):
        torch.save(content, tmp_path / "checkpoint.pt")
        assert "holds no training" in refused(tmp_path / "checkpoint.pt")


def test_truncated_and_damaged_files(tmp_path):
    whole, path = tmp_path / "whole.pt", tmp_path / "checkpoint.pt"
    checkpoint.save(whole, {"step": 3, "weights": torch.randn(40, 40), "names": ["a", ("b", None)], "array": np.arange(9)})
    data = whole.read_bytes()
    for length in (1, 10, 64, 500, len(data) // 2, len(data) - 30, len(data) - 1):
        path.write_bytes(data[:length])
        refused(path)
    draw = random.Random(0)  # noqa: S311 - not a secret
    for _ in range(150):
        start = draw.randrange(len(data))
        path.write_bytes(data[:start] + bytes(draw.randrange(256) for _ in range(20)) + data[start + 20 :])
        with contextlib.suppress(TrainingError):  # and nothing else; damaged numbers may go unnoticed
            checkpoint.load(path)


class Run:
    """A pickle that runs a command as it is read."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_in_a_file_is_not_run(tmp_path, protocol):
    path, trap = tmp_path / "checkpoint.pt", tmp_path / "trap"
    for write in (
        lambda: torch.save({"step": Run(trap)}, path, pickle_protocol=protocol),
        lambda: torch.save({"step": Run(trap)}, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False),
        lambda: path.write_bytes(pickle.dumps({"step": Run(trap)}, protocol=protocol)),
    ):
        write()
        refused(path)
        assert not trap.exists()
    pickle.loads(pickle.dumps(Run(trap)))  # noqa: S301 - it would have
    assert trap.exists()


def test_a_kill_between_writing_and_replacing_leaves_the_old_one(tmp_path):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"step": 1})
    script = (
        "import os, pathlib, signal, sys\n"
        "from core.training import checkpoint\n"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "checkpoint.save(pathlib.Path(sys.argv[1]), {'step': 2})\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert {file.name for file in tmp_path.iterdir()} > {path.name}  # it had got as far as writing
    assert checkpoint.load(path) == {"step": 1}
    checkpoint.save(path, {"step": 3})
    assert checkpoint.load(path) == {"step": 3}
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_full_disk_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"step": 1})

    def full(_state, target):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, {"step": 2})
    assert checkpoint.load(path) == {"step": 1}


def test_arrays_are_kept_as_tensors_so_that_loading_needs_no_code(tmp_path):
    """What torch reads with its strictest setting."""
    checkpoint.save(tmp_path / "c.pt", {"array": np.arange(3)})
    stored = torch.load(io.BytesIO((tmp_path / "c.pt").read_bytes()), weights_only=True)
    assert isinstance(next(iter(stored["array"].values())), torch.Tensor)
