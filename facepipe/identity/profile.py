"""Who a person is: the mean of their faces' embeddings, with spread, poses and quality.

The file has the schema of WatserFace's `profile.json`, whose loader refuses any top-level key it
does not know; all that is ours lies inside `quality_stats`.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic

from facepipe.arrays import FloatArray
from facepipe.errors import BadInputError, NoFaceError
from facepipe.files import write_whole
from facepipe.identity.descriptor import EMBEDDING_SIZE
from facepipe.identity.embedding import Embedder, arcface_crops
from facepipe.identity.face_set import FaceSet
from facepipe.identity.quality import pose_prototypes, quality
from facepipe.identity.settings import ProfileSettings
from facepipe.identity.spherical import mean_direction, outliers

Vector = Annotated[
    list[pydantic.FiniteFloat],
    pydantic.Field(min_length=EMBEDDING_SIZE, max_length=EMBEDDING_SIZE),
]


class Profile(pydantic.BaseModel):
    """One person, as WatserFace keeps them.

    Attributes:
        id: The name in lower case, spaces as underscores.
        name: What the person is called here.
        created_at: When the profile was made.
        source_files: The media it was made from.
        embedding_mean: 512 numbers, unit norm.
        embedding_std: 512 standard deviations of the faces' embeddings.
        quality_stats: Counts, averages, the embedder, pose prototypes.
        thumbnail_path: A picture of the person.
        is_ephemeral: WatserFace forgets such a profile at its end.
        last_used: When WatserFace last swapped with it.
        source_count: How many media files it was made from.
        face_set_id: The WatserFace face set it came from.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    created_at: datetime
    source_files: list[str]
    embedding_mean: Vector
    embedding_std: Vector
    quality_stats: dict[str, Any]
    thumbnail_path: str | None = None
    is_ephemeral: bool = False
    last_used: datetime | None = None
    source_count: int = 0
    face_set_id: str | None = None

    @property
    def embedding(self) -> FloatArray:
        """`(512,)` float32, unit norm: what a swapper takes as the person."""
        return mean_direction(np.array([self.embedding_mean])).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the profile as JSON, whole or not at all."""
        write_whole(path, self.model_dump_json(indent=1) + "\n")

    @staticmethod
    def load(path: Path) -> "Profile":
        """Read what `save`, or WatserFace, wrote.

        Raises:
            BadInputError: Missing, not JSON, or not of the schema.
        """
        try:
            return Profile.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise BadInputError(f"{path}: no profile there; make identity/profile first") from error
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            named = " ".join(".".join(str(part) for part in first["loc"]).split())
            where = named or "the file"
            raise BadInputError(f"{path}: not a profile: {where}: {first['msg']}") from error


def build_profile(
    name: str,
    faces: FaceSet,
    embedder: Embedder,
    settings: ProfileSettings,
    created_at: datetime,
) -> Profile:
    """The profile of the person whose faces these are; the same inputs give the same bytes.

    Raises:
        NoFaceError: There are no faces.
    """
    vectors = embed_faces(faces, embedder)
    odd = outliers(vectors, settings.outlier_mads, settings.least_outlier_gap)
    kept = vectors[~odd]
    centre = mean_direction(kept)
    used = sorted({faces.sources[index] for index in faces.source})
    stats = quality(faces, vectors, odd) | {
        "embedder": {
            "name": embedder.name,
            "version": embedder.version,
            "sha256": embedder.sha256,
        },
        "prototypes": pose_prototypes(kept, faces.pose_deg[~odd, 0], settings.min_prototype_faces),
    }
    return Profile(
        id=name.lower().replace(" ", "_"),
        name=name,
        created_at=created_at,
        source_files=used,
        embedding_mean=centre.astype(np.float32).tolist(),
        embedding_std=kept.astype(np.float64).std(axis=0).astype(np.float32).tolist(),
        quality_stats=stats,
        source_count=len(used),
    )


def embed_faces(faces: FaceSet, embedder: Embedder) -> FloatArray:
    """The embedding `(N, 512)` of each stored face, unit norm.

    Raises:
        NoFaceError: There are no faces.
    """
    if not len(faces):
        raise NoFaceError("the face set holds 0 faces; an embedding needs at least 1")
    return embedder.embed(arcface_crops(faces.crops_rgb))


def mean_embedding(faces: FaceSet, embedder: Embedder) -> FloatArray:
    """The `(512,)` unit mean of all stored faces, outliers included: who a target shows.

    Raises:
        NoFaceError: There are no faces.
    """
    return mean_direction(embed_faces(faces, embedder)).astype(np.float32)
