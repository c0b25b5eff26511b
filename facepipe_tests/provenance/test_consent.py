"""A record is read strictly, and covers only what, when and how it says."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facepipe.errors import BadInputError, ConsentError, MediaError
from facepipe.provenance.allowing import check_consent
from facepipe.provenance.consent import new_consent, read_consent, revoke, write_consent
from facepipe.provenance.digests import folder_digests

GRANTED = datetime(2026, 1, 1, tzinfo=UTC)
EXPIRES = datetime(2027, 1, 1, tzinfo=UTC)
WITHIN = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def media(tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    for name in ("a.mp4", "b.png"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def consent(media):
    return grant([media])


def grant(media, **changes):
    fields = {
        "subject": "Ada", "granted_by": "Ada", "scope": ["train", "swap"], "granted_at": GRANTED,
        "expires_at": EXPIRES, "contact": "ada@example.org",
    }  # fmt: skip
    return new_consent(media=media, **{**fields, **changes})


def test_what_is_written_reads_back_equal(tmp_path, consent):
    path = tmp_path / "consent.json"
    write_consent(consent, path)
    assert read_consent(path) == consent
    content = path.read_bytes()
    write_consent(read_consent(path), path)
    assert path.read_bytes() == content


def test_a_covered_use_in_time_passes(consent, media):
    for use in ("train", "swap"):
        check_consent(consent, folder_digests(media), use, WITHIN)


def test_only_the_use_that_was_granted_passes(consent, media):
    with pytest.raises(ConsentError, match="allows train, swap but not publish; ask ada@example"):
        check_consent(consent, folder_digests(media), "publish", WITHIN)


def test_it_holds_from_its_first_moment_until_before_its_last(consent, media):
    digests, tick = folder_digests(media), timedelta(microseconds=1)
    check_consent(consent, digests, "swap", GRANTED)
    check_consent(consent, digests, "swap", EXPIRES - tick)
    with pytest.raises(ConsentError, match="holds only from 2026-01-01"):
        check_consent(consent, digests, "swap", GRANTED - tick)
    with pytest.raises(ConsentError, match="expired on 2027-01-01"):
        check_consent(consent, digests, "swap", EXPIRES)


def test_times_are_compared_across_zones(media):
    east = timezone(timedelta(hours=9))
    consent = grant([media], expires_at=datetime(2027, 1, 1, 9, tzinfo=east))
    assert consent.expires_at == EXPIRES
    assert consent.id == grant([media]).id


def test_an_exchanged_file_is_not_covered_whatever_its_name(consent, media):
    (media / "a.mp4").write_text("somebody else")
    with pytest.raises(ConsentError, match=r"does not cover a\.mp4 \(by content\)"):
        check_consent(consent, folder_digests(media), "swap", WITHIN)


def test_a_renamed_file_stays_covered(consent, media):
    (media / "a.mp4").rename(media / "z.mp4")
    check_consent(consent, folder_digests(media), "swap", WITHIN)


def test_the_first_files_that_are_not_covered_are_named(consent):
    others = {f"{letter}.png": letter * 64 for letter in "fedcba"}
    with pytest.raises(ConsentError, match=r"cover a.png, b.png, c.png and 3 more"):
        check_consent(consent, others, "swap", WITHIN)


def test_a_revoked_record_allows_nothing_more(tmp_path, consent, media):
    path = tmp_path / "consent.json"
    write_consent(revoke(consent, WITHIN), path)
    revoked = read_consent(path)
    assert revoked.id == consent.id
    with pytest.raises(ConsentError, match="was revoked on 2026-06-01"):
        check_consent(revoked, folder_digests(media), "swap", WITHIN - timedelta(days=30))
    assert revoke(revoked, EXPIRES).revoked_at == WITHIN


def test_a_revocation_needs_a_time_zone(consent):
    with pytest.raises(BadInputError, match="time zone"):
        revoke(consent, datetime(2026, 6, 1))  # noqa: DTZ001 - the fault under test


def test_the_id_names_what_was_granted(media, consent):
    assert grant([media / "b.png", media / "a.mp4"], scope=["train", "swap", "train"]).id != ""
    assert grant([media]).id == consent.id
    assert grant([media], scope=["train"]).id != consent.id
    assert len(consent.id) == 16
    assert grant([media], only_with=["scene"]).id != consent.id


def test_folders_and_files_are_covered_alike(media):
    files = grant([media / "a.mp4", media / "b.png", media / "a.mp4"])
    assert files == grant([media])


def test_missing_media_cannot_be_consented_to(media):
    with pytest.raises(MediaError, match=r"c\.png: no such file"):
        grant([media / "c.png"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "two\nlines"}, "subject"),
        ({"granted_by": " "}, "granted_by"),
        ({"scope": []}, "scope"),
        ({"scope": ["fly"]}, "scope.0"),
        ({"expires_at": GRANTED}, "expires_at must be later"),
        ({"granted_at": datetime(2026, 1, 1)}, "granted_at"),  # noqa: DTZ001 - the fault under test
        ({"granted_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))}, "calendar"),
    ],
)
def test_a_field_that_cannot_be_is_named_in_one_line(media, changes, words):
    with pytest.raises(BadInputError, match=words) as caught:
        grant([media], **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"note": "x"}, "note is wrong: Extra inputs"),
        ({"expires_at": "2027-01-01T00:00:00"}, "expires_at is wrong"),
        ({"expires_at": 1798761600}, "expires_at is wrong"),
        ({"media": ["abc"]}, r"media\.0 is wrong"),
        ({"media": ["A" * 64]}, r"media\.0 is wrong"),
        ({"media": []}, "media is wrong"),
        ({"scope": "train"}, "scope is wrong"),
        ({"subject": None}, "subject is wrong"),
    ],
)
def test_a_record_is_read_strictly(tmp_path, consent, change, words):
    path = tmp_path / "consent.json"
    path.write_text(json.dumps({**json.loads(consent.model_dump_json()), **change}))
    with pytest.raises(BadInputError, match=words) as caught:
        read_consent(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_field_is_named(tmp_path, consent):
    record = json.loads(consent.model_dump_json())
    del record["granted_by"]
    (tmp_path / "consent.json").write_text(json.dumps(record))
    with pytest.raises(BadInputError, match="granted_by is wrong: Field required"):
        read_consent(tmp_path / "consent.json")


def test_no_record_is_no_consent(tmp_path):
    with pytest.raises(ConsentError, match="no consent record; make one with"):
        read_consent(tmp_path / "consent.json")


def test_a_folder_is_no_record(tmp_path):
    (tmp_path / "consent.json").mkdir()
    with pytest.raises(BadInputError, match="cannot be read"):
        read_consent(tmp_path / "consent.json")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_FIELDS = st.sampled_from(
    ["subject", "granted_by", "granted_at", "expires_at", "scope", "media", "contact",
     "signature", "revoked_at", "other"]
)  # fmt: skip
_SHARED_FOLDER = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(content=st.binary(max_size=200))
@_SHARED_FOLDER
def test_garbage_is_never_anything_but_bad_input(tmp_path, content):
    path = tmp_path / "consent.json"
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        read_consent(path)
    assert "\n" not in str(caught.value)


@given(changes=st.dictionaries(_FIELDS, _VALUES, min_size=1, max_size=4))
@_SHARED_FOLDER
def test_altered_records_are_read_or_refused_never_worse(tmp_path, consent, changes):
    path = tmp_path / "consent.json"
    record = {**json.loads(consent.model_dump_json()), **changes}
    path.write_text(json.dumps(record))
    message = ""
    try:
        check_consent(read_consent(path), {"a": "0" * 64}, "swap", WITHIN)
    except (BadInputError, ConsentError) as error:
        message = str(error)
    assert message
    assert "\n" not in message
