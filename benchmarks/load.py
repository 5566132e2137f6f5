"""Twenty people review one project at once: errors, lost decisions, latencies, memory, leaks.

    python -m benchmarks.load PROJECT --sessions 20 --minutes 3 --cycles 60

PROJECT is embedded and prepared; a copy of it is used, with a random draft of the whole pool. Every
session is a browser context of its own in Curate. It presses keys that decide (veto, keep,
pin), about one a second, and waits for each until the grid says that it is saved. At the end every
key must be an event in the log, no page may have shown an error, and the server must have released
its resources. Then a soak test: sessions open, decide and close, `--cycles` times five, and the
server's memory, threads and open files are printed along the way.
"""

import argparse
import asyncio
import itertools
import os
import random
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from benchmarks import browser, machine
from benchmarks.app import sept
from sept_core.catalogue import decision_table
from sept_core.services.project import projects

KEYS = ("x", "k", "p")
AT_ONCE = 5  # sessions of a soak's cycle
# The key is sent from within, so that no acknowledgement can be missed.
PRESSED = """(grid, key) => new Promise((done, fail) => {
    const started = performance.now();
    const state = () => grid.querySelector('.status').dataset.state;
    grid.querySelector('.gridpane .view')
        .dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    if (state() === 'saved') return fail('the key did nothing');
    const look = () => {
        if (state() === 'saved') return done(performance.now() - started);
        if (performance.now() - started > 60000) return fail('never saved');
        setTimeout(look, 5);
    };
    look();
})"""


@dataclass
class Told:
    """Observations of the sessions."""

    seconds: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    keys: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--cycles", type=int, default=60)
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "project"
        shutil.copytree(options.project, project)
        state = sept("status", project)
        target, count = state["targets"][0]["name"], state["pool"]["images"]
        words = f"target={target}&strategy=random&budget={count}"
        before = last_position(project)
        with browser.serving(browser.ROOT / "app.py", project) as server:
            told = asyncio.run(everything(server, f"{server.address}/curate?{words}", options))
        logged = last_position(project) - before
    print(f"{told.keys:,} decisions were told saved, {logged:,} are in the log")
    print(f"problems: {len(told.problems)}")
    for problem in told.problems[:10]:
        print(f"  {problem}")
    raise SystemExit(bool(told.problems) or told.keys != logged)


def last_position(project: Path) -> int:
    """Return the number of decisions in the log."""
    with projects.opened(project) as opened:
        return decision_table.last_position(opened.db)


async def everything(server: browser.Server, url: str, options: argparse.Namespace) -> Told:
    """Run the load test, then the soak test."""
    told = Told()
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=browser.CHROMIUM, args=browser.FLAGS
        )
        print(f"before: {held(server.pid)}", flush=True)
        await load(opened, url, told, server.pid, options)
        for cycle in range(options.cycles):
            few = range(AT_ONCE)
            await asyncio.gather(*(visit(opened, url, told, number) for number in few))
            if (cycle + 1) % max(1, options.cycles // 6) == 0:
                print(f"after {(cycle + 1) * AT_ONCE} more: {held(server.pid)}", flush=True)
        await opened.close()
    return told


async def load(
    opened: Browser, url: str, told: Told, server: int, options: argparse.Namespace
) -> None:
    """Open all grids; once the last is ready, let all decide until the time is over."""
    numbers = range(options.sessions)
    started, busy = time.monotonic(), processor_seconds(server)
    pages = await asyncio.gather(*(open_grid(opened, url, told, number) for number in numbers))
    spent = processor_seconds(server) - busy
    print(f"{len(numbers)} grids opened at once: {time.monotonic() - started:.1f} s, "
          f"{spent / len(numbers):.2f} CPU-s of the server each", flush=True)  # fmt: skip
    started, busy = time.monotonic(), processor_seconds(server)
    until = started + 60 * options.minutes
    await asyncio.gather(
        *(review(page, told, number, until) for number, page in enumerate(pages) if page)
    )
    spent, minutes = processor_seconds(server) - busy, (time.monotonic() - started) / 60
    report(f"{options.sessions} sessions for {minutes:.1f} minutes", told.seconds)
    print(f"the server took {1000 * spent / told.keys:.0f} CPU-ms for a decision, "
          f"{spent / 60 / minutes:.2f} of {os.cpu_count()} processors", flush=True)  # fmt: skip
    await asyncio.gather(*(page.context.close() for page in pages if page))
    print(f"after the sessions: {held(server)}", flush=True)


async def visit(opened: Browser, url: str, told: Told, number: int) -> None:
    """Run one session of the soak test: open, decide three times, close."""
    page = await open_grid(opened, url, told, number)
    if page:
        await review(page, told, number, until=0, least=3)
        await page.context.close()


async def open_grid(opened: Browser, url: str, told: Told, number: int) -> Page | None:
    """Open Curate in a new browser context, ready for keys."""
    context = await opened.new_context(viewport={"width": 1100, "height": 700})
    page = await context.new_page()
    page.on("pageerror", lambda problem: told.problems.append(f"script: {problem}"))
    try:
        await page.goto(url, timeout=browser.PATIENCE)
        await page.wait_for_selector(".sept-curate[data-ready] .tile", timeout=browser.PATIENCE)
        await page.locator(".gridpane .view").focus()
    except Exception as problem:
        told.problems.append(f"session {number} did not open: {str(problem)[:300]}")
        await context.close()
        return None
    return page


async def review(page: Page, told: Told, number: int, until: float, least: int = 1) -> None:
    """Decide about once a second until the time is over."""
    draw = random.Random(number)
    try:
        for count in itertools.count():
            if count >= least and time.monotonic() >= until:
                break
            told.seconds.append(await decide(page, draw))
            told.keys += 1
            await asyncio.sleep(draw.uniform(0.5, 1.5))
        if await page.get_by_test_id("stAlert").count():
            told.problems.append(await page.get_by_test_id("stAlert").first.inner_text())
    except Exception as problem:
        told.problems.append(f"session {number}: {str(problem)[:300]}")


async def decide(page: Page, draw: random.Random) -> float:
    """Return the seconds from a key to its acknowledgement, on a random image."""
    for _ in range(draw.randint(1, 3)):
        await page.keyboard.press("ArrowRight")
    milliseconds = await page.locator(".sept-curate").evaluate(PRESSED, draw.choice(KEYS))
    return float(milliseconds) / 1000


def report(title: str, seconds: list[float]) -> None:
    """Print percentiles in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    told = ", ".join(f"p{p} {1000 * cuts[p - 1]:.0f} ms" for p in (50, 90, 95, 99))
    print(f"{title}: {len(seconds):,} decisions, key to committed {told}, most "
          f"{1000 * max(seconds):.0f} ms", flush=True)  # fmt: skip


def processor_seconds(pid: int) -> float:
    """Return the resources that a process has used so far, all threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def held(pid: int) -> str:
    """Memory, threads, files and child processes of the server now."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    memory = int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    threads = len([*Path(f"/proc/{pid}/task").iterdir()])
    files = len([*Path(f"/proc/{pid}/fd").iterdir()])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return f"{memory:.0f} MiB, {threads} threads, {files} open files, {len(children)} children"


if __name__ == "__main__":
    main()
