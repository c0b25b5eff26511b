"""What is painted in the page, seen by headless Chromium, lies where the training reads it."""

import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from facepipe.cli.app import exit_code_of
from facepipe_tests.end_to_end.inputs import added, clip, noise, record
from facepipe_tests.end_to_end.test_browser import CHROMIUM, QUIET

pytestmark = pytest.mark.slow
OUTLINE = "not painted: the outline of the face"
browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def bob(tmp_path_factory, landmark_model):
    """A data root with a target whose landmarks are made."""
    folder = tmp_path_factory.mktemp("annotate")
    root = folder / "data"
    root.mkdir()
    shutil.copytree(landmark_model, root / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEPIPE_DATA", str(root))
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.chdir(folder)
        added(root, "identity", "ada", clip(folder / "ada.mp4", seeds=(11,), frames=6))
        added(root, "target", "bob", clip(folder / "bob.mp4", seeds=(43,), size=256, frames=12))
        options = [
            "--set",
            "pair/swapped_video.swapper=mesh",
            "--set",
            "pair/swap_report.sheet_rows=1",
        ]
        assert exit_code_of(["run", "ada", "bob", *options]) == 0
        yield root


@pytest.fixture
def address(bob):
    command = [sys.executable, "-m", "facepipe.cli", "annotate", "bob"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()
        server.wait(120)


@pytest.fixture
def page(address):
    """The page in a browser that agrees to whatever it is asked; nothing may go wrong in it."""
    wrong = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = chromium.new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(60_000)
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(address)
        page.get_by_text(OUTLINE).wait_for()
        yield page
        chromium.close()
    assert wrong == []


def stroke(page, start, end):
    """Draw from one place to another, in shares of the frame."""
    box = page.locator("#overlay").bounding_box()
    for place, move in ((start, {}), (end, {"steps": 8})):
        page.mouse.move(
            box["x"] + box["width"] * place[0], box["y"] + box["height"] * place[1], **move
        )
        page.mouse.down()
    page.mouse.up()


@browser
@pytest.mark.browser
def test_a_stroke_is_saved_and_marked_and_can_be_taken_back(bob, page, tmp_path):
    page.keyboard.press("ArrowRight")
    expect(page.locator("#number")).to_have_value("1")
    stroke(page, (0.05, 0.05), (0.3, 0.05))
    page.keyboard.press("e")
    stroke(page, (0.4, 0.5), (0.6, 0.5))
    stroke(page, (0.4, 0.9), (0.6, 0.9))
    page.keyboard.press("z")
    page.get_by_text("not saved").wait_for()
    page.screenshot(path=tmp_path / "painting.png")
    page.keyboard.press("s")
    page.get_by_text("painted", exact=True).wait_for()
    masks = bob / "targets/bob/masks"
    mask = cv2.imread(str(masks / "mask_frame_000001.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (256, 256)
    assert set(np.unique(mask)) == {0, 255}
    assert (mask[13, 13:77] == 255).all()
    assert (mask[128, 103:153] == 0).all()
    assert mask[150, 128] == 255  # the face below the stroke
    assert page.locator("#marks i").count() == 1
    page.screenshot(path=tmp_path / "saved.png")
    page.keyboard.press("Delete")
    page.get_by_text(OUTLINE).wait_for()
    assert list(masks.iterdir()) == []


def test_a_target_that_may_not_be_seen_or_is_not_made_is_refused_in_a_line(bob, fails, tmp_path):
    assert "is unknown" in fails(2, "annotate", "nobody")
    added(bob, "target", "new", noise(tmp_path / "new.png"))
    assert "run: dg launch --job target_job --partition new" in fails(2, "annotate", "new")
    consent = bob / "targets/bob/consent.json"
    granted = consent.read_bytes()
    record(consent, bob / "targets/bob/bob.mp4", scope=("train",))
    assert "swap" in fails(3, "annotate", "bob")
    consent.write_bytes(granted)
