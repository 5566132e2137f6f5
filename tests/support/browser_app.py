"""The app and a real browser for the tests in this folder."""

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

import pytest
from playwright.sync_api import Page, expect

from pages.shared import streamlit_compat

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
PATIENCE = 120_000  # ms; a shared machine may be slow, a hang is still found

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="needs chromium; CI must have it"
)


@contextmanager
def running(
    project: Path | None = None, port: int | None = None, **variables: str
) -> Iterator[str]:
    """The app with a project or none, on a port or any that is free; its address.

    Args:
        project: its folder.
        port: None takes any that is free.
        variables: further environment variables.
    """
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    environment = os.environ | ({"SEPT_PROJECT": str(project)} if project else {}) | variables
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
            urllib.request.urlopen(address + streamlit_compat.HEALTH, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the app did not start")


def open_curate(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(".sept-curate[data-ready]", timeout=PATIENCE)


def wait_until_saved(page: Page) -> None:
    expect(page.locator(".status")).to_have_attribute("data-state", "saved", timeout=PATIENCE)
