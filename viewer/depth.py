"""The ``depth`` command: what the program sees in a photo, as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.errors import OutputError
from viewer.provenance import program_version

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from viewer.options import DepthOptions


def run(options: DepthOptions) -> None:
    """Write three PNG files: the disparity, and beside it NAME_sky and NAME_view, a picture of both.

    Disparity is 16-bit grey, 65535 for 1, near is bright; it goes on under the sky, which is 8-bit grey of its own.
    Raises ``PhotoError``, ``PerceptionError``, ``WeightsError`` or, where the files cannot be written, ``OutputError``.
    """
    from PIL import Image

    from core.perception import depth_report, perceive
    from core.photo import open_photo

    photo = open_photo(options.photo)
    scene = perceive(photo.image, options.perception)
    output = options.output.with_suffix(".png")
    _save(Image.fromarray(np.round(scene.disparity * 65535.0).astype(np.uint16)), output)
    _save(Image.fromarray(np.round(scene.sky * 255.0).astype(np.uint8)), output.with_stem(f"{output.stem}_sky"))
    _save(Image.fromarray(depth_report(photo.image, scene)), output.with_stem(f"{output.stem}_view"))
    print(f"wrote {output}, {output.stem}_sky.png and {output.stem}_view.png")


def _save(picture: Image.Image, path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add_text("Software", f"photoflight {program_version()}")
    try:
        picture.save(path, pnginfo=about)
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written ({error.strerror or error}); choose another place with -o") from error
