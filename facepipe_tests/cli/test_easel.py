"""The painting page answers its own page alone, and shows nothing without consent."""

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from facepipe.cli.easel import ORIGIN_HEADER, TOKEN_HEADER, Painting, Reel
from facepipe.errors import ConsentError, MediaError
from facepipe.media.decode import decode
from facepipe_tests.end_to_end.inputs import clip

PORT, TOKEN = 8765, "told-on-the-terminal"
OWN = {TOKEN_HEADER: TOKEN}
ADDRESS = f"http://127.0.0.1:{PORT}"
ASKED = [
    ("GET", "/api/target"),
    ("GET", "/api/frames/0"),
    ("GET", "/api/masks/0"),
    ("PUT", "/api/masks/0"),
    ("DELETE", "/api/masks/0"),
]


class Canvas:
    """An easel of three frames of 4 x 2 pixels that only remembers."""

    count = 3

    def __init__(self) -> None:
        self.kept = {}

    def size_wh(self, frame):
        return 4, 2

    def painted(self):
        return sorted(self.kept)

    def mask(self, frame):
        return np.zeros((2, 4), np.uint8), "outline"

    def save(self, frame, png):
        if png == b"bad":
            raise MediaError("what came is no whole picture")
        self.kept[frame] = png

    def delete(self, frame):
        self.kept.pop(frame, None)


class Frames:
    def jpeg(self, number):
        return b"frame %d" % number


class Consent:
    holds = True

    def check(self):
        if not self.holds:
            raise ConsentError("target 'bob': consent was revoked")


@pytest.fixture
def canvas():
    return Canvas()


@pytest.fixture
def consent():
    return Consent()


@pytest.fixture
def page(canvas, consent):
    painting = Painting("bob", canvas, Frames(), TOKEN, consent.check)
    with TestClient(painting.app(PORT), base_url=ADDRESS) as client:
        yield client


def test_frames_and_masks_are_told_to_who_has_the_token(page, canvas):
    told = page.get("/api/target", headers=OWN).json()
    assert told == {"name": "bob", "frames": 3, "size": [4, 2], "painted": []}
    assert page.get("/api/frames/2", headers=OWN).content == b"frame 2"
    mask = page.get("/api/masks/1", headers=OWN)
    assert mask.headers[ORIGIN_HEADER] == "outline"
    assert cv2.imdecode(np.frombuffer(mask.content, np.uint8), 0).shape == (2, 4)
    own = {**OWN, "Origin": ADDRESS}
    assert page.put("/api/masks/1", content=b"png", headers=own).json() == {"painted": [1]}
    assert canvas.kept == {1: b"png"}
    assert page.delete("/api/masks/1", headers=own).json() == {"painted": []}


@pytest.mark.parametrize(("method", "place"), ASKED)
def test_nothing_is_told_or_changed_for_anybody_else(page, canvas, method, place):
    for headers in (
        {},
        {TOKEN_HEADER: ""},
        {TOKEN_HEADER: "guessed"},
        {**OWN, "Origin": "http://evil.example"},
        {**OWN, "Origin": "http://127.0.0.1:80"},
        {**OWN, "Origin": "null"},
    ):
        answer = page.request(method, place, headers=headers)
        assert answer.status_code == 403, headers
        assert b"frame" not in answer.content
    assert canvas.kept == {}


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1.evil.example"])
def test_a_name_that_was_made_to_lead_here_is_refused(page, host):
    for method, place in [*ASKED, ("GET", "/"), ("GET", "/paint.js")]:
        assert page.request(method, place, headers={**OWN, "Host": host}).status_code == 400


@pytest.mark.parametrize(("method", "place"), ASKED)
def test_without_consent_nothing_is_shown_or_kept(page, canvas, consent, method, place):
    consent.holds = False
    answer = page.request(method, place, headers=OWN, content=b"png")
    assert answer.status_code == 403
    assert answer.text == "target 'bob': consent was revoked"
    assert canvas.kept == {}


def test_what_is_too_much_or_not_there_or_no_mask_is_refused_in_a_line(page, canvas):
    assert page.get("/api/frames/3", headers=OWN).text == "there are 3 frames"
    assert page.get("/api/frames/-1", headers=OWN).status_code == 404
    assert page.put("/api/masks/0", content=b"0" * 16_000_001, headers=OWN).status_code == 413
    bad = page.put("/api/masks/0", content=b"bad", headers=OWN)
    assert (bad.status_code, bad.text) == (400, "what came is no whole picture")
    assert canvas.kept == {}


def test_the_page_is_whole_asks_nobody_else_and_stays_in_no_cache(page):
    for place, kind in (
        ("/", "text/html"),
        ("/paint.js", "text/javascript"),
        ("/paint.css", "text/css"),
    ):
        answer = page.get(place)
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "://" not in answer.text
    assert page.get("/api/target", headers=OWN).headers["cache-control"] == "no-store"


def test_frames_come_in_any_order(tmp_path):
    path = clip(tmp_path / "clip.mp4", size=64, frames=6)
    frames = [frame.rgb.astype(int) for frame in decode(path)]
    reel = Reel(path)
    for number in (0, 1, 4, 5, 2, 2):
        shown = cv2.imdecode(np.frombuffer(reel.jpeg(number), np.uint8), 1)[:, :, ::-1]
        apart = [np.abs(shown - frame).mean() for frame in frames]
        assert int(np.argmin(apart)) == number
    with pytest.raises(MediaError, match="ends before frame 6"):
        reel.jpeg(6)
    assert reel.jpeg(5)
