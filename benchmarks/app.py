"""Measure the speed of the app in a browser.

    python -m benchmarks.app PROJECT [--target NAME] [--only MEASURE]

PROJECT must be embedded, prepared and mapped, preferably with the 50,000-image pool. A copy of it
is measured, with the ranking of a target set as the draft. Every figure is the median of ROUNDS,
taken in headless Chromium with software WebGL; `first paint` counts from the launch of the server's
process to the page's content in a browser that is already open. The blank app is one `st.write`.
The first generation (Map, Retrieve and Review as three pages) is measured by the same command in a
checkout of commit 3c4b129.
"""

import argparse
import base64
import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from benchmarks import browser

ROUNDS = 5
MEASURES = (
    "keys", "budget", "map", "filters", "search", "scrolling", "pages", "lossless",
)  # fmt: skip
KEYS = 400
BLANK = (
    "import streamlit as st\nst.write('blank')\nst.html('<div style=\"height:9000px\"></div>')\n"
)

READY = ".sept-curate[data-ready] .tile img"
SAVED = '.status[data-state="saved"]'
DRAWN = ".map[data-ready]"

MARKED = """([view, key]) => new Promise((done) => {
    const tile = view.querySelector('.tile.current');
    const before = tile.dataset.mark;
    const started = performance.now();
    const look = () => tile.dataset.mark !== before
        ? requestAnimationFrame(() => done(performance.now() - started))
        : requestAnimationFrame(look);
    view.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    look();
})"""
COMMITTED = """([view, key, refilled]) => new Promise((done) => {
    const root = view.closest('.sept-curate');
    const status = root.querySelector('.status');
    const count = () => (root.querySelector('.chips .counts').textContent.match(
        /(\\d+) refilled/) || [0, 0])[1];
    const before = count();
    const started = performance.now();
    let left = false, saved = 0;
    const look = () => {
        const now = performance.now() - started;
        if (status.dataset.state !== 'saved') left = true;
        if (left && !saved && status.dataset.state === 'saved') saved = now;
        if (saved && (!refilled || count() !== before)) return done([saved, now]);
        if (now > 60000) return done([saved, NaN]);
        setTimeout(look, 5);
    };
    view.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    look();
})"""
SCROLLED = """(view) => new Promise((done) => {
    const frames = [], started = performance.now(), steps = 60;
    let last = started, step = 0;
    const look = (now) => {
        frames.push(now - last); last = now;
        if (step > steps) return done([performance.now() - started, frames]);
        view.scrollTop = (view.scrollHeight - view.clientHeight) * step++ / steps;
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})"""
HOVERED = """([root, x, y]) => new Promise((done) => {
    const overlay = root.querySelector('.map .overlay');
    const point = (kind, at = {}) =>
        overlay.dispatchEvent(new PointerEvent(kind, {bubbles: true, ...at}));
    point('pointerleave');
    requestAnimationFrame(() => {
        const started = performance.now();
        let frames = 0;
        const look = () => {
            frames += 1;
            root.querySelector('.tile.linked') || frames > 12
                ? done([frames, performance.now() - started]) : requestAnimationFrame(look);
        };
        point('pointermove', {clientX: x, clientY: y});
        requestAnimationFrame(look);
    });
})"""
MOVED = """([root, budget]) => new Promise((done) => {
    const field = root.querySelector('input[aria-label="Budget, images"]');
    const counts = () => root.querySelector('.chips .counts strong').textContent;
    const before = counts(), started = performance.now();
    const look = () => counts() !== before
        ? requestAnimationFrame(() => done(performance.now() - started))
        : requestAnimationFrame(look);
    field.value = budget;
    field.dispatchEvent(new Event('input', {bubbles: true}));
    field.dispatchEvent(new Event('change', {bubbles: true}));
    look();
})"""
LOADED = """() => {
    const find = (root) => root.querySelector('.sept-curate .gridpane')
        || [...root.querySelectorAll('*')].map((e) => e.shadowRoot && find(e.shadowRoot))
            .find(Boolean);
    const pane = find(document);
    const seen = pane ? [...pane.querySelectorAll('.tile img')].slice(0, 12) : [];
    return seen.length > 0 && seen.every((image) => image.complete && image.naturalWidth);
}"""
PASTE = """(data) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "pasted.png", {type: "image/png"}));
    document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true}));
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--target", default=None, help="target set (default: the first)")
    parser.add_argument("--only", choices=MEASURES, default="", help="one measure of Curate")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "project"
        shutil.copytree(options.project, project)
        shutil.rmtree(project / "rankings", ignore_errors=True)
        state = sept("status", project)
        target = options.target or state["targets"][0]["name"]
        print(f"{state['pool']['images']:,} images in the pool, target set {target}\n")
        print("| measure | median | all |\n| --- | --- | --- |")
        blank = Path(name) / "blank.py"
        blank.write_text(BLANK)
        with browser.chromium() as chromium:
            if not options.only:
                measure_start(chromium, project, blank)
            with browser.serving(blank) as server:
                plain = measure_blank(chromium, server)
            with browser.serving(browser.ROOT / "app.py", project) as server:
                Curate(chromium, server, target, plain).measure(options.only)


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


def repeat(measure: Callable[[], float]) -> list[float]:
    return [measure() for _ in range(ROUNDS)]


def measure_start(chromium: Browser, project: Path, blank: Path) -> None:
    """Measure the start of a fresh server each time, alternating with a blank app."""
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
                page.wait_for_selector(sign, state="attached", timeout=browser.PATIENCE)
                starts[name].append(time.perf_counter() - server.launched)
            page.close()
    ours = tell("launch to first paint", starts["app"], "s")
    theirs = tell("the same of a blank app", starts["blank"], "s")
    up = tell("launch to the server's first answer", starts["app up"], "s")
    blank_up = tell("the same of a blank app", starts["blank up"], "s")
    print(f"| ratios to the blank app | {ours / theirs:.2f} and {up / blank_up:.2f} | |")


def measure_blank(chromium: Browser, server: browser.Server) -> tuple[float, float]:
    """Return the seconds of a blank page, and the 95th percentile of its frames (ms)."""
    page = chromium.new_page(viewport={"width": 1440, "height": 900})

    def shown() -> float:
        started = time.perf_counter()
        page.goto(server.address)
        page.wait_for_selector("text=blank", timeout=browser.PATIENCE)
        return time.perf_counter() - started

    seconds = tell("a blank page", repeat(shown), "s")
    scrolled = page.locator('[data-testid="stMain"]').evaluate(SCROLLED)
    page.close()
    return seconds, frames_of("frame while scrolling a blank page", [scrolled])


def frames_of(measure: str, scrolls: list[list]) -> float:
    """Print and return the 95th percentile of the frames, in ms."""
    frames = sorted(frame for _, found in scrolls for frame in found)
    worst = float(frames[int(len(frames) * 0.95)])
    print(f"| {measure}, 95th percentile | {worst:.3g} ms | |", flush=True)
    return worst


class Curate:
    """The measures of the workspace, on one server."""

    def __init__(
        self,
        chromium: Browser,
        server: browser.Server,
        target: str,
        plain: tuple[float, float],
    ) -> None:
        self.server, self.plain = server, plain
        self.page = chromium.new_page(viewport={"width": 1440, "height": 900})
        self.url = f"{server.address}/curate?target={target}&budget=1000"
        self.root = self.page.locator(".sept-curate")
        self.view = self.page.locator(".gridpane .view")

    def measure(self, only: str = "") -> None:
        """Run one of the measures, or all."""
        self.first()
        self.ready()
        for name in MEASURES:
            if only in ("", name):
                getattr(self, name)()
        print(f"| memory of the server | {self.server.memory() / 2**20:.0f} MiB | |")

    def first(self) -> None:
        """Measure a ranking that does not exist yet."""
        started = time.perf_counter()
        self.page.goto(self.url)
        self.page.wait_for_selector(READY, timeout=browser.PATIENCE)
        images = time.perf_counter() - started
        self.page.wait_for_selector('.sept-curate[data-ready$="/10000"]', timeout=browser.PATIENCE)
        whole = time.perf_counter() - started
        print(f"| first ranking: first images, all | {images:.1f} s, {whole:.1f} s | |")

    def ready(self) -> None:
        def shown() -> float:
            started = time.perf_counter()
            self.page.goto(self.url)
            self.page.wait_for_selector(READY, timeout=browser.PATIENCE)
            self.page.wait_for_selector(DRAWN, timeout=browser.PATIENCE)
            return time.perf_counter() - started

        seconds = tell("Curate ready: grid and map drawn", repeat(shown), "s")
        print(f"| the same after a blank page | {seconds - self.plain[0]:.2f} s | |")
        self.page.wait_for_selector('.sept-curate[data-ready$="/10000"]', timeout=browser.PATIENCE)

    def keys(self) -> None:
        self.page.wait_for_timeout(1500)

        def marked() -> float:
            self.view.focus()
            found = self.view.evaluate(f"(view) => ({MARKED})([view, 'k'])")
            self.page.wait_for_selector(SAVED, timeout=browser.PATIENCE)
            return float(found)

        tell("key press to visible mark", repeat(marked), "ms")
        steps = [
            self.view.evaluate(f"(view) => ({COMMITTED})([view, 'x', true])") for _ in range(ROUNDS)
        ]
        tell("veto to committed", [saved for saved, _ in steps], "ms")
        tell("veto to refilled", [refilled for _, refilled in steps], "ms")

    def budget(self) -> None:
        sizes = iter(range(400, 400 + 50 * ROUNDS, 50))

        def moved() -> float:
            found = self.root.evaluate(f"(root) => ({MOVED})([root, {next(sizes)}])")
            self.page.wait_for_timeout(500)
            return float(found)

        tell("budget moved to grid and count", repeat(moved), "ms")

    def map(self) -> None:
        x, y, side = self.square()
        for share in (0.2, 0.5):
            tell(
                f"lasso to filtered grid, {share:.0%} of the side",
                repeat(lambda share=share: self.lasso(x, y, side * share)),
                "s",
            )
        self.page.goto(f"{self.server.address}/curate?target=")  # no target lies above the pool
        self.page.wait_for_selector(DRAWN, timeout=browser.PATIENCE)
        self.hover(x, y, side)

    def square(self) -> tuple[float, float, float]:
        """Return the middle of the map and the length of its side."""
        box = self.page.locator(".map .overlay").bounding_box()
        assert box
        side = min(box["width"], box["height"])
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, side

    def hover(self, x: float, y: float, side: float) -> None:
        """Measure the link from a point to its tile in a small area, all of it in sight."""
        self.page.locator(".tilesize input").fill("64")
        frames, times = [], []
        for step in range(-3, 4):
            left, top = x + step * side / 16, y + step * side / 24
            self.lasso(left, top, 16, "rectangle")
            for dx, dy in ((0, 0), (3, 0), (0, 3), (-3, -2)):
                found, milliseconds = self.root.evaluate(
                    f"(root) => ({HOVERED})([root, {left + dx}, {top + dy}])"
                )
                if found <= 12:  # else there is no point
                    frames.append(float(found))
                    times.append(milliseconds)
        tell("hovering a point to its tile", frames or [float("nan")], "frames")
        tell("the same in time", times or [float("nan")], "ms")

    def lasso(self, x: float, y: float, side: float, tool: str = "lasso") -> float:
        chip = self.page.locator(".chips .chip", has_text="area on the map")
        if chip.count():
            chip.click()
            chip.wait_for(state="detached", timeout=browser.PATIENCE)
            self.page.wait_for_timeout(500)
        self.page.locator(".map").focus()
        self.page.keyboard.press("l" if tool == "lasso" else "b")
        left, top = x - side / 2, y - side / 2
        mouse = self.page.mouse
        mouse.move(left, top)
        mouse.down()
        around = (
            (left + side, top),
            (left + side, top + side),
            (left, top + side),
            (left, top + 4),
        )
        for to in around if tool == "lasso" else ((left + side, top + side),):
            mouse.move(*to, steps=4)
        mouse.up()
        started = time.perf_counter()
        chip.wait_for(timeout=browser.PATIENCE)
        self.page.wait_for_function(LOADED, timeout=browser.PATIENCE)
        return time.perf_counter() - started

    def filters(self) -> None:
        self.page.goto(self.url)
        self.page.wait_for_selector(READY, timeout=browser.PATIENCE)
        self.page.wait_for_timeout(1500)
        cards = self.page.locator(".targets .card .open")
        numbers = iter(range(ROUNDS))

        def filtered() -> float:
            started = time.perf_counter()
            cards.nth(next(numbers)).click()
            self.page.locator(".chips .chip", has_text="target").wait_for(timeout=browser.PATIENCE)
            self.page.wait_for_function(LOADED, timeout=browser.PATIENCE)
            return time.perf_counter() - started

        tell("a target's filter to grid", repeat(filtered), "s")
        self.page.locator(".chips .chip", has_text="target").click()

    def search(self) -> None:
        image = io.BytesIO()
        Image.effect_noise((64, 64), 60).convert("RGB").save(image, "PNG")
        data = base64.b64encode(image.getvalue()).decode()
        chip = self.page.locator(".chips .chip", has_text="pasted.png")

        def searched() -> float:
            started = time.perf_counter()
            self.page.evaluate(PASTE, data)
            chip.wait_for(timeout=browser.PATIENCE)
            self.page.wait_for_function(LOADED, timeout=browser.PATIENCE)
            seconds = time.perf_counter() - started
            chip.click()
            chip.wait_for(state="detached", timeout=browser.PATIENCE)
            return seconds

        searched()  # loads the encoder
        tell("image search to grid, encoder loaded", repeat(searched), "s")

    def scrolling(self) -> None:
        scrolls = []
        for _ in range(ROUNDS):
            self.view.evaluate("(view) => { view.scrollTop = 0; }")
            self.page.wait_for_timeout(300)
            scrolls.append(self.view.evaluate(SCROLLED))
        worst = frames_of("frame while scrolling the grid", scrolls)
        print(f"| ratio to a blank page's frame | {worst / self.plain[1]:.2f} | |")

    def pages(self) -> None:
        def changed() -> float:
            self.page.locator(".st-key-bar-pages a", has_text="Targets").click()
            self.page.wait_for_selector("h1:has-text('Targets')", state="attached")
            self.page.wait_for_timeout(1500)
            started = time.perf_counter()
            self.page.locator(".st-key-bar-pages a", has_text="Curate").click()
            self.page.wait_for_selector(READY, timeout=browser.PATIENCE)
            return time.perf_counter() - started

        seconds = tell("page change to Curate's images", repeat(changed), "s")
        print(f"| the same after a blank page | {seconds - self.plain[0]:.2f} s | |")

    def lossless(self) -> None:
        """Type `KEYS` keeps as fast as the browser accepts them, reload, count."""
        self.page.goto(self.url)
        self.page.wait_for_selector(READY, timeout=browser.PATIENCE)
        self.page.wait_for_timeout(1500)
        self.view.focus()
        self.page.keyboard.press("Home")
        before = self.kept()
        started = time.perf_counter()
        self.view.evaluate(
            """async (view, count) => {
                for (let i = 0; i < count; i++) {
                    view.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', bubbles: true}));
                    if (i % 10 === 9) await new Promise((done) => setTimeout(done, 40));
                }
            }""",
            KEYS,
        )
        seconds = time.perf_counter() - started
        shown = self.kept()
        self.page.wait_for_selector(SAVED, timeout=browser.PATIENCE)
        self.page.reload()
        self.page.wait_for_selector(READY, timeout=browser.PATIENCE)
        self.page.wait_for_timeout(1500)
        print(f"| {KEYS} key presses in {seconds:.2f} s | {shown - self.kept()} lost | "
              f"{shown - before} new keeps |")  # fmt: skip

    def kept(self) -> int:
        found = self.page.locator(".chips .state", has_text="kept")
        return int(found.inner_text().split()[0].replace(",", "")) if found.count() else 0


if __name__ == "__main__":
    main()
