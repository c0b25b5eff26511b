"""What a person sees in the running UI, read by headless Chromium."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]
GROUPS = ("identity", "target", "pair")
# Without these Chromium asks servers of its own for things that a test must not depend on.
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def address(made):
    """The URL of the UI on the made data root."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "dagster_webserver", "-m", "facepipe.definitions",
        "-h", "127.0.0.1", "-p", str(port),
    ]  # fmt: skip
    server = subprocess.Popen(
        command, env=made.environment, cwd=made.root, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url, seconds=60):
    for _ in range(seconds * 4):
        try:
            urllib.request.urlopen(f"{url}/server_info", timeout=2)  # noqa: S310  always http
        except OSError:
            time.sleep(0.25)
        else:
            return
    pytest.fail(f"{url} did not answer in {seconds} s")


@pytest.fixture(scope="module")
def page(address):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 2400, "height": 1100}, base_url=address)
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_the_lineage_shows_the_groups_and_their_assets(page, tmp_path):
    expanded = "%2C".join(f"global%40global%3A{group}" for group in GROUPS)
    page.goto(f"/asset-groups?expanded={expanded}")
    for group in GROUPS:
        page.get_by_text(group, exact=True).first.wait_for()
    page.screenshot(path=tmp_path / "lineage.png")


def test_an_asset_shows_its_thumbnail(page):
    page.goto("/assets/identity/frames?partition=ada&view=partitions")
    page.get_by_text("[Show Markdown]").first.click()
    picture = page.locator("img[src^='data:image/jpeg']").first
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") > 100


def test_a_training_shows_its_loss_plot(page):
    page.goto("/assets/pair/lora_checkpoint?partition=ada%7Cben&view=partitions")
    plot = page.locator("img[src^='data:image/svg+xml']").first
    plot.wait_for()
    assert plot.evaluate("image => image.naturalWidth") > 100
