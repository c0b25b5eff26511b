"""Trainings as what lies on disk and settings: what another process can be asked to do."""

import json
import logging
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias, Unpack

from facepipe.errors import ModelFileError
from facepipe.files import write_whole
from facepipe.identity.embedding import embedder_of
from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile, mean_embedding
from facepipe.inference.models import ensure_model
from facepipe.landmarks.landmarker import FaceFinder
from facepipe.training.device import DeviceSettings
from facepipe.training.evaluation import Senses
from facepipe.training.identity_model import Work, train_identity
from facepipe.training.lora import train_lora
from facepipe.training.ranks import present_ranks
from facepipe.training.report import TrainingSummary
from facepipe.training.settings import IdentityTrainingSettings, LoraTrainingSettings

_log = logging.getLogger(__name__)
_FILE = "job.json"


@dataclass(frozen=True)
class IdentityJob:
    """`train_identity` from files.

    Attributes:
        faces: folder of the identity's faces.
        profile: file of their profile.
        models: folder of weights.
        settings: how to train.
    """

    faces: Path
    profile: Path
    models: Path
    settings: IdentityTrainingSettings

    def __call__(self, **work: Unpack[Work]) -> TrainingSummary:
        """Do it; raises as `train_identity`, and `BadInputError` where a file is not usable."""
        who = Profile.load(self.profile)
        with senses_of(self.models, who) as senses:
            work["senses"] = senses
            return train_identity(FaceSet.load(self.faces), who.embedding, self.settings, **work)


@dataclass(frozen=True)
class LoraJob:
    """`train_lora` from files.

    Attributes:
        base: folder of the identity model.
        faces: folder of the identity's faces.
        profile: file of their profile.
        target_faces: folder of the target's faces.
        models: folder of weights.
        settings: how to train.
    """

    base: Path
    faces: Path
    profile: Path
    target_faces: Path
    models: Path
    settings: LoraTrainingSettings

    def __call__(self, **work: Unpack[Work]) -> TrainingSummary:
        """Do it; raises as `train_lora`, and `BadInputError` where a file is not usable."""
        who, other = Profile.load(self.profile), FaceSet.load(self.target_faces)
        with senses_of(self.models, who) as senses:
            work["senses"] = senses
            return train_lora(
                self.base,
                FaceSet.load(self.faces),
                who.embedding,
                other,
                mean_embedding(other, embedder_of(who, self.models)),
                self.settings,
                **work,
            )


Job: TypeAlias = IdentityJob | LoraJob
_KINDS: dict[str, tuple[type[Any], type[Any]]] = {
    "IdentityJob": (IdentityJob, IdentityTrainingSettings),
    "LoraJob": (LoraJob, LoraTrainingSettings),
}


def write_job(folder: Path, job: Job, work: Work) -> None:
    """Write down what to do, and where: the device and the folders of `work`."""
    paths = {
        field.name: str(getattr(job, field.name))
        for field in fields(job)
        if field.name != "settings"
    }
    told = {
        "kind": type(job).__name__,
        "paths": paths,
        "settings": asdict(job.settings),
        "device": asdict(work["device"]),
        "scratch": str(work["scratch"]),
        "out": str(work["out"]),
    }
    write_whole(folder / _FILE, json.dumps(told, indent=1))


def read_job(folder: Path) -> tuple[Job, Work]:
    """What `write_job` wrote."""
    told = json.loads((folder / _FILE).read_text())
    kind, settings = _KINDS[told["kind"]]
    paths = {name: Path(path) for name, path in told["paths"].items()}
    work = Work(
        device=DeviceSettings(**told["device"]),
        scratch=Path(told["scratch"]),
        out=Path(told["out"]),
    )
    return kind(**paths, settings=settings(**told["settings"])), work


@contextmanager
def senses_of(models: Path, profile: Profile) -> Generator[Senses]:
    """What looks at drawn faces: the profile's embedder, and the landmarker if it can be had.

    Of several processes that train together, the first alone looks.

    Raises:
        BadInputError: The profile does not say which embedder made it.
        ModelFileError: The embedder's file is no longer there.
    """
    embedder = embedder_of(profile, models)
    if not present_ranks().is_first:
        yield Senses(arcface=embedder.file)
        return
    with ExitStack() as opened:
        try:
            bundle = ensure_model("face_landmarker", models)
            finder = opened.enter_context(FaceFinder(bundle, 1, moving=False))
            senses = Senses(
                embedder.embed, lambda picture: finder.find(picture, 0.0)[0], embedder.file
            )
        except ModelFileError as error:
            _log.warning("landmark errors will be missing: %s", error)
            senses = Senses(embedder.embed, arcface=embedder.file)
        yield senses
