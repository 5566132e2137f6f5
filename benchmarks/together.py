"""Review in the browser while a terminal works on the same project: losses, failures, latency.

    python -m benchmarks.together PROJECT --target NAME --steps 200

PROJECT is embedded and prepared; a copy of it is used. A training runs, the app is open, and a
browser vetoes images by keyboard while another process runs `sept veto` for others. Then a terminal
runs `sept select`, `sept export` and a short `sept evaluate`, and the app shows the new selection.
Every decision must be an event in the log, and every command must exit with 0. Prints the time from
a key press to the saved decision, alone and with the terminal at work.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from benchmarks import browser, machine
from benchmarks.load import PRESSED

TINY = ("--backbone", "resnet10-tiny", "--image-size", 32, "--batch-size", 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--vetoes", type=int, default=200, help="in the browser, and as commands")
    parser.add_argument("--steps", type=int, default=200, help="of the training beside it")
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "project"
        shutil.copytree(options.project, project)
        lost = work_together(project, options.target, options.vetoes, options.steps)
    sys.exit(lost > 0)


def work_together(project: Path, target: str, vetoes: int, steps: int) -> int:
    """Lost decisions of one session."""
    words = ("--target", target, "--strategy", "random", "--budget", 5 * vetoes)
    draft = f"target={target}&strategy=random&budget={5 * vetoes}"
    selection = sept("select", project, *words)["selection"]
    before = decisions(project, target)
    sept("pretrain", project, selection, "--run", "beside", "--steps", steps, *TINY, "--no-wait")
    with browser.serving(browser.ROOT / "app.py", project) as server, browser.chromium() as chrome:
        page = chrome.new_page(viewport={"width": 1280, "height": 800})
        url = f"{server.address}/curate?{draft}"
        open_grid(page, url)
        uids = page.locator(".tile").evaluate_all("tiles => tiles.map(t => t.dataset.uid)")
        alone = [press(page) for _ in range(vetoes // 4)]
        others = last_uids(project, selection, set(uids), vetoes)
        terminal = threading.Thread(target=veto_all, args=(project, target, others))
        terminal.start()
        beside = [press(page) for _ in range(vetoes - len(alone))]
        terminal.join()
        record = sept("select", project, "--target", target, "--budget", vetoes)
        made = record["selection"]
        sept("export", project, made, "--out", project.parent / "out")
        open_grid(page, f"{server.address}/curate?target={target}&budget={vetoes}")
        shown = page.locator(".chips .counts strong").inner_text()
        sept(
            "evaluate", project, "--target", target, "--arm", "random", "--arm", made, "--budget",
            vetoes, "--steps", 4, "--seeds", 1, "--readout", "knn", *TINY,
        )  # fmt: skip
    found = decisions(project, target) - before
    print(f"decisions: {found} of {2 * vetoes} in the log")
    print(f"the app shows {shown}; {made} has {record['count']} images")
    for name, times in (("alone", alone), ("with the terminal at work", beside)):
        print(f"key to saved, {name}: median {1e3 * statistics.median(times):.0f} ms")
    return 2 * vetoes - found


def sept(*words: object) -> Any:
    """The JSON of a command of this checkout; a failure is the end of the measurement."""
    command = [sys.executable, "-m", "sept_core", *map(str, words), "--json"]
    environment = os.environ | {"PYTHONPATH": str(browser.ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"sept {words[0]}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def decisions(project: Path, target: str) -> int:
    """Events in the log of a target set."""
    return len(sept("history", project, "--target", target)["events"])


def last_uids(project: Path, selection: str, but: set[str], count: int) -> list[str]:
    """Images at the end of a selection, which the browser does not reach."""
    from sept_core.services.curate import selections
    from sept_core.services.project import projects

    with projects.opened(project) as opened:
        uids = selections.picks(opened, selection)["uid"].to_pylist()
    return [uid for uid in reversed(uids) if uid not in but][:count]


def veto_all(project: Path, target: str, uids: list[str]) -> None:
    """Veto in as many commands as images."""
    for uid in uids:
        sept("veto", project, uid, "--target", target, "--reason", "from a terminal")


def open_grid(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(".sept-curate[data-ready] .tile", timeout=browser.PATIENCE)
    page.locator(".gridpane .view").focus()


def press(page: Page) -> float:
    """Seconds from the veto key to the saved decision."""
    time.sleep(0.05)
    milliseconds: float = page.locator(".sept-curate").evaluate(PRESSED, "x")
    return milliseconds / 1e3


if __name__ == "__main__":
    main()
