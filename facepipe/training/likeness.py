"""How unlike the identity the drawn faces are, to a frozen embedder: a term of the objective."""

import torch
from torch import Tensor

from facepipe.errors import SettingsError
from facepipe.files import sha256_of
from facepipe.identity.embedding import ArcFaceFile
from facepipe.training.embedder import FrozenEmbedder, arcface_squares
from facepipe.training.evaluation import Examinable, Examination, Senses
from facepipe.training.generator import Drawing
from facepipe.training.loop_settings import LoopSettings
from facepipe.training.losses import Batch, shown_faces
from facepipe.training.settings import TrainingSettings


class Likeness:
    """The term `identity` of the objective.

    Args:
        file: the ArcFace file that the identity's profile was made with.
        identity: `(512,)` the profile's embedding, unit norm.
        device: where the faces are.
        weight: of the term in the objective.
    """

    def __init__(
        self, file: ArcFaceFile, identity: Tensor, device: torch.device, weight: float = 1.0
    ) -> None:
        self.weight = weight
        self.file = file
        self.embedder = FrozenEmbedder(file).to(device)
        self.identity = identity.to(device)

    def __call__(self, drawing: Drawing, batch: Batch) -> Tensor:
        """1 - cosine to the identity, a mean over the batch.

        Faces that are not drawn, or not as the identity, count 0, as they do in the other terms.
        """
        as_identity = (batch.source @ self.identity > 0.999) & batch.drawn
        chosen = as_identity.nonzero().flatten()
        if not len(chosen):
            return batch.target.new_zeros(())
        squares = arcface_squares(shown_faces(drawing, batch)[chosen])
        found = self.embedder(squares) @ self.identity
        return (1 - found).sum() / len(batch.target)

    def pinned(self) -> dict[str, str]:
        """What a state that has learnt with it cannot be used without."""
        return {"identity_embedder": sha256_of(self.file.path)}


def likeness_of(examination: Examinable, settings: LoopSettings) -> Likeness | None:
    """The term, where faces are drawn and `settings.identity` asks for it.

    Raises:
        SettingsError: No ArcFace file made the profile.
        ModelFileError: The file holds what cannot be learnt through.
        VerificationError: torch makes something else of the file than onnxruntime.
    """
    if not isinstance(settings, TrainingSettings) or not isinstance(examination, Examination):
        return None
    file = required_file(settings, examination.senses)
    if file is None:
        return None
    identity = torch.from_numpy(examination.people["identity"])
    return Likeness(file, identity, examination.device, settings.identity)


def required_file(settings: TrainingSettings, senses: Senses) -> ArcFaceFile | None:
    """The ArcFace file that `settings.identity` needs; none where it is 0.

    Raises:
        SettingsError: It is not 0, and no ArcFace file made the profile.
    """
    if not settings.identity:
        return None
    if senses.arcface is None:
        raise SettingsError(
            f"identity is {settings.identity}, and the identity's profile was not made by an "
            f"ArcFace model; put one into data/models (facepipe models fetch arcface) and make "
            f"identity/faces and identity/profile anew, or set identity to 0"
        )
    return senses.arcface
