"""What an occluder sees before a face hides the swap there, in whatever square it is drawn."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from facepipe.landmarks.alignment import apply_transform, network_transform
from facepipe.landmarks.regions import five_points
from facepipe.media.decode import Frame
from facepipe.occlusion.occluder import Occluder
from facepipe.swapping.casting import Part
from facepipe.swapping.occluding import Lookers, SeenOcclusion, occlusions_by
from facepipe.swapping.place import Place
from facepipe_tests.identity.conftest import face_points
from facepipe_tests.occlusion.by_hand import colour_file
from facepipe_tests.training.conftest import people_faces


def place_of(frame_rgb, size_px, wider=1.0):
    points = face_points() * 0.9 + np.array([60, 20, 0], np.float32)
    move = network_transform(five_points(points), size_px) * np.float32(wider)
    crop = np.zeros((size_px, size_px, 3), np.uint8)
    return Place(Frame(0, 0.0, 0, frame_rgb), points, move, crop, apply_transform(move, points))


@pytest.mark.parametrize("size_px", [128, 256])
@pytest.mark.parametrize("wider", [1.0, 0.7])
def test_things_in_the_frame_are_left_out_of_the_square_where_they_are(tmp_path, size_px, wider):
    frame_rgb = np.full((360, 480, 3), 255, np.uint8)
    frame_rgb[:, 205:] = (255, 0, 255)  # no green: the file says that it hides the face
    place = place_of(frame_rgb, size_px, wider)
    occluder = Occluder(colour_file(tmp_path / "o.onnx"), "cpu", 1)
    visible = SeenOcclusion(occluder).visible(place)
    assert visible.shape == (size_px, size_px)
    edge = float(place.transform[0, 0] * 205 + place.transform[0, 2])
    middle = round(float(place.points_px[1, 1]))
    reach = size_px * wider / 16
    assert visible[middle, : round(edge - reach)].min() > 0.95
    assert visible[middle, round(edge) :].max() < 0.1


def test_what_a_file_always_takes_for_hidden_is_shown_of_who_is_known_and_hidden_of_others(
    tmp_path,
):
    faces = people_faces(12)
    crops = np.full_like(faces.crops_rgb, 255)
    crops[:, 160:] = (255, 0, 255)  # a beard, for this file
    replace(faces, crops_rgb=crops).save(tmp_path / "faces", pd.DataFrame())
    parts = [Part("ada", frozenset(faces.track_id.tolist())), Part("eve", frozenset({99}))]
    lookers = Lookers(None, colour_file(tmp_path / "o.onnx"), "cpu", 1)
    place = place_of(np.full((360, 480, 3), (255, 0, 255), np.uint8), 128)
    known, stranger = occlusions_by(lookers, parts, tmp_path / "faces")
    (plain,) = occlusions_by(lookers, parts[:1])
    seen = known[0].visible(place)
    assert seen[90:].min() > 0.95
    assert seen[:50].max() < 0.05
    assert stranger[0].visible(place).max() < 0.05
    assert plain[0].visible(place).max() < 0.05
