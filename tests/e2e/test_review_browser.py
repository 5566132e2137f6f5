"""Review in a real browser: keys, saving, reload; and nothing leaves the machine."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from small_project import sept

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
PATIENCE = 120_000  # ms; a shared machine may be slow, a hang is still found

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="needs chromium; CI must have it"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "no chromium on this machine"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@contextmanager
def running(project: Path) -> Iterator[str]:
    """The app on a free port; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    environment = os.environ | {"SEPT_PROJECT": str(project)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as server:
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until_up(server, address)
            yield address
        finally:
            server.terminate()


def wait_until_up(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        assert server.poll() is None, "the app ended"
        try:
            urllib.request.urlopen(address + "/_stcore/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the app did not start")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that records requests to other hosts and errors of its scripts."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    strangers: list[str] = []
    problems: list[str] = []

    def note(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            strangers.append(url)

    opened.on("request", lambda request: note(request.url))
    opened.on("websocket", lambda channel: note(channel.url))
    opened.on("pageerror", lambda problem: problems.append(str(problem)))
    yield opened
    context.close()
    assert strangers == []
    assert problems == []


def select(project: Path) -> str:
    made = sept("select", project, "--target", "toys", "--budget", 30, "--json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["selection"])


def open_grid(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(".sept-grid[data-ready]", timeout=PATIENCE)


def wait_until_saved(page: Page) -> None:
    expect(page.locator(".status")).to_have_attribute("data-state", "saved", timeout=PATIENCE)


def marks(page: Page) -> list[str]:
    return [tile.get_attribute("data-mark") or "" for tile in page.locator(".tile").all()]


def test_veto_by_keyboard_survives_reload_and_restart(project: Path, page: Page) -> None:
    ident = select(project)
    with running(project) as address:
        # A deep link to a fresh server, before any other page was seen.
        open_grid(page, f"{address}/review?selection={ident}")
        expect(page.get_by_text("Page not found")).to_have_count(0)
        expect(page.get_by_role("link", name="Overview")).to_be_visible()
        page.locator(".view").focus()
        for key in ("x", "k", "x", "z", "p"):
            page.keyboard.press(key)
        expected = ["veto", "keep", "", "pin"]
        assert marks(page)[:4] == expected, "marked before the server has answered"
        wait_until_saved(page)
        page.reload()
        page.wait_for_selector(".sept-grid[data-ready]", timeout=PATIENCE)
        assert marks(page)[:4] == expected
    with running(project) as address:
        open_grid(page, f"{address}/review?selection={ident}")
        assert marks(page)[:4] == expected
    history = json.loads(sept("history", project, "--target", "toys", "--json").stdout)
    assert [event["action"] for event in history["events"]] == [
        "veto", "keep", "veto", "undo", "pin",
    ]  # fmt: skip


def test_fast_keys_lose_nothing_and_making_again_fills_up(project: Path, page: Page) -> None:
    ident = select(project)
    with running(project) as address:
        open_grid(page, f"{address}/review?selection={ident}")
        page.locator(".view").focus()
        for _ in range(10):
            page.keyboard.press("x")
        wait_until_saved(page)
        assert marks(page)[:10] == ["veto"] * 10
        page.keyboard.press("Home")
        page.keyboard.press("Space")
        expect(page.locator("dialog.zoom")).to_contain_text("Similarity")
        page.keyboard.press("Space")
        expect(page.locator("dialog.zoom")).not_to_be_visible()
        page.get_by_role("button", name="Make again").click()
        expect(page.get_by_text("10 images came")).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".tile .new", has_text="new").first).to_be_visible(timeout=PATIENCE)
        assert "veto" not in marks(page)
