"""Measure the speed of the app in a browser (issue 3).

    python -m benchmarks.app PROJECT

PROJECT must be embedded, prepared and mapped, preferably with the 50,000-image pool. A copy of it
is measured, with a selection of the whole pool. Every figure is the median of ROUNDS, taken in
headless Chromium with software WebGL; `first paint` counts from the launch of the server's process
to the page's content in a browser that is already open. The blank app is one `st.write`.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks import browser

ROUNDS = 5
KEYS = 400
# The grid lives in a shadow tree: each script is given its root.
MARKED = """(grid, key) => new Promise((done) => {
    const view = grid.querySelector('.view');
    const tile = grid.querySelector('.tile[data-row="0"]');
    const before = tile.dataset.mark;
    const started = performance.now();
    const look = () => tile.dataset.mark !== before
        ? requestAnimationFrame(() => done(performance.now() - started))
        : requestAnimationFrame(look);
    view.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    look();
})"""
SAVED = """(grid) => new Promise((done) => {
    const started = performance.now();
    const status = () => grid.querySelector('.status').dataset.state;
    let left = false;
    const look = () => {
        if (status() !== 'saved') left = true;
        left && status() === 'saved' ? done(performance.now() - started) : setTimeout(look, 5);
    };
    grid.querySelector('.view')
        .dispatchEvent(new KeyboardEvent('keydown', {key: 'k', bubbles: true}));
    look();
})"""
SCROLLED = """(grid) => new Promise((done) => {
    const view = grid.querySelector('.view');
    const started = performance.now();
    const frames = [];
    let last = started, step = 0;
    const steps = 60;
    const look = (now) => {
        frames.push(now - last); last = now;
        if (step <= steps) {
            view.scrollTop = (view.scrollHeight - view.clientHeight) * step++ / steps;
            return requestAnimationFrame(look);
        }
        const images = [...grid.querySelectorAll('.tile img')];
        const shown = images.length && images.every((image) => image.complete);
        shown ? done([performance.now() - started, frames]) : requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})"""

BUDGET = "() => (document.body.innerText.match(/([\\d,]+) images for/) || [])[1]"
GALLERY = """() => {
    const seen = [...document.querySelectorAll('.sept-gallery img')].slice(0, 6);
    return seen.length > 0 && seen.every((image) => image.complete && image.naturalWidth);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--target", default=None, help="target set (default: the first)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "project"
        shutil.copytree(options.project, project)
        selection = whole_pool(project, options.target)
        size = sept("status", project)["pool"]["images"]
        print(f"{size:,} images in the pool, {selection['count']:,} in the selection\n")
        print("| measure | median | all |\n| --- | --- | --- |")
        with browser.chromium() as chromium:
            measure_start(chromium, project, Path(name))
            with browser.serving(browser.ROOT / "app.py", project) as server:
                measure_map(chromium, server)
                measure_grid(chromium, server, selection["selection"])
                measure_slider(chromium, server)
            measure_bare_slider(chromium, Path(name))


def whole_pool(project: Path, target: str | None = None) -> dict:
    """Return the record of a selection of all eligible images, for a given or the first target."""
    state = sept("status", project)
    words = ("--target", target or state["targets"][0]["name"], "--strategy", "random")
    return sept("select", project, *words, "--budget", str(state["pool"]["images"]))


def sept(command: str, project: Path, *words: str) -> dict:
    argv = [sys.executable, "-m", "sept_core", command, str(project), *words, "--json"]
    done = subprocess.run(argv, cwd=browser.ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def tell(measure: str, values: list[float], unit: str) -> float:
    """Print one row of the table; return the median."""
    median = statistics.median(values)
    shown = ", ".join(f"{value:.3g}" for value in values)
    print(f"| {measure} | {median:.3g} {unit} | {shown} |", flush=True)
    return median


def measure_start(chromium: Browser, project: Path, folder: Path) -> None:
    """Measure the start of a fresh server each time, alternating with a blank app."""
    blank = folder / "blank.py"
    blank.write_text("import streamlit as st\nst.write('blank')\n")
    starts: dict[str, list[float]] = {"app": [], "blank": [], "app up": [], "blank up": []}
    for _ in range(ROUNDS):
        for name, script, given, sign in (
            ("app", browser.ROOT / "app.py", project, "h1"),
            ("blank", blank, None, "text=blank"),
        ):
            page = chromium.new_page()
            with browser.serving(script, given) as server:
                starts[f"{name} up"].append(time.perf_counter() - server.launched)
                page.goto(server.address)
                page.wait_for_selector(sign, timeout=browser.PATIENCE)
                starts[name].append(time.perf_counter() - server.launched)
            page.close()
    ours = tell("launch to first paint", starts["app"], "s")
    theirs = tell("the same of a blank app", starts["blank"], "s")
    up = tell("launch to the server's first answer", starts["app up"], "s")
    blank_up = tell("the same of a blank app", starts["blank up"], "s")
    print(f"| ratios to the blank app | {ours / theirs:.2f} and {up / blank_up:.2f} | |")


def measure_map(chromium: Browser, server: browser.Server) -> None:
    """Measure the map of the whole pool; a gallery counts once its first thumbnails are decoded."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})

    def painted() -> float:
        started = time.perf_counter()
        page.goto(f"{server.address}/map")
        page.wait_for_selector(".sept-map[data-ready]", timeout=browser.PATIENCE)
        return time.perf_counter() - started

    tell("map ready", repeat(painted), "s")
    page.locator(".sept-map").focus()
    page.keyboard.press("l")
    for share in (0.2, 0.5):
        found: list[int] = []
        seconds = [lasso(page, share, found) for _ in range(ROUNDS)]
        tell(f"lasso end to gallery, {share:.0%} of the side", seconds, "s")
        print(f"| images in these areas | {statistics.median(found):,.0f} | |")
    tell("filter to gallery", repeat(lambda: filtered(page)), "s")
    page.close()


def lasso(page: Page, share: float, found: list[int]) -> float:
    """Return the seconds from the end of a drawn area to the thumbnails of its images."""
    count = page.get_by_text("images in the area")
    page.keyboard.press("Escape")
    count.wait_for(state="detached", timeout=browser.PATIENCE)
    box = page.locator(".sept-map .overlay").bounding_box()
    assert box
    side = min(box["width"], box["height"]) * share
    x, y = box["x"] + box["width"] / 2 - side / 2, box["y"] + box["height"] / 2 - side / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for to_x, to_y in ((x + side, y), (x + side, y + side), (x, y + side), (x, y + 4)):
        page.mouse.move(to_x, to_y, steps=4)
    page.mouse.up()
    started = time.perf_counter()
    count.wait_for(timeout=browser.PATIENCE)
    page.wait_for_function(GALLERY, timeout=browser.PATIENCE)
    seconds = time.perf_counter() - started
    text = page.locator("p", has_text="images in the area").first.inner_text()
    found.append(int(text.split()[0].replace(",", "")))
    return seconds


def filtered(page: Page) -> float:
    """Return the seconds from a metadata filter's Enter to the thumbnails of its images."""
    field = page.get_by_role("textbox", name="Metadata filter")
    field.fill("")
    field.press("Enter")
    passing = page.get_by_text("images pass")
    passing.wait_for(state="detached", timeout=browser.PATIENCE)
    field.fill("brightness > 0.5")
    started = time.perf_counter()
    field.press("Enter")
    passing.wait_for(timeout=browser.PATIENCE)
    page.wait_for_function(GALLERY, timeout=browser.PATIENCE)
    return time.perf_counter() - started


def measure_grid(chromium: Browser, server: browser.Server, selection: str) -> None:
    """Measure the review grid over the whole selection."""
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    address = f"{server.address}/review?selection={selection}"

    def ready() -> float:
        started = time.perf_counter()
        page.goto(address)
        page.wait_for_selector(".sept-grid[data-ready] .tile", timeout=browser.PATIENCE)
        return time.perf_counter() - started

    tell("review grid ready", repeat(ready), "s")
    tell("key press to visible mark", repeat(lambda: marked(page)), "ms")
    grid = page.locator(".sept-grid")
    tell("key press to committed", repeat(lambda: grid.evaluate(SAVED)), "ms")
    scrolls = []
    for _ in range(ROUNDS):
        grid.evaluate("(grid) => { grid.querySelector('.view').scrollTop = 0; }")
        scrolls.append(grid.evaluate(SCROLLED))
    tell("scroll to the end of the grid, thumbnails there", [s[0] for s in scrolls], "ms")
    frames = sorted(frame for _, found in scrolls for frame in found)
    print(
        f"| frame while scrolling, 95th percentile | {frames[int(len(frames) * 0.95)]:.3g} ms | |"
    )
    page.reload()
    page.wait_for_selector(".sept-grid[data-ready] .tile", timeout=browser.PATIENCE)
    lost, seconds = many_keys(page)
    print(f"| {KEYS} key presses in {seconds:.2f} s | {lost} lost | |")
    print(f"| memory of the server | {server.memory() / 2**20:.0f} MiB | |")
    page.close()


def measure_slider(chromium: Browser, server: browser.Server) -> None:
    """Measure the first ranking of the pool, then a key press on the budget until the page shows
    it.
    """
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    started = time.perf_counter()
    page.goto(f"{server.address}/retrieve")
    slider = page.get_by_role("slider", name="Budget (images)")
    slider.wait_for(timeout=10 * browser.PATIENCE)
    ranked = time.perf_counter() - started
    print(f"| Retrieve: the pool ranked for the first time | {ranked:.1f} s | |")
    page.wait_for_timeout(3000)  # the charts of the first ranking are drawn
    tell("budget moved to the page's new count", repeat(lambda: moved(page)), "ms")
    page.close()


def measure_bare_slider(chromium: Browser, folder: Path) -> None:
    """Measure Streamlit's own time for a slider and one line of text."""
    script = folder / "slider.py"
    script.write_text(
        "import streamlit as st\n"
        "count = st.slider('Budget (images)', 1, 10_000, 1_000)\n"
        "st.write(f'{count:,} images for nothing')\n"
    )
    with browser.serving(script, None) as server:
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(server.address)
        page.get_by_text("images for").wait_for(timeout=browser.PATIENCE)
        tell("the same of a slider alone", repeat(lambda: moved(page)), "ms")
        page.close()


def moved(page: Page) -> float:
    """Return the milliseconds from a key press on the budget's slider to the new count."""
    before = page.evaluate(BUDGET)
    page.get_by_role("slider", name="Budget (images)").focus()
    started = time.perf_counter()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"(before) => ({BUDGET})() !== before", arg=before)
    return 1000 * (time.perf_counter() - started)


def repeat(measure: Callable[[], float]) -> list[float]:
    return [measure() for _ in range(ROUNDS)]


def marked(page: Page) -> float:
    """Return the milliseconds from a key press to the frame that shows its mark."""
    page.locator(".sept-grid .view").focus()
    page.keyboard.press("Home")
    current = page.locator('.tile[data-row="0"]').get_attribute("data-mark")
    key = "k" if current == "veto" else "x"
    milliseconds: float = page.locator(".sept-grid").evaluate(MARKED, key)
    page.wait_for_selector('.status[data-state="saved"]', timeout=browser.PATIENCE)
    return milliseconds


def many_keys(page: Page) -> tuple[int, float]:
    """Type `KEYS` vetoes as fast as the browser accepts them; return the unsaved count and the
    time.
    """
    page.locator(".sept-grid .view").focus()
    page.keyboard.press("Home")
    started = time.perf_counter()
    page.locator(".sept-grid").evaluate(
        """async (grid, count) => {
            const view = grid.querySelector('.view');
            for (let i = 0; i < count; i++) {
                view.dispatchEvent(new KeyboardEvent('keydown', {key: 'x', bubbles: true}));
                if (i % 10 === 9) await new Promise((done) => setTimeout(done, 40));
            }
        }""",
        KEYS,
    )
    seconds = time.perf_counter() - started
    page.wait_for_selector('.status[data-state="saved"]', timeout=browser.PATIENCE)
    page.reload()
    page.wait_for_selector(".sept-grid[data-ready] .tile", timeout=browser.PATIENCE)
    told = page.locator(".sept-grid .counts").inner_text()
    return KEYS - int(told.split("·")[1].split()[0]), seconds


if __name__ == "__main__":
    main()
