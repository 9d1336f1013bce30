"""Small picture files for the tests of core.photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image

if TYPE_CHECKING:
    from pathlib import Path


def scene(width: int = 96, height: int = 64) -> np.ndarray:
    """A smooth picture whose four corners differ: red, green, blue, yellow."""
    u, v = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    corners = np.array([[[220, 30, 30], [30, 200, 40]], [[30, 40, 210], [220, 210, 40]]], float)
    top = corners[0, 0] * (1 - u)[..., None] + corners[0, 1] * u[..., None]
    bottom = corners[1, 0] * (1 - u)[..., None] + corners[1, 1] * u[..., None]
    return np.round(top * (1 - v)[..., None] + bottom * v[..., None]).astype(np.uint8)


def saved(path: Path, image: Image.Image | np.ndarray, **options: object) -> Path:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    if path.suffix == ".heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    picture.save(path, **options)
    return path


def exif(orientation: int | None = None, **tags: object) -> Image.Exif:
    data = Image.Exif()
    if orientation:
        data[ExifTags.Base.Orientation] = orientation
    data.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base[name]: value for name, value in tags.items()})
    return data
