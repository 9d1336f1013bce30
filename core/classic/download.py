"""Download of the authors' checkpoint: with progress, and going on where it was cut off."""

from __future__ import annotations

import hashlib
import http.client
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from core.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "https://storage.googleapis.com/gresearch/infinite_nature_zero/infinite_nature_zero_ckpts_data.zip"
_PATIENCE = 30.0  # seconds without a byte
_PIECE = 1 << 18  # bytes
_PARTIAL, _BEYOND_THE_END = 206, 416


def download(target: Path, address: str = ADDRESS) -> str:
    """Write what is at ``address`` to ``target``, after what is there of it already, and return its SHA-256.

    Raises WeightsError: no way to it, cut off (called again, it goes on), or no room.
    """
    from tqdm import tqdm

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab") as file:
            have = file.tell()
            request = Request(address, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310  https, or a test's
            with urlopen(request, timeout=_PATIENCE) as reply:  # noqa: S310
                if have and reply.status != _PARTIAL:  # the server begins anew, whatever it was asked for
                    file.truncate(have := 0)
                rest = reply.headers.get("Content-Length")
                total = have + int(rest) if rest else None
                with tqdm(total=total, initial=have, unit="B", unit_scale=True, disable=None) as progress:
                    while piece := reply.read(_PIECE):
                        file.write(piece)
                        progress.update(len(piece))
            if total is not None and file.tell() < total:
                raise WeightsError(f"{address} was cut off after {file.tell()} of {total} bytes: fetch again to go on")
    except HTTPError as error:
        if error.code != _BEYOND_THE_END:  # it is here already
            raise _unreachable(address, f"{error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:  # URLError among them, and a full disk
        raise _unreachable(address, str(getattr(error, "reason", "") or error or type(error).__name__)) from error
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unreachable(address: str, reason: str) -> WeightsError:
    return WeightsError(f"cannot fetch {address} ({reason}): fetch again, or download it yourself and run weights import FILE")
