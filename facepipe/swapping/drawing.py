"""Which swapper a setting asks for, made of a person's files."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from facepipe.arrays import FloatArray
from facepipe.errors import BadInputError
from facepipe.identity.embedding import described_record, embedder_of, embedder_record
from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile, mean_embedding
from facepipe.swapping.boost import BoostedSwapper
from facepipe.swapping.contract import kind_of_model
from facepipe.swapping.dfm import DfmSwapper
from facepipe.swapping.drawing_settings import LORA, MESH, DrawingSettings
from facepipe.swapping.enhancer import FaceEnhancer
from facepipe.swapping.expression import ExpressionKeeper, faces_in
from facepipe.swapping.refining import RefinedSwapper
from facepipe.swapping.swapper import MeshSwapper, OnnxSwapper, Swapper

_MOST_OF_TARGET = 0.35
"""FaceFusion's slider at either end, which its users know."""


@dataclass(frozen=True)
class DrawingFiles:
    """What a person is drawn from.

    Attributes:
        faces: folder of the person's faces.
        profile: the person's `profile.json`.
        target_faces: folder of the faces that are drawn over.
        models: folder of weights.
        model: ONNX file in the inswapper contract, or DFM; none for the mesh.
        enhancer: ONNX file of a face enhancer, if one is to draw the result anew.
        bundle: MediaPipe's landmark model, if expressions are to be kept.
        device: for the models.
        threads: of the CPU for the models; 0 leaves it to the runtime.
    """

    faces: Path
    profile: Path
    target_faces: Path
    models: Path
    model: Path | None = None
    enhancer: Path | None = None
    bundle: Path | None = None
    device: str = "auto"
    threads: int = 0


def chosen_swapper(files: DrawingFiles, settings: DrawingSettings) -> Swapper:
    """The swapper that settings ask for, and what is done to its faces afterwards.

    Raises:
        BadInputError: A file is missing, or the profile is not one that the model understands.
        ModelFileError: The model is damaged or of another contract.
        NoFaceError: The mesh is asked for and there are no faces.
    """
    swapper = _swapper(files, settings)
    if files.bundle and settings.expression > 0:
        find = partial(faces_in, files.bundle)
        swapper = RefinedSwapper(swapper, ExpressionKeeper(find, settings.expression))
    if files.enhancer is None:
        return swapper
    enhancer = FaceEnhancer(
        files.enhancer,
        settings.enhancer_blend,
        settings.enhancer_fidelity,
        files.device,
        files.threads,
    )
    return RefinedSwapper(swapper, enhancer)


def _swapper(files: DrawingFiles, settings: DrawingSettings) -> Swapper:
    if settings.swapper == MESH:
        return MeshSwapper(FaceSet.load(files.faces))
    if files.model is None:
        raise BadInputError(f"swapper={settings.swapper} needs an ONNX model; none was given")
    if settings.swapper != LORA and kind_of_model(files.model) == "dfm":
        if settings.boost > 1:
            raise BadInputError(f"{files.model} is a DFM, which cannot be boosted: set boost=1")
        return DfmSwapper(files.model, settings.morph, files.device, files.threads)
    embedding = _embedding(files, settings.weight)
    drawn = OnnxSwapper(files.model, embedding, files.device, files.threads)
    return BoostedSwapper(drawn, settings.boost, settings.batch) if settings.boost > 1 else drawn


def require_arcface(profile: Profile, model: Path) -> str:
    """The version of the ArcFace that made a profile, which a model from elsewhere is to draw.

    Raises:
        BadInputError: Another embedder made it, and the model would draw a stranger.
    """
    made_by = embedder_record(profile)
    if made_by["name"] != "arcface":
        raise BadInputError(
            f"{model} draws whom an ArcFace embedding names, and profile {profile.name!r} was made "
            f"with {described_record(made_by)}: it would draw a stranger; put w600k_r50.onnx into "
            f"the models folder and run with --set identity/profile.embedder=arcface"
        )
    return made_by["version"]


def weighted(person: FloatArray, target: FloatArray, weight: float) -> FloatArray:
    """An embedding `(512,)` moved towards the target's own, or away from it, of unit norm.

    Args:
        person: `(512,)` who is to be shown, unit norm.
        target: `(512,)` who was there, unit norm.
        weight: 0 gives the target 0.35 of the sum, 0.5 nothing, 1 takes 0.35 of it off.
    """
    share = _MOST_OF_TARGET * (1 - 2 * weight)
    mixed = (1 - share) * person + share * target
    return (mixed / np.linalg.norm(mixed)).astype(np.float32)


def _embedding(files: DrawingFiles, weight: float) -> FloatArray:
    profile = Profile.load(files.profile)
    if weight == 0.5:
        return profile.embedding
    embedder = embedder_of(profile, files.models)
    target = mean_embedding(FaceSet.load(files.target_faces), embedder)
    return weighted(profile.embedding, target, weight)
