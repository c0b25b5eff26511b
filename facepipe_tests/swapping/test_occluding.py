"""What an occluder sees before a face hides the swap there, in whatever square it is drawn."""

import numpy as np
import pytest

from facepipe.landmarks.alignment import apply_transform, network_transform
from facepipe.landmarks.regions import five_points
from facepipe.media.decode import Frame
from facepipe.occlusion.occluder import Occluder
from facepipe.swapping.occluding import SeenOcclusion
from facepipe.swapping.place import Place
from facepipe_tests.identity.conftest import face_points
from facepipe_tests.occlusion.by_hand import colour_file


@pytest.mark.parametrize("size_px", [128, 256])
@pytest.mark.parametrize("wider", [1.0, 0.7])
def test_things_in_the_frame_are_left_out_of_the_square_where_they_are(tmp_path, size_px, wider):
    points = face_points() * 0.9 + np.array([60, 20, 0], np.float32)
    frame_rgb = np.full((360, 480, 3), 255, np.uint8)
    frame_rgb[:, 205:] = (255, 0, 255)  # no green: the file says that it hides the face
    move = network_transform(five_points(points), size_px) * np.float32(wider)
    crop = np.zeros((size_px, size_px, 3), np.uint8)
    place = Place(Frame(0, 0.0, 0, frame_rgb), points, move, crop, apply_transform(move, points))
    occluder = Occluder(colour_file(tmp_path / "o.onnx"), "cpu", 1)
    visible = SeenOcclusion(occluder).visible(place)
    assert visible.shape == (size_px, size_px)
    edge = float(move[0, 0] * 205 + move[0, 2])
    middle = round(float(place.points_px[1, 1]))
    reach = size_px * wider / 16
    assert visible[middle, : round(edge - reach)].min() > 0.95
    assert visible[middle, round(edge) :].max() < 0.1
