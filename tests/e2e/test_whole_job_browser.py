"""The whole workflow by mouse and keyboard: from two folders of images to the weakest class."""

import base64
import contextlib
import json
import re
from pathlib import Path
from shutil import copytree, ignore_patterns, make_archive

import pytest
from browser_app import PATIENCE, needs_chromium, open_curate, running, wait_until_saved
from playwright.sync_api import Browser, Locator, Page, expect
from small_project import picture, png, sept

pytestmark = needs_chromium

PASTE = """([data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "pasted.png", {type: "image/png"}));
    document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true}));
}"""


def go(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=PATIENCE)


def fill(page: Page, label: str, value: str) -> None:
    """Type into the visible field and wait until the page has the value."""
    field = page.get_by_label(label, exact=True).and_(page.locator("input:visible")).first
    field.fill(value)
    field.press("Enter")
    expect(field).to_have_value(value)


def add(page: Page, what: str, name: str, path: Path) -> None:
    fill(page, "Path", str(path))
    fill(page, "Name", name)
    page.get_by_role("button", name=f"Add {what}").first.click()
    expect(page.get_by_text("new files")).to_be_visible(timeout=PATIENCE)


def create_project(page: Page, folder: Path) -> None:
    page.get_by_role("button", name="New project").last.click()
    fill(page, "Name", folder.name)
    fill(page, "Parent folder", str(folder.parent))
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Three steps")).to_be_visible(timeout=PATIENCE)


def embed(page: Page) -> None:
    """Start the embedding, reload in the middle, and wait for all steps that follow."""
    go(page, "Pool")
    page.get_by_role("button", name="Embed", exact=True).click()
    expect(page.get_by_text("Embedding with bundled+classic").first).to_be_visible(timeout=PATIENCE)
    page.reload()
    expect(page.get_by_text("Drawing the map").first).to_be_visible(timeout=3 * PATIENCE)
    expect(page.get_by_text("Drawing the map")).to_have_count(0, timeout=PATIENCE)


def counts(page: Page, text: str) -> None:
    expect(page.locator(".chips .counts")).to_contain_text(text, timeout=PATIENCE)


def chip(page: Page, text: str) -> Locator:
    return page.locator(".chips .chip", has_text=text)


def press(page: Page, *keys: str) -> None:
    """Press keys in the grid."""
    page.locator(".gridpane .view").focus()
    for key in keys:
        page.keyboard.press(key)


def set_budget(page: Page, budget: int) -> None:
    field = page.get_by_label("Budget, images")
    field.fill(str(budget))
    field.press("Enter")
    counts(page, f"{budget} images")


def lasso(page: Page) -> None:
    """Draw around the whole map."""
    page.wait_for_selector(".map[data-ready]", timeout=PATIENCE)
    box = page.locator(".map .overlay").bounding_box()
    assert box
    left, top = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    reach = box["height"] / 2 - 4
    page.mouse.move(left - reach, top - reach)
    page.mouse.down()
    for dx, dy in ((reach, -reach), (reach, reach), (-reach, reach), (-reach, 0)):
        page.mouse.move(left + dx, top + dy)
    page.mouse.up()
    expect(chip(page, "area on the map")).to_be_visible(timeout=PATIENCE)


def group_all_in_the_area(page: Page) -> None:
    """Choose all images that pass the filter, save them as a group, and keep them."""
    lasso(page)
    page.locator(".tilesize input").fill("256")
    press(page, "Control+a")
    chosen = page.get_by_role("toolbar", name="Actions on the chosen images")
    expect(chosen).to_contain_text("40 chosen")
    page.get_by_role("button", name="Save as group…").click()
    page.get_by_label("Group name").fill("near")
    page.get_by_role("button", name="Save group").click()
    expect(page.get_by_text("Saved 40 images as group near")).to_be_visible(timeout=PATIENCE)
    press(page, "k")
    page.get_by_role("button", name="Keep 40 images").click()  # more than what is in sight
    counts(page, "40 kept")
    press(page, "Escape", "Control+z")
    wait_until_saved(page)
    counts(page, "0 kept")
    chip(page, "area on the map").click()
    expect(chip(page, "area on the map")).to_have_count(0)


def look_at_a_target(page: Page) -> None:
    """Filter by a target; the browser's back button removes the filter."""
    page.locator(".targets .card .open").first.click()
    expect(chip(page, "target 1")).to_be_visible(timeout=PATIENCE)
    page.wait_for_url("**/curate?*view=*", timeout=PATIENCE)
    page.go_back()
    expect(chip(page, "target 1")).to_have_count(0, timeout=PATIENCE)


def veto_twenty(page: Page) -> None:
    press(page, "Home", *"x" * 20)
    wait_until_saved(page)
    counts(page, "20 refilled")
    press(page, "Control+z")
    counts(page, "19 vetoed")
    press(page, "Control+Shift+z")
    wait_until_saved(page)
    counts(page, "20 vetoed")


