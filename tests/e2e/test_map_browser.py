"""The map in a real browser: areas, clicks, colours and keys, on points drawn with WebGL."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from browser_app import PATIENCE, needs_chromium, running
from playwright.sync_api import Page, expect
from small_project import sept

pytestmark = needs_chromium


class Pointer:
    """The mouse over the map, positioned in fractions of its square (y upwards)."""

    def __init__(self, page: Page) -> None:
        self.page = page
        box = page.locator(".sept-map .overlay").bounding_box()
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
    page.wait_for_selector(".sept-map[data-ready]", timeout=PATIENCE)
    return Pointer(page)


def recolour(page: Page, name: str) -> None:
    page.get_by_role("combobox", name="Colour").click()
    with page.expect_response(lambda answer: "/colours/" in answer.url) as found:
        page.get_by_role("option", name=name, exact=True).click()
    assert len(found.value.body()) == 161, "one byte a point"


@pytest.fixture
def place(page: Page) -> list[tuple[float, float]]:
    """Return the positions of the points, read from the server's response; empty until then."""
    places: list[tuple[float, float]] = []

    def note(body: bytes) -> None:
        parts = np.frombuffer(body, "<u2").reshape(-1, 2) / 65535
        places.extend((float(x), float(y)) for x, y in parts)

    page.on("response", lambda r: note(r.body()) if "/points/" in r.url else None)
    return places


def test_an_area_survives_recolouring_and_reload(
    project: Path, page: Page, place: list[tuple[float, float]]
) -> None:
    assert sept("map", project).returncode == 0
    everything = page.get_by_text("161 images in the area")
    nothing = page.get_by_text("Draw around images")
    with running(project) as address:
        page.goto(f"{address}/map")
        mouse = ready(page)
        expect(nothing).to_be_visible(timeout=PATIENCE)
        page.locator(".sept-map").focus()
        page.keyboard.press("b")
        mouse.drag((0.004, 0.004), (0.996, 0.996))
        expect(everything).to_be_visible(timeout=PATIENCE)
        recolour(page, "Source")
        expect(everything).to_be_visible(timeout=PATIENCE)
        assert len(place) == 161, "positions are fetched once"
        page.mouse.dblclick(*mouse.at(*place[0]))  # shows the whole map and does not click an image
        recolour(page, "Sharpness")
        expect(everything).to_be_visible(timeout=PATIENCE)
        page.reload()
        mouse = ready(page)
        expect(everything).to_be_visible(timeout=PATIENCE)
        page.mouse.move(*mouse.at(*place[0]))
        expect(page.locator(".sept-map .peek img")).to_be_visible(timeout=PATIENCE)
        page.mouse.click(*mouse.at(*place[0]))
        expect(page.get_by_text("16 neighbours in the pool")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("button", name="Clear (Esc)").click()
        expect(nothing).to_be_visible(timeout=PATIENCE)
        assert "area=" not in page.url and "near=" not in page.url


def test_targets_lie_above_the_pool(project: Path, page: Page) -> None:
    assert sept("map", project).returncode == 0
    with running(project) as address:
        with page.expect_response(lambda answer: "/targets/" in answer.url) as found:
            page.goto(f"{address}/map")
        mouse = ready(page)
        (toys,) = found.value.json()
        page.mouse.move(*mouse.at(*toys["places"][0]))
        peek = page.locator(".sept-map .peek img")
        shown = re.compile("|".join(toys["uids"]))
        expect(peek).to_have_attribute("src", shown, timeout=PATIENCE)


def test_a_failed_map_is_loaded_again(project: Path, page: Page) -> None:
    assert sept("map", project).returncode == 0
    gone = "There is no map."
    page.route(
        "**/points/**",
        lambda route: route.fulfill(status=404, body=gone, content_type="text/plain"),
    )
    with running(project) as address:
        page.goto(f"{address}/map")
        failure = page.locator(".sept-map .failure")
        expect(failure).to_contain_text(f"The map could not be loaded. {gone}", timeout=PATIENCE)
        page.unroute("**/points/**")
        failure.get_by_role("button", name="Retry").click()
        ready(page)
        expect(failure).not_to_be_visible()
        expect(page.locator(".sept-map .told")).to_have_text("161 images")


def test_all_images_of_an_area_are_vetoed_at_once(project: Path, page: Page) -> None:
    assert sept("map", project).returncode == 0
    with running(project) as address:
        page.goto(f"{address}/map?area=[[0,0],[1,0],[1,1],[0,1]]")
        ready(page)
        page.get_by_role("button", name="Decide…").click()
        page.get_by_role("button", name="Veto 161 images").click()
        expect(page.get_by_text("161 images vetoed for toys.")).to_be_visible(timeout=PATIENCE)
    history = json.loads(sept("history", project, "--target", "toys", "--json").stdout)["events"]
    assert [(event["action"], len(event["uids"])) for event in history] == [("veto", 161)]
