"""Take the pictures of the app that the documentation shows: every page, light and dark.

    python -m benchmarks.screenshots DEMO_PROJECT

A copy of the demo project is used, so that changes by the pages are discarded. Pictures go to
docs/screenshots/ as WebP, 1440 × 900 pixels.
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from benchmarks import browser

OUT = browser.ROOT / "docs" / "screenshots"
PAGES = {
    "overview": ("", "text=Latest selection"),
    "pool": ("pool", "button:has-text('Measure speed')"),
    "targets": ("targets", ".st-key-bar"),
    "curate": ("curate?target=nature&budget=400", ".sept-curate[data-ready] .tile"),
    "figures": ("curate?target=nature&budget=400", ".sept-curate[data-ready] .tile"),
    "export": ("export", "button:has-text('Export')"),
    "pretrain": ("pretrain", "button:has-text('Measure')"),
    "evaluate": ("evaluate", ".st-key-bar"),
}
"""Path of each page, and an element that exists once it is drawn."""


def main() -> None:
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "demo"
        shutil.copytree(sys.argv[1], project)
        with (
            browser.serving(browser.ROOT / "app.py", project) as server,
            browser.chromium() as chromium,
        ):
            for scheme in ("light", "dark"):
                page = chromium.new_page(
                    viewport={"width": 1440, "height": 900}, color_scheme=scheme
                )
                for title, (path, sign) in PAGES.items():
                    page.goto(f"{server.address}/{path}")
                    page.locator(sign).first.wait_for(timeout=browser.PATIENCE)
                    if title == "figures":
                        page.get_by_role("tab", name="Figures").click()
                    _settle(page)
                    _save(page, OUT / f"{title}-{scheme}.webp")


def _settle(page: Page) -> None:
    """Wait until the page rests and every image in sight is there."""
    page.wait_for_function(
        """() => !document.querySelector('[data-testid=stStatusWidget]')
            && [...document.images].every((image) => {
                const box = image.getBoundingClientRect();
                const seen = box.top < innerHeight && box.bottom > 0 && box.width > 0;
                return !seen || image.complete;
            })""",
        timeout=browser.PATIENCE,
    )
    page.wait_for_timeout(4000)  # pictures of components, which the script above does not see


def _save(page: Page, path: Path) -> None:
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, "WEBP", quality=72)


if __name__ == "__main__":
    main()
