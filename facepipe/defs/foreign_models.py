"""Models that a setting names: found by path or name, and held against whom they draw."""

from pathlib import Path

import dagster as dg

from facepipe.defs.inputs import ConsentedPair
from facepipe.errors import BadInputError, ConsentError
from facepipe.provenance.digests import IDENTITY_MEDIA
from facepipe.swapping.drawing_settings import LORA, MESH

LANDMARKER = "face_landmarker"
"""The name of MediaPipe's landmark model."""
_OURS = "base_sha256"


def model_file(place: str, models: Path) -> Path | None:
    """The file at a path, or of the model with this name; none where `place` is empty.

    Raises:
        BadInputError: There is no such file, and no such model.
        ModelFileError: The model's file is missing or altered.
    """
    from facepipe.inference.models import ensure_model

    if not place:
        return None
    path = Path(place).expanduser()
    if path.is_file():
        return path.resolve()
    if path.suffix or "/" in place:
        raise BadInputError(f"{place}: no such file; give a model's path, or a registered name")
    return ensure_model(place, models)


def swapping_model(swapper: str, models: Path) -> Path | None:
    """The file of a model from elsewhere that draws faces; none for the pair's own swappers.

    Raises:
        BadInputError: There is no such file, and no such model.
        ModelFileError: It is damaged, or in no contract that is known.
    """
    if swapper in (LORA, MESH):
        return None
    from facepipe.swapping.contract import kind_of_model, read_contract

    path = model_file(swapper, models)
    if path and kind_of_model(path) == "inswapper":
        read_contract(path)
    return path


def require_its_person(pair: ConsentedPair, model: Path, log: dg.DagsterLogManager) -> None:
    """Refuse a model from elsewhere that would draw another person than the pair's identity.

    A file made by facepipe says from whose media it learnt. Of others, one in the inswapper
    contract draws whom the profile names, if ArcFace made the profile; whom a DFM draws cannot be
    seen, so that whoever names it as swapper says that it is the identity.

    Raises:
        ConsentError: It was trained on other media than the identity's, as far as it says.
        BadInputError: The profile means nothing to it.
    """
    from facepipe.identity.profile import Profile
    from facepipe.inference.registry import ARCFACE
    from facepipe.swapping.contract import kind_of_model, told_by
    from facepipe.swapping.drawing import require_arcface

    told = told_by(model)
    if told.keys() & {_OURS, IDENTITY_MEDIA}:
        if told.get(IDENTITY_MEDIA) != pair.identity.digest:
            raise ConsentError(
                f"{model}: was trained on other media than identity {pair.identity_name!r} has "
                f"now, and its record does not cover whom it draws; export the model again"
            )
        return
    if kind_of_model(model) == "dfm":
        log.warning("%s draws its own person, who is taken to be %s", model, pair.identity_name)
        return
    profile = Profile.load(pair.get("identity/profile").path / "profile.json")
    version = require_arcface(profile, model)
    if version != Path(ARCFACE.file).stem:
        log.warning(
            "%s: most such models know %s, and the profile was made with %s",
            model, Path(ARCFACE.file).stem, version,
        )  # fmt: skip
