"""Review in a real browser: keys, saving, reload; and no requests to other machines."""

import json
from pathlib import Path

from browser_app import PATIENCE, needs_chromium, open_grid, running, wait_until_saved
from playwright.sync_api import Page, expect
from small_project import sept

pytestmark = needs_chromium


def select(project: Path) -> str:
    made = sept("select", project, "--target", "toys", "--budget", 30, "--json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["selection"])


def marks(page: Page) -> list[str]:
    return [tile.get_attribute("data-mark") or "" for tile in page.locator(".tile").all()]


def test_veto_by_keyboard_survives_reload_and_restart(project: Path, page: Page) -> None:
    ident = select(project)
    with running(project) as address:
        # A deep link to a fresh server, before any other page was seen.
        open_grid(page, f"{address}/review?selection={ident}")
        expect(page.get_by_text("Page not found")).to_have_count(0)
        expect(page.get_by_role("link", name="Overview")).to_be_visible()
        page.locator(".view").focus()
        for key in ("x", "k", "x", "z", "p"):
            page.keyboard.press(key)
        expected = ["veto", "keep", "", "pin"]
        assert marks(page)[:4] == expected, "marked before the server has responded"
        wait_until_saved(page)
        page.reload()
        page.wait_for_selector(".sept-grid[data-ready]", timeout=PATIENCE)
        assert marks(page)[:4] == expected
    with running(project) as address:
        open_grid(page, f"{address}/review?selection={ident}")
        assert marks(page)[:4] == expected
    history = json.loads(sept("history", project, "--target", "toys", "--json").stdout)
    assert [event["action"] for event in history["events"]] == [
        "veto", "keep", "veto", "undo", "pin",
    ]  # fmt: skip


def test_fast_keys_lose_nothing_and_an_update_refills(project: Path, page: Page) -> None:
    ident = select(project)
    with running(project) as address:
        open_grid(page, f"{address}/review?selection={ident}")
        page.locator(".view").focus()
        for _ in range(10):
            page.keyboard.press("x")
        wait_until_saved(page)
        assert marks(page)[:10] == ["veto"] * 10
        page.keyboard.press("Home")
        page.keyboard.press("Space")
        expect(page.locator("dialog.zoom")).to_contain_text("Similarity")
        page.keyboard.press("Space")
        expect(page.locator("dialog.zoom")).not_to_be_visible()
        page.get_by_role("button", name="Update selection").click()
        expect(page.get_by_text("10 images added")).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".tile .new", has_text="new").first).to_be_visible(timeout=PATIENCE)
        assert "veto" not in marks(page)


def test_two_tabs_deciding_at_once_lose_nothing(project: Path, page: Page) -> None:
    ident = select(project)
    tabs = (page, page.context.new_page())
    with running(project) as address:
        for tab in tabs:
            open_grid(tab, f"{address}/review?selection={ident}")
            tab.locator(".view").focus()
        for _ in range(10):
            for tab, key in zip(tabs, "xk", strict=True):  # the same ten images in both
                tab.keyboard.press(key)
        for tab in tabs:
            wait_until_saved(tab)
        for tab in tabs:
            tab.reload()
            tab.wait_for_selector(".sept-grid[data-ready]", timeout=PATIENCE)
        seen = marks(page)
        assert marks(tabs[1]) == seen and set(seen[:10]) <= {"veto", "keep"}
        shown = json.loads(sept("history", project, "--target", "toys", "--json").stdout)
        assert len(shown["events"]) == 20, "a terminal reads while the app is open"
        pinned = str(page.locator(".tile").nth(12).get_attribute("data-uid"))
        made = sept("pin", project, "--target", "toys", pinned)
        assert made.returncode == 0, made.stderr
        page.reload()
        page.wait_for_selector(".sept-grid[data-ready]", timeout=PATIENCE)
        assert marks(page)[12] == "pin", "the app shows what a terminal decided"
    history = json.loads(sept("history", project, "--target", "toys", "--json").stdout)
    actions = sorted(event["action"] for event in history["events"])
    assert actions == ["keep"] * 10 + ["pin"] + ["veto"] * 10


def test_a_decision_while_the_app_is_down_is_shown_and_saved_later(
    project: Path, page: Page
) -> None:
    ident = select(project)
    with running(project) as address:
        open_grid(page, f"{address}/review?selection={ident}")
    page.locator(".view").focus()
    page.keyboard.press("x")
    assert marks(page)[0] == "veto"
    status = page.locator(".status")
    expect(status).to_have_attribute("data-state", "late", timeout=PATIENCE)
    expect(status).to_contain_text("1 not saved yet")
    with running(project, int(address.rpartition(":")[2])):
        page.reload()
        page.wait_for_selector(".sept-grid[data-ready]", timeout=PATIENCE)
        wait_until_saved(page)
        assert marks(page)[0] == "veto"
    history = json.loads(sept("history", project, "--target", "toys", "--json").stdout)
    assert [event["action"] for event in history["events"]] == ["veto"]


def test_full_size_says_why_and_help_lists_the_keys(project: Path, page: Page) -> None:
    ident = select(project)
    with running(project) as address:
        open_grid(page, f"{address}/review?selection={ident}")
        page.locator(".view").focus()
        page.keyboard.press("k")
        wait_until_saved(page)
        page.keyboard.press("Home")
        page.keyboard.press("Space")
        zoom = page.locator("dialog.zoom")
        expect(zoom).to_contain_text("Nearest target images", timeout=PATIENCE)
        expect(zoom).to_contain_text("keep by")
        expect(zoom.locator(".pictures img").first).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        expect(page.locator("dialog.help")).to_contain_text("near-duplicates")
        page.keyboard.press("Escape")
        expect(page.locator("dialog.help")).not_to_be_visible()
        page.keyboard.press("v")  # the grid has the focus again, and v has no command
        page.keyboard.press("x")
        assert marks(page)[0] == "veto"


def test_a_failed_sheet_is_loaded_again_and_a_forbidden_storage_survived(
    project: Path, page: Page
) -> None:
    ident = select(project)
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', "
        "{get() { throw new DOMException('denied', 'SecurityError'); }})"
    )
    page.route("**/sheets/**", lambda route: route.abort())
    with running(project) as address:
        page.goto(f"{address}/review?selection={ident}")
        failure = page.locator(".sept-grid .failure")
        expect(failure).to_have_text(
            "The images could not be loaded. The app does not respond.Retry", timeout=PATIENCE
        )
        page.unroute("**/sheets/**")
        failure.get_by_role("button", name="Retry").click()
        page.wait_for_selector(".sept-grid[data-ready]", timeout=PATIENCE)
        expect(failure).not_to_be_visible()
        page.locator(".view").focus()
        page.keyboard.press("x")
        wait_until_saved(page)
        assert marks(page)[0] == "veto"