def search_by_image(page: Page) -> None:
    page.evaluate(PASTE, [base64.b64encode(png(picture("red", 7))).decode()])
    expect(chip(page, "pasted.png")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".tile .value").first).to_have_text(re.compile(r"^[01]\.\d\d$"))
    chip(page, "pasted.png").click()
    counts(page, "40 images")
    page.wait_for_url(lambda url: "view=" not in url, timeout=PATIENCE)


def decide_in_another_browser(page: Page, browser: Browser) -> None:
    """Open the copied link elsewhere and veto there; meanwhile search by an image here.

    The veto appears here without a reload.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    other = context.new_page()
    open_curate(other, page.url)
    counts(other, "40 images")
    counts(other, "20 vetoed")
    press(other, "End", "x")
    wait_until_saved(other)
    context.close()
    search_by_image(page)
    counts(page, "21 vetoed")


def test_from_folders_to_the_weakest_class(
    page: Page,
    browser: Browser,
    small_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEPT_ROOTS", str(tmp_path))
    pool = copytree(small_data / "pool", tmp_path / "pool", ignore=ignore_patterns("[23]?.png"))
    zipped = Path(make_archive(str(tmp_path / "toys"), "zip", small_data / "target"))
    folder = tmp_path / "job"
    with running() as address:
        page.goto(address)
        create_project(page, folder)
        go(page, "Pool")
        add(page, "source", "shapes", pool)
        go(page, "Targets")
        add(page, "target set", "toys", zipped)
        embed(page)
        go(page, "Curate")
        page.wait_for_selector(".sept-curate[data-ready]", timeout=PATIENCE)
        set_budget(page, 40)
        group_all_in_the_area(page)
        look_at_a_target(page)
        veto_twenty(page)
        decide_in_another_browser(page, browser)
        open_curate(page, page.url)  # a clean list
        counts(page, "21 vetoed")
        first = page.locator(".tile").first
        expect(first).to_have_attribute("data-mark", "")
    press(page, "Home", *"k" * 3)  # the app is killed in the middle of the review
    with running(folder, int(address.rpartition(":")[2])):
        wait_until_saved(page)
        counts(page, "3 kept")
        counts(page, "21 vetoed")
        page.get_by_role("button", name="Save selection").click()
        expect(page.get_by_text("Saved 40 images as")).to_be_visible(timeout=PATIENCE)
        press(page, "End", "p")
        wait_until_saved(page)
        export_and_verify(page)
        pretrain(page)
        evaluate(page)
        open_the_weakest(page)
    state = json.loads(sept("status", folder, "--json").stdout)
    assert state["exports"] == 1 and len(state["runs"]) == 1
    history = json.loads(sept("history", folder, "--target", "toys", "--json").stdout)["events"]
    standing = [event["action"] for event in history if event["stands"]]
    made = [action for action in standing if action in ("veto", "keep", "pin")]
    assert sorted(made) == ["keep"] * 3 + ["pin"] + ["veto"] * 21


def export_and_verify(page: Page) -> None:
    go(page, "Export")
    page.get_by_role("button", name="Save and export").click()  # the draft, not yet saved
    made = page.get_by_text("native · ").first
    expect(made).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("progressbar")).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)
    made.click()
    verified = page.get_by_text("are present and unchanged")
    for _ in range(4):  # the page reruns when the export has ended, late under load
        page.get_by_role("button", name="Verify").click()
        with contextlib.suppress(AssertionError):
            expect(verified).to_be_visible(timeout=PATIENCE / 4)
            break
    expect(verified).to_be_visible()


def pretrain(page: Page) -> None:
    """Start a few steps and see them finished."""
    go(page, "Pre-train")
    page.get_by_text("Optimisation", exact=True).click()
    for label, value in (("Steps", "4"), ("Batch size", "8"), ("Image size, px", "32")):
        fill(page, label, value)
    expect(page.get_by_text("4 steps of 8 images")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name=re.compile("pre-train")).last.click()
    done = page.get_by_role("button", name="Download checkpoint")
    expect(done).to_be_visible(timeout=2 * PATIENCE)


def evaluate(page: Page) -> None:
    """Compare the run with random weights by its neighbours alone, with one seed."""
    go(page, "Evaluate")
    page.get_by_role("tab", name="Compare runs").click()
    expect(page.get_by_text("scores: 2 arms")).to_be_visible(timeout=PATIENCE)
    for readout in ("Linear probe", "Fine-tuning"):
        pill = page.get_by_role("button", name=readout, exact=True)
        pill.and_(page.locator("button:visible")).click()
        expect(pill).to_have_attribute("aria-pressed", "false", timeout=PATIENCE)
    fill(page, "Seeds", "1")
    summary = page.get_by_text("2 arms × 1 readout × 1 label count × 1 seed")
    expect(summary).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Evaluate", exact=True).click()
    expect(page.get_by_role("heading", name="Weakest classes")).to_be_visible(timeout=PATIENCE)


def open_the_weakest(page: Page) -> None:
    page.get_by_role("button", name="Find weakest classes").click()
    weighted = page.get_by_role("button", name="Curate with these weights")
    expect(weighted).to_be_visible(timeout=PATIENCE)
    weighted.click()
    page.wait_for_selector(".sept-curate[data-ready] .tile", timeout=PATIENCE)
    assert "target=toys" in page.url
