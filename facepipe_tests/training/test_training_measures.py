"""What is measured of held-out faces is right for faces of which it is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from facepipe.identity.embedding import arcface_crops
from facepipe.training.data import load_faces, network_square
from facepipe.training.evaluation import flicker, landmark_errors, similarities


def test_the_square_that_is_looked_at_is_arcface_s(make_faces):
    faces = make_faces(3)
    seen = []

    def embed(crops):
        seen.append(crops)
        return np.eye(3, 512)

    similarities(network_square(load_faces(faces, 5).rgb), {"identity": np.zeros(512)}, embed)
    off = np.abs(seen[0].astype(int) - arcface_crops(faces.crops_rgb))
    assert seen[0].shape == (3, 112, 112, 3)
    assert off.mean() < 2


def test_similarities_are_mean_cosines_and_the_share_that_is_closer():
    vectors = np.zeros((4, 512))
    vectors[:, 0], vectors[:, 1] = [1, 0.8, 0.6, 0], [0, 0.6, 0.8, 1]
    people = {"identity": np.eye(512)[0], "target": np.eye(512)[1]}
    numbers = similarities(torch.zeros(4, 3, 128, 128), people, lambda crops: vectors)
    assert numbers["similarity_to_identity"] == pytest.approx(0.6)
    assert numbers["similarity_to_target"] == pytest.approx(0.6)
    assert numbers["closer_to_identity_share"] == 0.5


def spots(picture):
    """Landmarks of the face in a picture: where its bluest pixel lies, and its eyes 40 px apart."""
    middle = np.unravel_index(picture[..., 2].argmax(), picture.shape[:2])
    points = np.zeros((1, 478, 3), np.float32)
    points[..., :2] = middle[::-1]
    points[:, 473, 0] += 40
    return points if picture.any() else points[:0]


def squares_with_spots(places, size):
    squares = torch.full((len(places), 3, size, size), 10, dtype=torch.uint8)
    for square, (x, y) in zip(squares, places, strict=True):
        square[2, y, x] = 255
    return squares


def test_landmark_errors_are_the_moves_of_landmarks_as_shares_of_the_eyes_distance():
    stored = squares_with_spots([(60, 60), (70, 80)], 160)
    swapped = squares_with_spots([(48, 44), (54, 74)], 128) / 255  # 4 px right, 10 px down
    about = np.concatenate([spots(picture.permute(1, 2, 0).numpy()) for picture in stored])
    assert landmark_errors(swapped, stored, about + 2, spots) == pytest.approx([0.1, 0.25])


def test_where_no_face_is_found_there_is_no_error_and_no_zero():
    stored = squares_with_spots([(60, 60)], 160)
    about = spots(stored[0].permute(1, 2, 0).numpy())
    black = torch.zeros(1, 3, 128, 128)
    assert landmark_errors(black, stored * 0, about, spots) == []
    assert landmark_errors(black, stored, about + 100, spots) == []


def test_flicker_is_1_for_the_film_itself_and_more_with_every_jump(make_faces):
    faces = load_faces(make_faces(4), 5)
    film, points = network_square(faces.rgb), faces.points_px - np.float32([16, 16, 0])
    assert flicker(film, film, points) == 1
    restless = film + torch.tensor([0.0, 0.1, 0.0, 0.1])[:, None, None, None]
    assert flicker(restless.clamp(0, 1), film, points) > 1.5


def test_flicker_is_looked_for_in_the_longest_run_of_held_out_frames(make_faces):
    faces = make_faces(60)
    gap = replace(faces, frame_index=np.where(np.arange(60) < 58, faces.frame_index, 999))
    cut = replace(faces, scene=(np.arange(60) > 17).astype(np.int32))
    found = [load_faces(each, 5).judged_run.tolist() for each in (faces, gap, cut)]
    assert found == [[16, 17, 18, 19], [16, 17, 18, 19], [36, 37, 38, 39]]
    stills = replace(faces, frame_index=faces.frame_index * 2)
    assert len(load_faces(stills, 5).judged_run) == 1
