"""Whether a file is what its provenance says, whatever it is called and wherever it lies."""

from dataclasses import dataclass
from pathlib import Path

from facepipe.errors import BadInputError
from facepipe.provenance.film import is_film, read_film
from facepipe.provenance.local import LOCAL_NAME
from facepipe.provenance.sidecar import read_sidecar
from facepipe.provenance.statement import Statement


@dataclass(frozen=True)
class Verified:
    """A file whose provenance holds.

    Attributes:
        statement: what is said of it; none where another program than facepipe says it.
        signed_by: whom the certificate names.
    """

    statement: Statement | None
    signed_by: str

    @property
    def is_local(self) -> bool:
        """Whether the certificate was made on the machine that signed: it names nobody."""
        return self.signed_by == LOCAL_NAME


def verify(file: Path) -> Verified:
    """Read a film's manifest, or the record beside any other file, and check both against it.

    Raises:
        BadInputError: There is no such file.
        VerificationError: It has no provenance, or it or its provenance was changed.
    """
    if not file.is_file():
        raise BadInputError(f"{file}: no such file; give a film, a model or an adapter")
    try:
        return Verified(*(read_film(file) if is_film(file) else read_sidecar(file)))
    except OSError as error:
        raise BadInputError(f"{file}: cannot be read ({error.strerror})") from error
