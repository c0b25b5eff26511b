"""Whether what somebody signs is accepted, found out by signing a film of nothing."""

from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from facepipe.errors import BadInputError, VerificationError
from facepipe.provenance.film import sign_film
from facepipe.provenance.signer import Signer
from facepipe.provenance.statement import COMPOSITE, Statement

_SIDE_PX = 16


def try_signing(signer: Signer) -> None:
    """Sign a film that is thrown away, and read it.

    Raises:
        BadInputError: C2PA does not accept the certificate: it is self-signed, expired, or made for
            another purpose.
    """
    nothing = Statement(
        asset="nothing",
        action="c2pa.edited",
        digital_source_type=COMPOSITE,
        ingredients={"nothing": "00" * 32},
        consent_ids={},
    )
    with TemporaryDirectory() as folder:
        film = Path(folder) / "nothing.mp4"
        _write_black(film)
        try:
            sign_film(film, nothing, signer)
        except VerificationError as error:
            cause = str(error).removeprefix(f"{film}: ")
            raise BadInputError(
                f"C2PA does not accept the certificate of FACEPIPE_CERTIFICATE ({cause}); needed "
                f"is one that an authority issued for signing, valid today, with its issuers"
            ) from error


def _write_black(path: Path) -> None:
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        stream = file.add_stream("libx264", rate=1)
        stream.width = stream.height = _SIDE_PX
        stream.pix_fmt = "yuv420p"
        black = np.zeros((_SIDE_PX, _SIDE_PX, 3), np.uint8)
        file.mux(stream.encode(av.VideoFrame.from_ndarray(black, "rgb24")))
        file.mux(stream.encode())
