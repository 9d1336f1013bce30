"""How the package sets up the libraries below it."""

import os
import re
import subprocess
import sys

import pytest


def test_waiting_threads_sleep_once_torch_is_loaded():
    environment = {name: value for name, value in os.environ.items() if name not in {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}}
    code = "import core.training, sys; assert 'torch' not in sys.modules; import torch"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )
    spins = re.findall(r"GOMP_SPINCOUNT = '(\d+)'", run.stderr)
    if not spins:
        pytest.skip("this torch does not tell how its threads wait: it is built without GNU OpenMP")
    assert set(spins) == {"0"}
