"""Curate in a real browser: keys, lossless decisions, refills, map, search; no foreign requests."""

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_app import (
    CHROMIUM,
    FLAGS,
    PATIENCE,
    needs_chromium,
    open_curate,
    running,
    wait_until_saved,
)
from playwright.sync_api import Browser, Locator, Page, expect
from small_project import picture, png, sept

from sept_core.services.curate import selections
from sept_core.services.project import projects

pytestmark = needs_chromium

AT_30 = "target=toys&budget=30"


@pytest.fixture(autouse=True)
def small_tiles(page: Page) -> None:
    """Make the tiles so small that all of a test's images are drawn."""
    page.context.add_init_script(
        "try { if (!localStorage['sept-curate-look']) "
        "localStorage['sept-curate-look'] = '{\"size\": 64}'; } catch {}"
    )


def marks(page: Page) -> list[str]:
    return [tile.get_attribute("data-mark") or "" for tile in page.locator(".tile").all()]


def uids(page: Page) -> list[str]:
    return [tile.get_attribute("data-uid") or "" for tile in page.locator(".tile").all()]


def grid(page: Page) -> Locator:
    found = page.locator(".gridpane .view")
    found.focus()
    return found


def history(project: Path) -> list[dict[str, Any]]:
    shown = sept("history", project, "--target", "toys", "--json")
    assert shown.returncode == 0, shown.stderr
    events: list[dict[str, Any]] = json.loads(shown.stdout)["events"]
    return events


def chip(page: Page, text: str) -> Locator:
    return page.locator(".chips .chip", has_text=text)


# --- decisions ---------------------------------------------------------------------------------


def test_vetoes_by_keyboard_survive_reload_and_restart(project: Path, page: Page) -> None:
    with running(project) as address:
        # A deep link to a fresh server, before any other page was seen.
        open_curate(page, f"{address}/curate?{AT_30}")
        expect(page.get_by_text("Page not found")).to_have_count(0)
        grid(page)
        first = uids(page)[:4]
        for key in ("x", "k", "x", "z", "p"):
            page.keyboard.press(key)
        assert marks(page)[:5] == ["veto", "keep", "", "pin", ""], (
            "marked before the server responds"
        )
        wait_until_saved(page)
        page.reload()
        open_curate(page, page.url)
        expect(page.locator(f'.tile[data-uid="{first[1]}"]')).to_have_attribute("data-mark", "keep")
        expect(page.locator(f'.tile[data-uid="{first[3]}"]')).to_have_attribute("data-mark", "pin")
        expect(page.locator(f'.tile[data-uid="{first[0]}"]')).to_have_count(0)
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        expect(page.locator(f'.tile[data-uid="{first[1]}"]')).to_have_attribute("data-mark", "keep")
        page.locator(".chips .state", has_text="1 vetoed").click()
        expect(page.locator(".tile")).to_have_count(1)
        assert uids(page) == first[:1], "an earlier veto is found again"
    assert [event["action"] for event in history(project)] == [
        "veto",
        "keep",
        "veto",
        "undo",
        "pin",
    ]


def test_fast_vetoes_stay_in_place_and_are_refilled(project: Path, page: Page) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        before = uids(page)
        grid(page)
        for _ in range(10):
            page.keyboard.press("x")
        assert marks(page)[:10] == ["veto"] * 10
        wait_until_saved(page)
        expect(page.locator(".tile .new", has_text="new")).to_have_count(10, timeout=PATIENCE)
        assert uids(page)[:30] == before, "the order stays while it is reviewed"
        assert marks(page)[:10] == ["veto"] * 10
        expect(page.locator(".chips .counts")).to_contain_text("10 refilled")
        for _ in range(3):
            page.keyboard.press("Control+z")
        expect(page.locator(".tile .new", has_text="new")).to_have_count(7, timeout=PATIENCE)
        page.keyboard.press("Control+Shift+z")
        expect(page.locator(".tile .new", has_text="new")).to_have_count(8, timeout=PATIENCE)
        wait_until_saved(page)
        page.reload()
        open_curate(page, page.url)
        assert "veto" not in marks(page) and len(uids(page)) == 30
    assert [event["action"] for event in history(project)] == ["veto"] * 10 + ["undo"] * 4


