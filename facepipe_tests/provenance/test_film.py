"""A signed film tells how it was made, and any other byte in it is noticed."""

import io
import json

import av
import c2pa
import numpy as np
import pytest
from PIL import Image

from facepipe.errors import VerificationError
from facepipe.media.decode import decode
from facepipe.provenance.film import read_film, sign_film
from facepipe.provenance.local import LOCAL_NAME, local_signer
from facepipe.provenance.verifying import verify
from facepipe_tests.provenance.conftest import SAID


def report_of(path):
    """What the library says, as any other program sees it."""
    with path.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        return json.loads(reader.json()), reader.get_validation_state()


def test_a_signed_film_is_valid_wherever_it_lies_and_says_what_was_said(film, signer, tmp_path):
    sign_film(film, SAID, signer)
    moved = tmp_path / "elsewhere" / "holiday"
    moved.parent.mkdir()
    film.rename(moved)
    found = verify(moved)
    assert found.statement == SAID
    assert found.signed_by == LOCAL_NAME
    assert found.is_local


def test_signing_leaves_every_frame_and_time_as_it_was(film, plain_film, signer):
    sign_film(film, SAID, signer)
    before, after = [*decode(plain_film)], [*decode(film)]
    assert [frame.pts for frame in before] == [frame.pts for frame in after]
    assert all((a.rgb == b.rgb).all() for a, b in zip(before, after, strict=True))


def test_the_same_film_and_key_give_the_same_bytes(film, plain_film, signer):
    sign_film(film, SAID, signer)
    first = film.read_bytes()
    film.write_bytes(plain_film.read_bytes())
    sign_film(film, SAID, signer)
    assert film.read_bytes() == first


def test_another_statement_or_key_gives_other_bytes(film, plain_film, signer, tmp_path):
    results = set[bytes]()
    for said, key in (
        (SAID, signer),
        (SAID.model_copy(update={"models": ["00" * 32]}), signer),
        (SAID, local_signer(tmp_path / "keys")),
    ):
        film.write_bytes(plain_film.read_bytes())
        sign_film(film, said, key)
        results.add(film.read_bytes())
    assert len(results) == 3


def test_two_hundred_random_edits_of_one_byte_are_all_noticed(film, signer):
    sign_film(film, SAID, signer)
    whole, rng = film.read_bytes(), np.random.default_rng(5)
    head = whole.index(b"mdat")  # the manifest and the index are most of what can be forged
    places = [*rng.integers(len(whole), size=100), *rng.integers(head, size=60)]
    for place in [*places, *range(20), *range(-20, 0)]:
        changed = bytearray(whole)
        changed[place] ^= int(rng.integers(1, 256))
        film.write_bytes(changed)
        with pytest.raises(VerificationError):
            read_film(film)


@pytest.mark.parametrize("lost", [1, 64, 5000])
def test_a_film_cut_short_or_added_to_is_noticed(film, signer, lost):
    sign_film(film, SAID, signer)
    whole = film.read_bytes()
    for other in (whole[:-lost], whole + bytes(lost), whole + whole[-lost:]):
        film.write_bytes(other)
        with pytest.raises(VerificationError):
            read_film(film)


def test_a_film_written_anew_without_its_manifest_is_said_to_have_none(film, signer, tmp_path):
    sign_film(film, SAID, signer)
    other = tmp_path / "remuxed.mp4"
    with av.open(str(film)) as source, av.open(str(other), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    with pytest.raises(VerificationError, match="has no provenance manifest"):
        verify(other)


def test_any_reader_of_c2pa_sees_action_source_type_and_ingredients(film, signer):
    sign_film(film, SAID, signer)
    report, state = report_of(film)
    active = report["manifests"][report["active_manifest"]]
    (told,) = [each for each in active["assertions"] if each["label"].startswith("c2pa.actions")]
    opened, edited = told["data"]["actions"]
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    assert edited["digitalSourceType"] == SAID.digital_source_type
    parent, *inputs = active["ingredients"]
    assert parent["relationship"] == "parentOf"
    assert "cd" * 32 in parent["instance_id"]
    assert ["ef" * 32 in each["instance_id"] for each in inputs] == [True]
    assert state == "Valid"  # and not Trusted
    codes = [each["code"] for each in report["validation_status"]]
    assert codes == ["signingCredential.untrusted"]


def test_no_picture_and_no_name_is_in_the_manifest(film, signer):
    film = film.rename(film.with_name("birthday.mp4"))
    sign_film(film, SAID, signer)
    report, _ = report_of(film)
    assert "thumbnail" not in json.dumps(report)
    assert b"birthday" not in film.read_bytes()


def test_a_manifest_of_another_program_is_told_as_such(film, signer):
    definition = {
        "claim_generator_info": [{"name": "another", "version": "1"}],
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.created",
             "digitalSourceType": SAID.digital_source_type}]}},
        ],
    }  # fmt: skip
    algorithm, out = c2pa.C2paSigningAlg.ED25519, io.BytesIO()
    with (
        film.open("rb") as source,
        c2pa.Signer.from_callback(signer.sign, algorithm, signer.pem) as key,
        c2pa.Builder(definition) as builder,
    ):
        builder.sign(key, "video/mp4", source, out)
    film.write_bytes(out.getvalue())
    assert verify(film).statement is None


def test_what_is_no_film_is_not_signed_and_stays(signer, tmp_path):
    path = tmp_path / "swapped.mp4"
    Image.new("RGB", (8, 8)).save(path, "PNG")
    before = path.read_bytes()
    with pytest.raises(VerificationError, match="cannot be signed"):
        sign_film(path, SAID, signer)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["swapped.mp4"]
