"""What an occluder file sees before a face, as a mask of the face's square."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facepipe.arrays import FloatArray
from facepipe.compositing.blend import cut_square
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import network_transform
from facepipe.landmarks.regions import five_points
from facepipe.occlusion.contract import INPUT_PX
from facepipe.occlusion.labels import trust_in
from facepipe.occlusion.occluder import Occluder, calmed
from facepipe.occlusion.trust import believed
from facepipe.swapping.casting import Part
from facepipe.swapping.parsing import FaceParser
from facepipe.swapping.place import Occlusion, Place


class SeenOcclusion:
    """`place.Occlusion` by a file; it looks at the inswapper contract's square, whatever is drawn.

    Args:
        occluder: the file, opened.
        trusted: how far to believe it, `(256, 256)`; wholly without.
    """

    def __init__(self, occluder: Occluder, trusted: FloatArray | None = None) -> None:
        self._occluder, self._trusted = occluder, trusted

    def visible(self, place: Place) -> FloatArray:
        """How much of the face is seen, 0 to 1, in its square: `(S, S)`."""
        looked = network_transform(five_points(place.face_px), INPUT_PX)
        square_rgb = cut_square(place.frame.rgb, looked, INPUT_PX)
        mask = calmed(believed(self._occluder.shares(square_rgb), self._trusted))
        move = _after(place.transform, np.asarray(cv2.invertAffineTransform(looked), np.float32))
        return np.asarray(
            cv2.warpAffine(mask, move, place.size_wh, borderMode=cv2.BORDER_REPLICATE), np.float32
        )


@dataclass(frozen=True)
class Lookers:
    """The files that look at faces, and where they run.

    Attributes:
        face_parser: ONNX file of `parsing.FaceParser`; none to do without.
        occluder: ONNX file of `occlusion.Occluder`; none to do without.
        device: as `inference.sessions.open_session` takes it.
        threads: of the CPU; 0 leaves it to the runtime.
    """

    face_parser: Path | None
    occluder: Path | None
    device: str
    threads: int


def occlusions_by(
    files: Lookers, parts: Sequence[Part], faces: Path | None = None
) -> list[list[Occlusion]]:
    """What looks at the faces of each part, of the files that there are; raises as they do.

    Args:
        files: which.
        parts: whose faces.
        faces: folder of a target's faces, to learn from how far the occluder can be believed about
            them; it is believed in everything about people of whom that holds few, and without.
    """
    where = (files.device, files.threads)
    parser = FaceParser(files.face_parser, *where) if files.face_parser else None
    occluder = Occluder(files.occluder, *where) if files.occluder else None
    known = FaceSet.load(faces) if occluder and faces else None
    found: list[list[Occlusion]] = []
    for part in parts:
        looks: list[Occlusion] = [parser] if parser else []
        if occluder:
            trusted = _trusted(occluder, known, part) if known else None
            looks.append(SeenOcclusion(occluder, trusted))
        found.append(looks)
    return found


def _trusted(occluder: Occluder, faces: FaceSet, part: Part) -> FloatArray | None:
    theirs = np.flatnonzero(np.isin(faces.track_id, sorted(part.tracks))).astype(np.int32)
    return trust_in(occluder.shares, faces.crops_rgb, theirs)


def _after(second: FloatArray, first: FloatArray) -> FloatArray:
    """Both `(2, 3)` transforms, one after the other."""
    whole = np.vstack([second, [0, 0, 1]]) @ np.vstack([first, [0, 0, 1]])
    return whole[:2].astype(np.float32)