def test_two_tabs_deciding_at_once_lose_nothing(project: Path, page: Page) -> None:
    tabs = (page, page.context.new_page())
    with running(project) as address:
        for tab in tabs:
            open_curate(tab, f"{address}/curate?{AT_30}")
        shown = uids(page)
        for tab in tabs:
            grid(tab)
        for _ in range(10):
            for tab, key in zip(tabs, "xk", strict=True):  # the same ten images in both
                tab.keyboard.press(key)
        for tab in tabs:
            wait_until_saved(tab)
        assert len(history(project)) == 20, "a terminal reads while the app is open"
        pinned = shown[12]
        made = sept("pin", project, "--target", "toys", pinned)
        assert made.returncode == 0, made.stderr
        for tab in tabs:  # without a reload
            expect(tab.locator(f'.tile[data-uid="{pinned}"]')).to_have_attribute(
                "data-mark", "pin", timeout=PATIENCE
            )
    actions = sorted(event["action"] for event in history(project))
    assert actions == ["keep"] * 10 + ["pin"] + ["veto"] * 10


def test_a_decision_while_the_app_is_down_is_shown_and_saved_later(
    project: Path, page: Page
) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        first = uids(page)[0]
    grid(page)
    page.keyboard.press("x")
    assert marks(page)[0] == "veto"
    status = page.locator(".status")
    expect(status).to_have_attribute("data-state", "late", timeout=PATIENCE)
    expect(status).to_contain_text("1 not saved yet")
    with running(project, int(address.rpartition(":")[2])):
        page.reload()
        open_curate(page, page.url)
        wait_until_saved(page)
        expect(page.locator(".chips .counts")).to_contain_text("1 vetoed")
    events = history(project)
    assert [(event["action"], event["uids"]) for event in events] == [("veto", [first])]


def test_a_killed_server_in_the_middle_of_vetoes_loses_nothing(project: Path, page: Page) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        first = uids(page)[:16]
        grid(page)
        for _ in range(8):
            page.keyboard.press("x")
    for _ in range(8):
        page.keyboard.press("x")
    assert marks(page)[:16] == ["veto"] * 16
    expect(page.locator(".status")).to_have_attribute("data-state", "late", timeout=PATIENCE)
    with running(project, int(address.rpartition(":")[2])):
        wait_until_saved(page)  # without a reload: the tab connects again
        assert marks(page)[:16] == ["veto"] * 16 and uids(page)[:16] == first
    events = history(project)
    assert [event["uids"] for event in events] == [[uid] for uid in first]


def test_a_full_storage_and_a_failed_ranking_lose_nothing(project: Path, page: Page) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', "
        "{get() { throw new DOMException('denied', 'SecurityError'); }})"
    )
    page.route("**/curate/sheet/**", lambda route: route.abort())
    with running(project) as address:
        page.goto(f"{address}/curate?{AT_30}")
        failure = page.locator(".main > .failure")
        expect(failure).to_contain_text(
            "The images could not be loaded. The app does not respond.", timeout=PATIENCE
        )
        page.unroute("**/curate/sheet/**")
        failure.get_by_role("button", name="Retry").click()
        page.wait_for_selector(".sept-curate[data-ready]", timeout=PATIENCE)
        expect(failure).not_to_be_visible()
        grid(page)
        page.keyboard.press("x")
        assert marks(page)[0] == "veto"
        wait_until_saved(page)
    assert [event["action"] for event in history(project)] == ["veto"]


def test_all_that_match_are_decided_after_the_count_was_asked(project: Path, page: Page) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        page.set_viewport_size({"width": 1280, "height": 720})
        page.locator(".tilesize input").fill("256")
        grid(page)
        page.keyboard.press("Control+a")
        expect(page.get_by_role("toolbar", name="Actions on the chosen images")).to_contain_text(
            "30 chosen"
        )
        page.keyboard.press("k")
        page.get_by_role("button", name="Keep 30 images").click()
        wait_until_saved(page)
        expect(page.locator(".chips .counts")).to_contain_text("30 kept")
        page.keyboard.press("Escape")
        page.keyboard.press("Home")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("x")  # both are in sight: no question
        wait_until_saved(page)
    assert [(event["action"], len(event["uids"])) for event in history(project)] == [
        ("keep", 30), ("veto", 2),
    ]  # fmt: skip


