"""The authors' checkpoint, read without running anything in it, and kept as safetensors in the user's data folder."""

from __future__ import annotations

import pickle
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from core.classic.network import LATENT, MEAN_SAMPLES, ClassicNetwork
from core.errors import WeightsError
from core.weights import load_weights, write_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "infinite_nature_zero"
_MEAN = "mean_latent"  # kept beside the authors' tensors, as it takes seconds to compute
_LARGEST = 8 << 30  # bytes of a checkpoint inside a zip
_REMEDY = "name the authors' zip or the *latest.tar in it"


def installed_path() -> Path:
    """Return where the imported weights lie."""
    from platformdirs import user_data_path

    return user_data_path("photoflight") / f"{NAME}.safetensors"


def import_checkpoint(file: Path, target: Path | None = None) -> Path:
    """Convert the authors' zip or ``*latest.tar`` to ``target`` (default: ``installed_path``) and return it.

    Raises WeightsError: unreadable, damaged, not the checkpoint, or for another network.
    """
    weights = checked(read_checkpoint(file))
    network = ClassicNetwork()
    network.load_state_dict(weights)
    samples = np.random.default_rng(0).standard_normal((MEAN_SAMPLES, LATENT), np.float32)
    target = target or installed_path()
    card = {"what": "the authors' released InfiniteNature-Zero generator, imported", "recipe": file.name, "metrics": {}}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_weights(target, weights | {_MEAN: network.mean_latent(torch.from_numpy(samples))}, card)
    except OSError as error:
        raise WeightsError(f"cannot write {target} ({error.strerror}): free some room there") from error
    return target


def load_network(path: Path | None = None) -> tuple[ClassicNetwork, Tensor]:
    """Return the imported network and its mean latent (1, 512). Raises WeightsError."""
    path = path or installed_path()
    if not path.is_file():
        raise WeightsError("the weights of InfiniteNature-Zero are missing: run photoflight weights import FILE")
    with torch.device("meta"):
        network = ClassicNetwork()
    expected = network.state_dict() | {_MEAN: torch.empty(1, LATENT)}
    weights = load_weights(path, expected)
    mean = weights.pop(_MEAN)
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(requires_grad=False), mean


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """Return the tensors in the checkpoint ``file``, by name. Raises WeightsError."""
    try:
        with _opened(file) as path:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{file} is no plain checkpoint, or would run code, which is refused: {_REMEDY}") from error
    except (RuntimeError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{file} is damaged or something else: {_REMEDY}") from error
    except OSError as error:
        raise WeightsError(f"{file} cannot be read ({error.strerror}): {_REMEDY}") from error
    state: Any = content.get("netG_ema", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{file} holds no network netG_ema: {_REMEDY}")
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def checked(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return all 165 entries as float32. Filters are constants: they may be missing. Raises WeightsError."""
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in ClassicNetwork().named_parameters()}
    given = {name: tensor for name, tensor in state.items() if not name.endswith(".kernel")}
    for names, what in ((shapes.keys() - given.keys(), "lacks"), (given.keys() - shapes.keys(), "has besides")):
        if names:
            raise WeightsError(f"the checkpoint {what} {min(names)}: it is for another network; {_REMEDY}")
    for name, shape in shapes.items():
        if given[name].shape != shape:
            found = f"{tuple(given[name].shape)} instead of {tuple(shape)}"
            raise WeightsError(f"{name} of the checkpoint is {found}: it is for another network; {_REMEDY}")
    return {name: given[name].float() if name in given else filled for name, filled in _filters(given)}


def _filters(given: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield every entry's name in the authors' order, with the filter if it is one."""
    from core.classic.layers import fir

    with torch.device("meta"):
        names = list(ClassicNetwork().state_dict())
    for name in names:
        yield name, given[name] if name in given else fir(4.0 if ".blur." in name or ".upsample." in name else 1.0)


@contextmanager
def _opened(file: Path) -> Iterator[Path]:
    """Yield the checkpoint itself, taken out of the authors' zip if ``file`` is that (a checkpoint is a zip, too)."""
    members = []
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            members = sorted(
                (info for info in archive.infolist() if info.filename.endswith("latest.tar")), key=lambda info: info.filename
            )
    if not members:
        yield file
        return
    if members[-1].file_size > _LARGEST:
        raise WeightsError(f"{members[-1].filename} in {file} has {members[-1].file_size} bytes: {_REMEDY}")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(file) as archive:
        inner = Path(folder) / "latest.tar"
        with archive.open(members[-1]) as source, inner.open("wb") as out:
            while chunk := source.read(1 << 20):
                out.write(chunk)
        yield inner
