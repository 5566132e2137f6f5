"""Every page in both themes has no serious accessibility problem that axe-core finds."""

from pathlib import Path
from typing import Any

import pytest
from browser_app import PATIENCE, needs_chromium, running
from playwright.sync_api import Browser, Page
from small_project import sept

from pages.shared import page_list

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (npm install --prefix tests/e2e)"),
]

SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_problem(browser: Browser, project: Path, scheme: str) -> None:
    made = sept("select", project, "--target", "toys", "--budget", 12)
    assert made.returncode == 0, made.stderr
    script = AXE.read_text()
    found = []
    with running(project) as address:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(address)
        for title, entry in page_list.PAGES.items():
            if entry.in_bar:
                go(page, title)
                found += [f"{title}: {problem}" for problem in problems(page, script)]
        context.close()
    assert found == []


def go(page: Page, title: str) -> None:
    page.locator(".st-key-bar-pages").get_by_role("link", name=title, exact=True).click()
    page.locator("h1", has_text=title).wait_for(state="attached", timeout=PATIENCE)
    page.wait_for_function(
        """() => document.querySelector('[data-testid=stApp]').dataset.testScriptState
                 === 'notRunning'""",
        timeout=PATIENCE,
    )
    if title == "Curate":
        page.locator(".sept-curate .tile").first.wait_for(timeout=PATIENCE)


def problems(page: Page, script: str) -> list[str]:
    page.evaluate(script)
    found: list[dict[str, Any]] = page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    )
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['html'][:120]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"][:3]
    ]