def test_a_wider_scope_previews_what_it_covers(project: Path, page: Page) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        grid(page)
        page.keyboard.press("s")
        dialog = page.locator("dialog[open]")
        dialog.get_by_label("Scope").select_option("radius")
        dialog.get_by_label("Minimum similarity").fill("0.2")
        button = dialog.get_by_role("button", name=re.compile(r"^Veto \d+ images$"))
        expect(button).to_be_enabled(timeout=PATIENCE)
        count = int(re.findall(r"\d+", button.inner_text())[0])
        dialog.get_by_label("Reason").fill("too alike")
        button.click()
        wait_until_saved(page)
    (event,) = history(project)
    assert (event["scope"], event["reason"], len(event["uids"])) == ("radius", "too alike", count)


def test_the_inspector_history_and_help(project: Path, page: Page) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        grid(page)
        page.keyboard.press("k")
        wait_until_saved(page)
        page.keyboard.press("Home")
        inspector = page.locator(".inspector")
        expect(inspector).to_contain_text("Nearest targets", timeout=PATIENCE)
        expect(inspector).to_contain_text("keep by")
        page.keyboard.press("Space")
        zoom = page.locator("dialog.zoom")
        expect(zoom).to_contain_text("similarity")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("x")  # the keys of the grid still work
        expect(page.locator(".chips .counts")).to_contain_text("1 vetoed")
        page.keyboard.press("Escape")
        expect(zoom).not_to_be_visible()
        page.keyboard.press("?")
        helped = page.locator("dialog[open]")
        expect(helped).to_contain_text("near-duplicates")
        helped.get_by_label("Single-letter keys are on").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("x")
        expect(page.locator(".chips .counts")).to_contain_text("1 vetoed")
        wait_until_saved(page)
        page.get_by_role("tab", name="History").click()
        page.get_by_role("button", name="Undo to here").click()
        wait_until_saved(page)
        expect(page.locator(".chips .counts")).to_contain_text("1 kept", timeout=PATIENCE)
        expect(page.locator(".chips .state", has_text="vetoed")).not_to_be_visible()
    assert [event["action"] for event in history(project)] == ["keep", "veto", "undo"]


# --- budget, selection, targets ----------------------------------------------------------------


def test_a_budget_is_cut_at_once_and_saved_as_a_selection(project: Path, page: Page) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        field = page.get_by_label("Budget, images")
        field.fill("17")
        field.press("Enter")
        expect(page.locator(".tile")).to_have_count(17)
        expect(page).to_have_url(re.compile("budget=17"), timeout=PATIENCE)
        page.get_by_role("button", name="Save selection").click()
        expect(page.get_by_text("Saved 17 images as")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("tab", name="History").click()
        expect(page.locator(".history .record")).to_contain_text("17 images", timeout=PATIENCE)


def test_a_target_shows_what_it_brought_and_is_vetoed(project: Path, page: Page) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        card = page.locator(".targets .card").first
        card.locator(".open").click()
        expect(chip(page, "target 1")).to_be_visible()
        assert 0 < page.locator(".tile").count() < 30
        chip(page, "target 1").click()
        expect(page.locator(".tile")).to_have_count(30)
        card.hover()
        card.get_by_role("button", name="Veto this target").click()
        wait_until_saved(page)
        expect(page.locator(".targets .card.vetoed")).to_have_count(1, timeout=PATIENCE)
    (event,) = history(project)
    assert (event["action"], event["scope"]) == ("veto", "target")


def test_without_a_target_set_the_pool_is_shown(project: Path, page: Page) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        page.locator(".opener").click()
        page.get_by_role("checkbox", name="toys").uncheck()
        expect(page.locator(".chips .counts")).to_contain_text("161 images", timeout=PATIENCE)
        page.keyboard.press("Escape")
        expect(page.locator(".tile .value", has_text="0.")).to_have_count(0)
        grid(page)
        page.keyboard.press("x")
        expect(page.get_by_text("Decisions belong to a target set")).to_be_visible()
        page.locator(".opener").click()
        page.get_by_role("checkbox", name="toys").check()
        expect(page.locator(".chips .counts")).to_contain_text("30 images", timeout=PATIENCE)
        expect(page.locator(".tile .value", has_text="0.").first).to_be_visible()


# --- map ---------------------------------------------------------------------------------------


class Pointer:
    """The mouse over the map, positioned in fractions of its square (y upwards)."""

    def __init__(self, page: Page) -> None:
        self.page = page
        box = page.locator(".map .overlay").bounding_box()
        assert box
        self.side = min(box["width"], box["height"])
        self.left = box["x"] + (box["width"] - self.side) / 2
        self.bottom = box["y"] + (box["height"] + self.side) / 2

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x * self.side, self.bottom - y * self.side

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(*end), steps=3)
        self.page.mouse.up()


