"""A known scene is found where it should be in every format, read by other packages than those that wrote it."""

import errno
import json
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from card_scene import BLUE, BOTTOM, CARD, GREEN, LEFT, LENS, RED, RIGHT, SKY, SKYLINE, TOP, WALL, card_keyframe
from gltf_reader import read_glb
from handmade import StripedLook
from PIL import Image

from core.camera import Camera, turn
from core.errors import OutputError
from core.export import check_target, export_world, kind_of
from core.export.transforms import DEPTH_UNIT
from core.sky import Dome
from core.world import World

PIXEL = 1.0 / (120 * LENS.fx)  # width of a geometry pixel at distance 1


@pytest.fixture(scope="module")
def flown():
    """A world of the photo and two keyframes further on, and its dome."""
    world = World(card_keyframe())
    for forward, yaw in ((0.4, 0.1), (0.8, -0.15)):
        assert world.add(card_keyframe(Camera(LENS).moved(np.array([0.1, 0.0, forward]), turn(yaw))))
    return world, Dome.of(world.photo)


@pytest.fixture(scope="module")
def written(flown, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    lines = {name: export_world(*flown, folder / name) for name in ("cloud.ply", "mesh.ply", "scene.glb", "frames")}
    return folder, lines


def near(colours, colour):
    return np.abs(colours[:, :3].astype(int) - colour).max(axis=1) < 40


def assert_scene(points, colours):
    """Points (n, 3) in OpenGL axes and their colours (n, 3) are the card and the wall, where they are."""
    red, blue, green = (points[near(colours, colour)] for colour in (RED, BLUE, GREEN))
    assert min(len(red), len(blue), len(green)) > 50
    tolerance = 2.0 * CARD * PIXEL
    for half, low, high in ((red, -(TOP + BOTTOM) / 2, -TOP), (blue, -BOTTOM, -(TOP + BOTTOM) / 2)):  # +Y is up
        assert half.min(axis=0) == pytest.approx([LEFT, low, -CARD], abs=tolerance)
        assert half.max(axis=0) == pytest.approx([RIGHT, high, -CARD], abs=tolerance)
    assert green[:, 2] == pytest.approx(-WALL, abs=0.05)
    assert green[:, 1].max() == pytest.approx(-SKYLINE, abs=3.0 * WALL * PIXEL)
    assert not near(colours, SKY).any()


def test_cloud(written, flown):
    folder, lines = written
    cloud = trimesh.load(folder / "cloud.ply")
    points, colours = np.asarray(cloud.vertices), np.asarray(cloud.colors)
    assert_scene(points, colours)
    assert f"{len(points)} points from 3 keyframes" in lines["cloud.ply"]
    on_card = points[:, 2] > -3.0
    every = sum(int((key.disparity > 1.0 / 3.0).sum()) for key in flown[0].keyframes)
    assert on_card.sum() < 0.7 * every  # of what three keyframes show, the finest is kept


def test_normals_of_the_cloud_face_who_saw_it(written):
    data = (written[0] / "cloud.ply").read_bytes()
    head, body = data.split(b"end_header\n", 1)
    assert b"format binary_little_endian 1.0" in head
    vertices = np.frombuffer(body, [(name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")] + [("rgb", "u1", 3)])
    normals = np.column_stack([vertices[name] for name in ("nx", "ny", "nz")])
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (normals[:, 2] > 0.99).mean() > 0.9  # card and wall both face the photo, which looks along -Z


def test_mesh_with_coloured_vertices(written):
    mesh = trimesh.load(written[0] / "mesh.ply", process=False)
    assert_scene(np.asarray(mesh.vertices), np.asarray(mesh.visual.vertex_colors))
    assert_sheets(np.asarray(mesh.vertices), np.asarray(mesh.faces))


def test_textured_mesh(written):
    document, meshes = read_glb(written[0] / "scene.glb")
    land = [mesh for mesh in meshes if mesh.name != "sky"]
    assert len(land) == 3
    assert_scene(np.concatenate([mesh.centres for mesh in land]), np.concatenate([mesh.colours() for mesh in land]))
    for mesh in land:
        assert_sheets(mesh.points, mesh.triangles)
    assert document.extensionsUsed == ["KHR_materials_unlit"]
    assert all("KHR_materials_unlit" in material.extensions for material in document.materials)


def assert_sheets(points, triangles):
    """No triangle hangs between card and wall, and all are counter-clockwise for who looks along -Z."""
    corners = points[triangles].astype(np.float64)
    assert np.ptp(corners[..., 2], axis=1).max() < 1.0
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normals[np.linalg.norm(normals, axis=1) > 1e-9][:, 2] > 0.0).all()


def test_the_sky_is_where_the_photo_has_it(written):
    _, meshes = read_glb(written[0] / "scene.glb")
    (sky,) = (mesh for mesh in meshes if mesh.name == "sky")
    assert np.linalg.norm(sky.points, axis=1).min() > WALL
    centres = sky.centres
    ahead = centres / np.linalg.norm(centres, axis=1, keepdims=True) @ np.array([0.0, 0.42, -0.907]) > 0.997  # +Y up
    assert ahead.any()
    assert near(sky.colours()[ahead], SKY).all()
    corners = sky.points[sky.triangles].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("ni,ni->n", normals, centres) <= 1e-6).all()  # seen from within


def test_frames_with_depth(written, flown):
    folder = written[0] / "frames"
    document = json.loads((folder / "transforms.json").read_text())
    assert document["integer_depth_scale"] == document["depth_unit_scale_factor"] == DEPTH_UNIT
    assert len(document["frames"]) == 3
    points, colours = [], []
    for frame in document["frames"]:
        image, depth = (np.array(Image.open(folder / frame[key])) for key in ("file_path", "depth_file_path"))
        assert image.shape == (frame["h"], frame["w"], 3)
        assert depth.shape == image.shape[:2]
        assert depth.dtype == np.uint16
        row, column = np.nonzero(depth)
        z = depth[row, column] * document["integer_depth_scale"]
        x = (column + 0.5 - frame["cx"]) / frame["fl_x"] * z
        y = (row + 0.5 - frame["cy"]) / frame["fl_y"] * z
        pose = np.array(frame["transform_matrix"])
        points.append(np.column_stack([x, -y, -z]) @ pose[:3, :3].T + pose[:3, 3])
        colours.append(image[row, column])
    assert_scene(np.concatenate(points), np.concatenate(colours))
    first = np.array(Image.open(folder / document["frames"][0]["file_path"]))
    assert np.array_equal(first, flown[0].photo.image)


@pytest.mark.parametrize(("name", "kind"), [("a.ply", "cloud"), ("my_MESH.PLY", "mesh"), ("a.glb", "mesh"), ("folder", "frames")])
def test_names_tell_what_is_wanted(tmp_path, name, kind):
    assert kind_of(tmp_path / name) == kind


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("a.obj", None, "no export is called .obj"),
        ("a.glb", "cloud", "cloud is written as .ply"),
        ("a.ply", "frames", "to a folder"),
    ],
)
def test_names_that_cannot_be(flown, tmp_path, name, kind, words):
    with pytest.raises(OutputError, match=words) as caught:
        export_world(*flown, tmp_path / name, kind)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_may_have_dots_in_its_name(flown, tmp_path):
    assert "3 frames" in export_world(*flown, tmp_path / "DSC.1 frames", "frames")


