"""The app in a real browser, for benchmarks and screenshots."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from pages.shared import streamlit_compat

ROOT = Path(__file__).parent.parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
PATIENCE = 120_000  # ms


@dataclass(frozen=True)
class Server:
    """A Streamlit app on a free port of this machine."""

    address: str
    pid: int
    launched: float  # time.perf_counter()

    def memory(self) -> int:
        """Return the server's resident bytes."""
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(script: Path, project: Path | None = None) -> Iterator[Server]:
    """Start `script`, wait until it answers, and stop it at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    environment = os.environ | ({"SEPT_PROJECT": str(project)} if project else {})
    launched = time.perf_counter()
    with subprocess.Popen(
        [*command, "--server.headless=true"],
        cwd=script.parent,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(process, address)
            yield Server(address, process.pid, launched)
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(address + streamlit_compat.HEALTH, timeout=5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the app exited before it answered")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