def ready(page: Page) -> Pointer:
    page.wait_for_selector(".map[data-ready]", timeout=PATIENCE)
    return Pointer(page)


@pytest.fixture
def places(page: Page) -> list[tuple[float, float]]:
    """Return the positions of the points, read from the server's response; empty until then."""
    found: list[tuple[float, float]] = []

    def note(body: bytes) -> None:
        parts = np.frombuffer(body, "<u2").reshape(-1, 2) / 65535
        found.extend((float(x), float(y)) for x, y in parts)

    page.on("response", lambda r: note(r.body()) if "/points/" in r.url else None)
    return found


@pytest.fixture
def mapped(project: Path) -> Path:
    assert sept("map", project).returncode == 0
    return project


def test_an_area_survives_recolouring_reload_and_the_back_button(
    mapped: Path, page: Page, places: list[tuple[float, float]]
) -> None:
    with running(mapped) as address:
        open_curate(page, f"{address}/curate?target=toys&order=uid")
        mouse = ready(page)
        page.locator(".map").focus()
        page.keyboard.press("b")
        mouse.drag((0.004, 0.004), (0.996, 0.996))
        everything = chip(page, "area on the map: 161")
        expect(everything).to_be_visible(timeout=PATIENCE)
        expect(page).to_have_url(re.compile("view="), timeout=PATIENCE)
        page.get_by_label("Colour of the points").select_option("source")
        expect(page.locator(".legend .class").first).to_be_visible()
        expect(everything).to_be_visible()
        assert len(places) == 161, "positions are fetched once"
        page.reload()
        open_curate(page, page.url)
        expect(everything).to_be_visible(timeout=PATIENCE)
        link = page.url
        chip(page, "area").click()
        expect(page).not_to_have_url(re.compile("view="), timeout=PATIENCE)
        page.go_back()
        expect(everything).to_be_visible(timeout=PATIENCE)
        second = page.context.new_page()
        open_curate(second, link)
        expect(chip(second, "area on the map: 161")).to_be_visible(timeout=PATIENCE)


def test_hovering_links_map_and_grid_and_a_click_goes_to_the_image(
    mapped: Path, page: Page, places: list[tuple[float, float]]
) -> None:
    with running(mapped) as address:
        open_curate(page, f"{address}/curate?target=toys&order=uid")
        mouse = ready(page)
        linked = page.locator(".tile.linked")
        for place in places:  # the first one without a target's glyph above it
            page.mouse.move(*mouse.at(*place))
            page.wait_for_function("() => new Promise(requestAnimationFrame)")
            if linked.count():
                break
        expect(linked).to_have_count(1)
        expect(page.locator(".map .peek img")).to_be_visible(timeout=PATIENCE)
        page.mouse.click(*mouse.at(*place))
        expect(page.locator(".tile.current")).to_have_count(1)
        expect(page.locator(".inspector")).to_contain_text("Nearest in the pool", timeout=PATIENCE)
        page.mouse.dblclick(*mouse.at(0.5, 0.02))  # shows the whole map


