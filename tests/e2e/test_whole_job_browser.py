"""The whole workflow by mouse and keyboard: from two folders of images to a trained network."""

import contextlib
import json
import os
import re
from pathlib import Path
from shutil import make_archive

import pytest
from browser_app import PATIENCE, needs_chromium, open_curate, running, wait_until_saved
from playwright.sync_api import Page, expect
from small_project import sept

pytestmark = needs_chromium


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


def lasso(page: Page) -> None:
    """Draw around the whole map and take the filter away again."""
    go(page, "Curate")
    page.wait_for_selector(".sept-curate[data-ready]", timeout=PATIENCE)
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
    area = page.locator(".chips .chip", has_text="area on the map")
    expect(area).to_be_visible(timeout=PATIENCE)
    area.click()
    expect(area).to_have_count(0)


def test_from_folders_to_a_trained_network(
    page: Page, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_ROOTS", os.pathsep.join([str(tmp_path), str(small_data)]))
    zipped = Path(make_archive(str(tmp_path / "toys"), "zip", small_data / "target"))
    folder = tmp_path / "job"
    with running() as address:
        page.goto(address)
        create_project(page, folder)
        go(page, "Pool")
        add(page, "source", "shapes", small_data / "pool")
        go(page, "Targets")
        add(page, "target set", "toys", zipped)
        embed(page)
        lasso(page)
        field = page.get_by_label("Budget, images")
        field.fill("40")
        field.press("Enter")
        expect(page.locator(".chips .counts")).to_contain_text("40 images")
        page.locator(".gridpane .view").focus()
        for _ in range(20):
            page.keyboard.press("x")
        page.keyboard.press("Control+z")
        wait_until_saved(page)
        expect(page.locator(".chips .counts")).to_contain_text("19 vetoed")
        expect(page.locator(".chips .counts")).to_contain_text("19 refilled", timeout=PATIENCE)
        url = page.url
    with running(folder) as address:  # the app is started again in the middle of the review
        open_curate(page, address + "/" + url.split("/", 3)[3])
        expect(page.locator(".chips .counts")).to_contain_text("19 vetoed", timeout=PATIENCE)
        page.get_by_role("button", name="Save selection").click()
        expect(page.get_by_text("Saved 40 images as")).to_be_visible(timeout=PATIENCE)
        export_and_verify(page)
        pretrain(page)
    state = json.loads(sept("status", folder, "--json").stdout)
    assert state["decisions"] == 21 and state["exports"] == 1
    history = json.loads(sept("history", folder, "--target", "toys", "--json").stdout)["events"]
    assert sum(event["action"] == "veto" and event["stands"] for event in history) == 19


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
    expect(page.get_by_role("button", name="Download").first).to_be_visible(timeout=2 * PATIENCE)
