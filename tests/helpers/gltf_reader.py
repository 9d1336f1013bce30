"""Reads a GLB file through pygltflib, by the letter of glTF 2.0: another package than the one that writes it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pygltflib
from PIL import Image

_COMPONENTS, _TYPES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}, {5123: "<u2", 5125: "<u4", 5126: "<f4"}


@dataclass(frozen=True, eq=False)
class GltfMesh:
    name: str
    points: np.ndarray  # (n, 3)
    uv: np.ndarray  # (n, 2), origin top-left
    triangles: np.ndarray  # (m, 3)
    texture: np.ndarray  # (h, w, 3)

    @property
    def centres(self):
        """Middle of each triangle, (m, 3)."""
        return self.points[self.triangles].mean(axis=1)

    def colours(self):
        """The texture in the middle of each triangle, (m, 3)."""
        height, width = self.texture.shape[:2]
        column, row = (self.uv[self.triangles].mean(axis=1) * (width, height)).astype(int).T
        return self.texture[row, column]


def read_glb(file):
    document = pygltflib.GLTF2().load(str(file))
    blob = document.binary_blob()

    def view(index):
        part = document.bufferViews[index]
        return blob[part.byteOffset or 0 :][: part.byteLength]

    def array(index):
        accessor = document.accessors[index]
        columns = _COMPONENTS[accessor.type]
        data = view(accessor.bufferView)[accessor.byteOffset or 0 :]
        return np.frombuffer(data, _TYPES[accessor.componentType], accessor.count * columns).reshape(-1, columns)

    assert all(node.matrix is None or np.allclose(np.reshape(node.matrix, (4, 4)), np.eye(4)) for node in document.nodes)
    meshes = []
    for mesh in document.meshes:
        (primitive,) = mesh.primitives
        material = document.materials[primitive.material]
        texture = document.textures[material.pbrMetallicRoughness.baseColorTexture.index]
        picture = Image.open(io.BytesIO(view(document.images[texture.source].bufferView))).convert("RGB")
        part = primitive.attributes
        triangles = array(primitive.indices).reshape(-1, 3)
        meshes.append(GltfMesh(mesh.name, array(part.POSITION), array(part.TEXCOORD_0), triangles, np.array(picture)))
    return document, meshes
