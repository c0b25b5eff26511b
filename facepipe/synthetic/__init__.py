"""Procedural people with exact ground truth, for the demo and the tests.

A head is a set of densely sampled surfaces. A frame poses the samples, resolves them with a
z-buffer, lights what is visible and averages the samples of a pixel. Eyes and mouth are painted by
formulas, so the places of lids, pupils and lips are known. It shows no real person and needs no
download.
"""

from facepipe.synthetic.clips import write_clip, write_stills
from facepipe.synthetic.motion import MotionSettings
from facepipe.synthetic.people import CAST, Identity
from facepipe.synthetic.scene import Clip, render
from facepipe.synthetic.truth import MESH_POINTS, POINT_NAMES, Truth, load_truth, save_truth

__all__ = [
    "CAST",
    "MESH_POINTS",
    "POINT_NAMES",
    "Clip",
    "Identity",
    "MotionSettings",
    "Truth",
    "load_truth",
    "render",
    "save_truth",
    "write_clip",
    "write_stills",
]