@pytest.mark.parametrize("name", ["cloud.ply", "scene.glb", "frames"])
def test_a_place_that_cannot_be_written_to(flown, tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot be written .*--to"):
        export_world(*flown, tmp_path / "file" / name)


def test_a_folder_is_not_overwritten_by_a_file(tmp_path):
    (tmp_path / "a.ply").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        check_target(tmp_path / "a.ply", "cloud")


def test_a_full_disk_leaves_the_earlier_file(flown, tmp_path, monkeypatch):
    earlier = tmp_path / "cloud.ply"
    earlier.write_bytes(b"earlier")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        export_world(*flown, earlier)
    assert earlier.read_bytes() == b"earlier"
    assert [file.name for file in tmp_path.iterdir()] == ["cloud.ply"]


def test_a_photo_that_is_all_sky(tmp_path):
    key = card_keyframe(Camera(LENS).moved(np.zeros(3), turn(pitch=1.2)))
    assert key.sky.all()
    with pytest.raises(OutputError, match="there is no land"):
        export_world(World(key), Dome.of(key), tmp_path / "cloud.ply")


def test_pictures_that_are_found_in_the_photo_are_written_as_fine_as_they_count(tmp_path):
    photo = card_keyframe()
    found = replace(card_keyframe(Camera(LENS).moved(np.array([0.1, 0.0, 0.4]), np.eye(3))), look=StripedLook())
    world = World(photo)
    assert world.add(found)
    export_world(world, Dome.of(photo), tmp_path / "frames")
    picture, depth = (np.array(Image.open(tmp_path / "frames" / part / "00001.png")) for part in ("images", "depth"))
    assert picture.shape == (4 * 80, 4 * 120, 3)
    assert depth.shape == picture.shape[:2]
    assert (picture == found.finest).all()
    export_world(world, Dome.of(photo), tmp_path / "scene.glb")
    textures = [mesh.texture for mesh in read_glb(tmp_path / "scene.glb")[1]]
    assert any(texture.shape == picture.shape and (texture == picture).all() for texture in textures)
