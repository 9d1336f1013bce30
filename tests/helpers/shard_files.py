"""Labelled photographs of a made-up world, and shards of them."""

import io
import json
import tarfile

import cv2
import numpy as np

H, W = 48, 64


def labelled_photo(rng):
    """A plane of ground below a sky, with noise for texture."""
    horizon = int(rng.integers(14, 24))
    rows = np.arange(H)[:, None].repeat(W, axis=1)
    sky = (rows < horizon).astype(np.float32)
    disparity = np.where(sky > 0, 0.0, np.clip(0.05 + (rows - horizon) / (H - horizon) * 0.8, 0.01, 1.0))
    photo = np.where(sky[..., None] > 0, [200, 160, 120], [60, 110, 70]) + rng.integers(0, 30, (H, W, 3))
    return photo.astype(np.uint8), np.round(255 * np.sqrt(disparity)).astype(np.uint8), (255 * sky).astype(np.uint8)


def write_shard(path, count, seed, leave_out="", info=None):
    """Write ``count`` samples; ``leave_out`` a suffix of each; ``info`` overrides what their json says."""
    rng = np.random.default_rng(seed)
    with tarfile.open(path, "w") as tar:
        for i in range(count):
            photo, root, sky = labelled_photo(rng)
            files = {suffix: cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
                     for suffix, image in (("webp", photo), ("disp.webp", root), ("sky.webp", sky))}  # fmt: skip
            about = {"sky": float((sky > 127).mean()), "iou": 0.95, "water": 0.0, "kind": "wide", "tier": "A"} | (info or {})
            for suffix, data in (files | {"json": json.dumps(about).encode()}).items():
                if suffix != leave_out:
                    entry = tarfile.TarInfo(f"s{i}.{suffix}")
                    entry.size = len(data)
                    tar.addfile(entry, io.BytesIO(data))
    return path