def test_without_webgl_the_map_is_drawn_in_a_plain_canvas(mapped: Path, browser: Browser) -> None:
    flags = [*FLAGS, "--disable-3d-apis", "--disable-webgl", "--disable-webgl2"]
    plain = browser.browser_type.launch(executable_path=CHROMIUM, args=flags)
    page = plain.new_page()
    with running(mapped) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        mouse = ready(page)
        assert not page.evaluate("() => document.createElement('canvas').getContext('webgl')"), (
            "WebGL is off"
        )
        colours = page.locator(".map .points").evaluate(
            """(canvas) => {
                const to = canvas.getContext('2d');
                const { data } = to.getImageData(0, 0, canvas.width, canvas.height);
                const found = new Set();
                for (let at = 0; at < data.length; at += 4) {
                    if (data[at + 3] > 200) found.add(data.slice(at, at + 3).join());
                }
                return found.size;
            }"""
        )
        assert colours >= 2, "the pool and the selection"
        page.locator(".map").focus()
        page.keyboard.press("b")
        mouse.drag((0.004, 0.004), (0.996, 0.996))
        expect(chip(page, "area on the map: 30")).to_be_visible(timeout=PATIENCE)
    plain.close()


def test_targets_lie_above_the_pool(mapped: Path, page: Page) -> None:
    with running(mapped) as address:
        with page.expect_response(lambda answer: "/targets/" in answer.url) as found:
            page.goto(f"{address}/curate?{AT_30}")
        mouse = ready(page)
        target = next(row for row in found.value.json() if row["place"])
        page.mouse.move(*mouse.at(*target["place"]))
        shown = re.compile("|".join(row["uid"] for row in found.value.json()))
        expect(page.locator(".map .peek img")).to_have_attribute("src", shown, timeout=PATIENCE)


def test_a_failed_map_is_loaded_again(mapped: Path, page: Page) -> None:
    page.route(
        "**/points/**",
        lambda route: route.fulfill(status=404, body="There is no map.", content_type="text/plain"),
    )
    with running(mapped) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        notice = page.locator(".notice.error")
        expect(notice).to_contain_text(
            "The map could not be loaded. There is no map.", timeout=PATIENCE
        )
        page.unroute("**/points/**")
        notice.get_by_role("button", name="Retry").click()
        ready(page)


def test_a_recipe_is_set_seen_and_saved(project: Path, page: Page) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        page.get_by_label("Strategy").select_option("recipe")
        shares = page.get_by_label(re.compile(r"Share of part \d, percent"))
        expect(shares).to_have_count(2)
        page.get_by_role("slider", name="Share of part 2").press("ArrowRight")
        assert [field.input_value() for field in shares.all()] == ["69", "31"]
        page.get_by_role("button", name="Find the budget").click()
        expect(page.locator(".stopped")).to_contain_text("images", timeout=PATIENCE)
        shares.nth(1).fill("50")
        page.get_by_label("Begin with the target's own training images").check()
        expect(page.locator(".stopped")).to_be_hidden()  # it was found for other parts
        page.get_by_role("tab", name="Weights").click()
        page.get_by_label("Weight of red").fill("300")
        page.get_by_label("Weight of blue").fill("2")
        page.get_by_role("button", name="Apply").click()
        parts = page.locator(".partcounts")
        expect(parts).to_have_text(
            re.compile("own 12.*instance-search 9.*random 9"), timeout=PATIENCE
        )
        expect(chip(page, "weights 2 to 100")).to_be_visible()
        page.wait_for_url(re.compile("view="), timeout=PATIENCE)
        page.reload()
        open_curate(page, page.url)
        parts.get_by_role("button", name=re.compile("random")).click()
        expect(chip(page, "part random")).to_be_visible()
        expect(page.locator(".tile")).to_have_count(9, timeout=PATIENCE)
        expect(page.locator(".inspector dl")).to_contain_text("Partrandom")
        page.get_by_role("button", name="Save selection").click()
        expect(page.get_by_text("Saved 30 images as")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("button", name="Settings").click()
        page.get_by_role("button", name="Find the budget").click()
        page.get_by_role("button", name="Use this budget").click()
        expect(page.get_by_text("Budget set.")).to_be_visible()  # edits of the form are kept
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_label("Budget, images")).not_to_have_value("30")
        page.get_by_label("Strategy", exact=True).select_option(
            "random"
        )  # has neither recipe nor weights
        expect(page.get_by_text("Removed weights")).to_be_visible(timeout=PATIENCE)
        expect(parts).to_have_text(re.compile("^own 12$"), timeout=PATIENCE)
    with projects.opened(project) as opened:
        (record,) = selections.every(opened)
        picks = selections.picks(opened, record["selection"])
    assert record["strategy"] == "recipe"
    counted = Counter(picks["part"].to_pylist())
    assert counted == {"target": 12, "instance-search": 9, "random": 9}


