"""What an occluder file sees before a face, as a mask of the face's square."""

from pathlib import Path

import cv2
import numpy as np

from facepipe.arrays import FloatArray
from facepipe.compositing.blend import cut_square
from facepipe.landmarks.alignment import network_transform
from facepipe.landmarks.regions import five_points
from facepipe.occlusion.contract import INPUT_PX
from facepipe.occlusion.occluder import Occluder, calmed
from facepipe.swapping.parsing import FaceParser
from facepipe.swapping.place import Occlusion, Place


class SeenOcclusion:
    """`place.Occlusion` by a file; it looks at the inswapper contract's square, whatever is drawn.

    Args:
        occluder: the file, opened.
    """

    def __init__(self, occluder: Occluder) -> None:
        self._occluder = occluder

    def visible(self, place: Place) -> FloatArray:
        """How much of the face is seen, 0 to 1, in its square: `(S, S)`."""
        looked = network_transform(five_points(place.face_px), INPUT_PX)
        square_rgb = cut_square(place.frame.rgb, looked, INPUT_PX)
        mask = calmed(self._occluder.shares(square_rgb))
        move = _after(place.transform, np.asarray(cv2.invertAffineTransform(looked), np.float32))
        return np.asarray(
            cv2.warpAffine(mask, move, place.size_wh, borderMode=cv2.BORDER_REPLICATE), np.float32
        )


def occlusions_by(
    face_parser: Path | None, occluder: Path | None, device: str, threads: int
) -> list[Occlusion]:
    """What looks at each face, of the files that there are; raises as they do."""
    found: list[Occlusion] = []
    if face_parser is not None:
        found.append(FaceParser(face_parser, device, threads))
    if occluder is not None:
        found.append(SeenOcclusion(Occluder(occluder, device, threads)))
    return found


def _after(second: FloatArray, first: FloatArray) -> FloatArray:
    """Both `(2, 3)` transforms, one after the other."""
    whole = np.vstack([second, [0, 0, 1]]) @ np.vstack([first, [0, 0, 1]])
    return whole[:2].astype(np.float32)
