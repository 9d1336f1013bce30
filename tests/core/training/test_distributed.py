"""Several processes: gradients are averaged, so that all ranks keep the same weights while each flies its own flights."""

import os
import subprocess
import sys

import pytest
import torch

from core.training.distributed import Group

SCRIPT = """
import sys
import torch
import tiny_training
from core import sky
from core.training.distributed import Group

sky.WIDTH, sky.HEIGHT = 256, 128
torch.set_num_threads(1)
frozen = tiny_training.features()
with Group.join() as group:
    for name, options in {"plain": {}, "unrolled": {"unroll": 2, "accumulate": 2}}.items():
        trainer = tiny_training.trainer(frozen, group=group, warmup=0, **options)
        start = {name: value.clone() for name, value in trainer.network.state_dict().items()}
        figures = [trainer.train_step() for _ in range(2)]
        seeds = [rollout.seed for rollout in trainer.pool._rollouts]
        result = {"start": start, "network": trainer.network.state_dict(), "judges": trainer.judges.state_dict(),
                  "averages": trainer.averages, "figures": figures, "seeds": seeds, "size": group.size}
        torch.save(result, f"{sys.argv[1]}/{name}.{group.rank}.pt")
"""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory, project_root):
    """What two processes ended with, by name of the training."""
    folder = tmp_path_factory.mktemp("ranks")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script), str(folder)]
    paths = os.pathsep.join((str(project_root), str(project_root / "tests" / "helpers")))
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: [torch.load(folder / f"{name}.{rank}.pt") for rank in range(2)] for name in ("plain", "unrolled")}


@pytest.mark.parametrize("name", ["plain", "unrolled"])
def test_two_processes_end_with_the_same_weights(ranks, name):
    one, other = ranks[name]
    assert one["size"] == other["size"] == 2
    for part in ("start", "network", "judges", "averages"):
        for key, value in one[part].items():
            assert torch.equal(value, other[part][key]), (part, key)
    assert any(not torch.equal(value, one["start"][key]) for key, value in one["network"].items())


@pytest.mark.parametrize("name", ["plain", "unrolled"])
def test_each_flies_its_own_flights_and_all_learn_from_them(ranks, name):
    one, other = ranks[name]
    assert not set(one["seeds"]) & set(other["seeds"])
    last, others_last = one["figures"][-1], other["figures"][-1]
    assert last["pixels"] != others_last["pixels"]
    assert last["gradient"] == pytest.approx(others_last["gradient"], rel=1e-6)  # of all flights, the same on every rank


def test_alone_there_is_no_group(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    module = torch.nn.Linear(2, 2)
    with Group.join() as group:
        assert (group.rank, group.size) == (0, 1)
        assert group.shared(module) is module
    assert not torch.distributed.is_initialized()
