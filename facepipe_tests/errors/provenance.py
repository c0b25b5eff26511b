"""Films, models and records that are not what they say."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import av

from facepipe.files import sha256_of
from facepipe.provenance.film import sign_film
from facepipe.provenance.local import local_signer
from facepipe.provenance.sidecar import sidecar_bytes, sidecar_of
from facepipe.provenance.signer import signer_of
from facepipe.provenance.trying import try_signing
from facepipe_tests.errors.cases import Case, Told, command
from facepipe_tests.provenance.conftest import SAID, write_noise
from facepipe_tests.provenance.test_signer import KEYS, issued


def film(change: Callable[[Path], object], *, signed: bool = True) -> Callable[[Path], Told]:
    """Try to verify a film that was changed after it was made."""

    def tried(folder: Path) -> Told:
        path = write_noise(folder / "swapped.mp4")
        if signed:
            sign_film(path, SAID, local_signer(folder / "keys"))
        change(path)
        return command("verify", path)

    return tried


def one_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def remuxed(path: Path) -> None:
    """Written anew by another program, which knows no manifests."""
    other = path.with_name("other.mp4")
    with av.open(str(path)) as source, av.open(str(other), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    other.replace(path)


def model(change: Callable[[Path], object]) -> Callable[[Path], Told]:
    """Try to verify a model that was changed after its record was written."""

    def tried(folder: Path) -> Told:
        path = folder / "model.onnx"
        path.write_bytes(b"weights")
        record = sidecar_bytes(sha256_of(path), SAID, local_signer(folder / "keys"))
        sidecar_of(path).write_bytes(record)
        change(path)
        return command("verify", path)

    return tried


def forged(path: Path) -> None:
    record = sidecar_of(path)
    told = json.loads(record.read_text())
    payload = base64.b64decode(told["payload"]).replace(b"c2pa.edited", b"c2pa.opened")
    told["payload"] = base64.b64encode(payload).decode()
    record.write_text(json.dumps(told))


def signed_with(days: int) -> Callable[[Path], str]:
    """Try a certificate that is valid for so many days from now."""

    def tried(folder: Path) -> str:
        try_signing(signer_of(*issued(folder, KEYS["es256"](), days)))
        return "it signs"

    return tried


CASES = (
    Case("provenance", "film with one bit changed", film(one_byte), 4, "changed after it was"),
    Case("provenance", "film cut off at its end", film(cut_off), 4, "swapped.mp4"),
    Case("provenance", "film written anew by another program", film(remuxed), 4, "no provenance"),
    Case("provenance", "film of somebody else's", film(lambda path: path, signed=False), 4,
         "no provenance manifest"),
    Case("provenance", "model changed since", model(lambda path: path.write_bytes(b"weight5")), 4,
         "of other bytes"),
    Case("provenance", "model without its record", model(lambda path: sidecar_of(path).unlink()),
         4, "no provenance record"),
    Case("provenance", "record changed after it was signed", model(forged), 4, "was changed"),
    Case("provenance", "certificate that has expired", signed_with(-2), 2, "valid today"),
    Case("provenance", "no file", lambda folder: command("verify", folder / "none.mp4"), 2,
         "no such file"),
)  # fmt: skip
