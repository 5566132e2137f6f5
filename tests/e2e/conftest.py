"""A browser per module, and a page that fails on requests to other hosts and script errors."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from browser_app import CHROMIUM, FLAGS
from playwright.sync_api import Browser, Page, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "no chromium on this machine"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Yield a page that records requests to other hosts and script errors."""
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
