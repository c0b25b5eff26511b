"""A short film, what is said of it, and who signs."""

from pathlib import Path

import av
import numpy as np
import pytest

from facepipe.provenance.local import local_signer
from facepipe.provenance.statement import COMPOSITE_WITH_MODEL, Software, Statement

SAID = Statement(
    asset="pair/swapped_video",
    action="c2pa.edited",
    digital_source_type=COMPOSITE_WITH_MODEL,
    models=["ab" * 32],
    ingredients={"target media": "cd" * 32, "profile": "ef" * 32},
    consent_ids={"identity": "0123456789abcdef", "target": "fedcba9876543210"},
    software=Software(name="facepipe", version="0.1.0"),
)


def write_noise(path: Path) -> Path:
    """Ten frames of noise, as the pipeline writes films: the index first."""
    rng = np.random.default_rng(0)
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", options=options) as file:
        stream = file.add_stream("libx264", rate=25, options={"flags": "+bitexact"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(10):
            noise = rng.integers(0, 255, (64, 64, 3), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(noise, "rgb24")))
        file.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def plain_film(tmp_path_factory):
    return write_noise(tmp_path_factory.mktemp("film") / "plain.mp4")


@pytest.fixture
def film(plain_film, tmp_path):
    path = tmp_path / "swapped.mp4"
    path.write_bytes(plain_film.read_bytes())
    return path


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    return local_signer(tmp_path_factory.mktemp("keys"))
