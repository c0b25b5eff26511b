"""Faces with things before them, and what of each shows: drawn people, stills, frames of clips."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facepipe.landmarks.alignment import apply_transform, cut, network_transform
from facepipe.landmarks.regions import FACE_OVAL, fill_region, five_points
from facepipe.occlusion.contract import INPUT_PX
from facepipe.occlusion.labels import FACE, UNKNOWN, outline_label
from facepipe.occlusion.trust import LOOKS
from facepipe.synthetic.pasting import paste
from facepipe.synthetic.things import THINGS
from facepipe_tests.benchmarks import strange_things
from facepipe_tests.real import CLIPS, STILLS

UNSEEN_PEOPLE = range(9000, 9012)
"""Seeds far from those that are trained on."""
CLIPS_SHOWN = ("dev_b_man_talk", "dev_c_man_glasses", "dev_large_pose", "dev_a_woman_ai")


@dataclass(frozen=True, eq=False)
class Square:
    """A face in an occluder's square, and what is known of it.

    Attributes:
        rgb: `(256, 256, 3)`.
        outline: `(256, 256)` true inside the face's outline, whatever is before it.
        visible: `(256, 256)` true where the face shows.
        sure: `(256, 256)` true where `visible` is known.
    """

    rgb: np.ndarray
    outline: np.ndarray
    visible: np.ndarray
    sure: np.ndarray

    def behind(self, rgb, cover):
        """The same behind a thing."""
        return Square(
            np.clip(rgb, 0, 255).astype(np.uint8),
            self.outline,
            self.visible & (cover < 0.5),
            self.sure | (cover >= 0.5),
        )


def drawn_people(moments: int = 3) -> list[Square]:
    """Synthetic people with exact faces."""
    from facepipe.training.occluder_data import plain_lesson
    from facepipe.training.occluder_people import drawn_hosts

    known = plain_lesson(drawn_hosts(UNSEEN_PEOPLE, moments))
    rgb = (known.target.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    faces = known.visible[:, 0].numpy() > 0.5
    return [
        Square(one, face, face, np.ones_like(face)) for one, face in zip(rgb, faces, strict=True)
    ]


def real_square(picture_rgb, points_px) -> Square:
    """The square of a bare face, as far as its landmarks tell."""
    move = network_transform(five_points(points_px), INPUT_PX)
    points = apply_transform(move, points_px)
    label = outline_label(points, INPUT_PX)
    inside = fill_region(points, FACE_OVAL, (INPUT_PX, INPUT_PX))
    return Square(cut(picture_rgb, move, INPUT_PX), inside, label == FACE, label != UNKNOWN)


def real_squares(pictures, bundle) -> list[Square]:
    """The largest face of each picture that shows one."""
    from facepipe.landmarks.landmarker import FaceFinder

    with FaceFinder(bundle, 1, moving=False) as finder:
        found = [(picture, finder.find(picture, 0.0)[0]) for picture in pictures]
    return [real_square(picture, faces[0]) for picture, faces in found if len(faces)]


def stills():
    """All stills, paintings too."""
    return [
        np.ascontiguousarray(cv2.imread(str(path))[..., ::-1]) for path in sorted(STILLS.iterdir())
    ]


def frames(clip: str, count: int = LOOKS):
    """Frames of a clip, spread in time."""
    from facepipe.media.decode import decode

    every = [frame.rgb for frame in decode(CLIPS / f"{clip}.mp4")]
    return [every[row] for row in np.linspace(0, len(every) - 1, count).astype(int)]


def with_trained_kinds(squares: list[Square], seed: int) -> list[Square]:
    """Each behind one thing of every kind that is trained on, in other light and quality."""
    from facepipe.training.occluder_data import Hosts, lesson

    margin = INPUT_PX // 8
    widened = [
        np.stack(
            [cv2.copyMakeBorder(plane, *[margin] * 4, cv2.BORDER_REPLICATE) for plane in planes]
        )
        for planes in (
            [square.rgb for square in squares],
            [square.visible.astype(np.uint8) * 255 for square in squares],
            [square.sure.astype(np.uint8) * 255 for square in squares],
        )
    ]
    hosts = Hosts(*widened, np.arange(len(squares), dtype=np.float32))
    rng, found = np.random.default_rng(seed), []
    for kind in THINGS:
        made = lesson(hosts, range(len(squares)), hosts.rgb, rng, [kind])
        planes = (
            made.target.permute(0, 2, 3, 1) * 255,
            *(plane[:, 0] > 0.5 for plane in (made.outline, made.visible, made.sure)),
        )
        rgb, *masks = (plane.numpy() for plane in planes)
        found += [
            Square(one.astype(np.uint8), *known) for one, *known in zip(rgb, *masks, strict=True)
        ]
    return _hidden_at_all(found)


def with_unseen_kinds(squares: list[Square], seed: int) -> list[Square]:
    """Each behind one thing of every kind that is not trained on."""
    rng, found = np.random.default_rng(seed), []
    for kind in strange_things.KINDS:
        for square in squares:
            sprite = strange_things.drawn(rng, kind, INPUT_PX)
            colours = strange_things.texture(rng, kind, INPUT_PX)
            found.append(square.behind(*paste(rng, square.rgb.astype(np.float32), sprite, colours)))
    return _hidden_at_all(found)


def _hidden_at_all(squares: list[Square]) -> list[Square]:
    """Those of whose faces at least a fiftieth is hidden."""
    return [
        square for square in squares if square.visible[square.outline & square.sure].mean() < 0.98
    ]


def material(bundle: Path) -> dict[str, list[Square]]:
    """What is judged, by row."""
    people, real = drawn_people(), real_squares(stills(), bundle)
    return {
        "drawn people, kinds trained on": with_trained_kinds(people[::2], 1),
        "drawn people, other kinds": with_unseen_kinds(people[::2], 2),
        "real stills, kinds trained on": with_trained_kinds(real, 3),
        "real stills, other kinds": with_unseen_kinds(real, 4),
        "drawn people, bare": people,
        "real stills, bare": real,
        **{f"{clip}, bare": real_squares(frames(clip), bundle) for clip in CLIPS_SHOWN},
    }
