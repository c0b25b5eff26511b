"""What is said of a file that was made here: what was done, from what, and under which consent.

Everything is named by what it is and by its hash. File names, pictures and names of people are left
out, because a film travels further than its makers think.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype"
COMPOSITE_WITH_MODEL = f"{_IPTC}/compositeWithTrainedAlgorithmicMedia"
"""A film in which a trained model drew something."""
COMPOSITE = f"{_IPTC}/compositeSynthetic"
"""A film into which something was drawn that no camera saw, without a trained model."""
TRAINED_DATA = "http://c2pa.org/digitalsourcetype/trainedAlgorithmicData"
"""The numbers of a trained model."""


class Software(BaseModel):
    """A program and its version."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str


class Statement(BaseModel):
    """What is said of one file.

    Attributes:
        asset: key of the asset it belongs to.
        action: C2PA's word for what was done.
        digital_source_type: what kind of thing came out, as IPTC or C2PA name it.
        models: SHA-256 of each model that drew it; none where none did.
        ingredients: digest of each thing it was made from, by what that is.
        consent_ids: the consent records it was made under, by whom they are of.
        software: what made it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    asset: str
    action: Literal["c2pa.edited", "c2pa.created"]
    digital_source_type: str
    models: list[str] = []
    ingredients: Mapping[str, str]
    consent_ids: Mapping[str, str]
    software: Software = Field(
        default_factory=lambda: Software(name="facepipe", version=version("facepipe"))
    )

    @property
    def kind(self) -> str:
        """The last word of the digital source type."""
        return self.digital_source_type.rpartition("/")[2]