def test_all_images_of_an_area_are_vetoed_or_saved_as_a_group(mapped: Path, page: Page) -> None:
    with running(mapped) as address:
        open_curate(page, f"{address}/map?area=[[0,0],[1,0],[1,1],[0,1]]")  # an old link
        expect(chip(page, "area on the map: 161")).to_be_visible(timeout=PATIENCE)
        grid(page)
        page.keyboard.press("Control+a")
        page.get_by_role("button", name="Save as group…").click()
        page.get_by_label("Group name").fill("all")
        page.get_by_role("button", name="Save group").click()
        expect(page.get_by_text("Saved 161 images as group all")).to_be_visible(timeout=PATIENCE)
        grid(page)
        page.keyboard.press("x")
        page.get_by_role("button", name="Veto 161 images").click()
        wait_until_saved(page)
    assert [(event["action"], len(event["uids"])) for event in history(mapped)] == [("veto", 161)]


# --- search ------------------------------------------------------------------------------------


def test_a_pasted_image_searches_the_pool(project: Path, page: Page) -> None:
    data = base64.b64encode(png(picture("red", 7))).decode()
    paste = """([data]) => {
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "pasted.png", {type: "image/png"}));
        const paste = new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true});
        document.dispatchEvent(paste);
    }"""
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        page.evaluate(paste, [data])
        expect(chip(page, "pasted.png")).to_be_visible(timeout=PATIENCE)
        value = page.locator(".tile .value").first
        expect(value).to_have_text(re.compile(r"^[01]\.\d\d$"), timeout=PATIENCE)
        chip(page, "pasted.png").click()
        expect(page.locator(".tile")).to_have_count(30, timeout=PATIENCE)


# --- names and roles ---------------------------------------------------------------------------


def test_the_grid_tells_rows_columns_and_names(project: Path, page: Page) -> None:
    with running(project) as address:
        open_curate(page, f"{address}/curate?{AT_30}")
        view = grid(page)
        page.keyboard.press("x")
        tile = page.locator(".tile").first
        assert view.get_attribute("role") == "grid" and tile.get_attribute("role") == "gridcell"
        rows, columns = (int(view.get_attribute(f"aria-{n}count") or 0) for n in ("row", "col"))
        assert (rows - 1) * columns < 30 <= rows * columns
        name = r"^Image 1: veto, similarity \d\.\d\d, brought by target \d+$"
        expect(tile).to_have_attribute("aria-label", re.compile(name))
        wait_until_saved(page)


@pytest.mark.parametrize("order", ["target", "doubt", "audit", "cluster"])
def test_every_order_has_all_images(mapped: Path, page: Page, order: str) -> None:
    with running(mapped) as address:
        open_curate(page, f"{address}/curate?target=toys&budget=12&order={order}")
        ready(page)
        expect(page.locator(".tile").nth(5)).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".chips .counts")).to_contain_text("12")
        grid(page)
        page.keyboard.press("Control+a")
        expect(page.locator(".actions")).to_contain_text("12 chosen")
        assert (page.locator(".head").count() > 1) == (order in ("target", "cluster"))
