"""The Retrieve page through the app: it shows the request's result, and a button saves it."""

import json
import re
from pathlib import Path

from small_project import sept
from streamlit.testing.v1 import AppTest

from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import preview, selections
from sept_core.services.project import projects

ROOT = Path(__file__).parents[2]
PAGE = "pages/curate/retrieve.py"


def said(app: AppTest) -> str:
    return " ".join(element.value for element in app.markdown)


def test_the_budget_slider_sets_the_saved_selection(app: AppTest, project: Path) -> None:
    app.run().switch_page(PAGE).run()
    assert not app.exception and not app.error
    slider = next(s for s in app.slider if s.label == "Budget (images)")
    slider.set_value(17).run()
    assert "**17** images for 12 target images" in said(app)
    assert re.search(r"excluded [12] near-duplicates", said(app)), "regardless of rounding"
    next(b for b in app.button if b.label == "Save selection").click().run()
    assert not app.exception and not app.error
    table = app.dataframe[-1].value
    assert table["Images"].tolist() == [17] and table["State"].tolist() == ["up to date"]


def test_an_unknown_filter_field_is_a_sentence(app: AppTest) -> None:
    app.run().switch_page(PAGE).run()
    app.text_input[0].set_value("yeer > 3").run()
    assert not app.exception
    assert "No image has a field 'yeer'" in " ".join(error.value for error in app.error)


def test_a_slice_equals_the_selection_of_its_budget(project: Path) -> None:
    with projects.opened(project) as opened:
        for strategy in ("instance-search", "hub-corrected", "random", "clusters", "coverage"):
            request = selections.Request(("toys",), SelectionSettings(strategy, budget=13))
            found = preview.explore(opened, request)
            stored = selections.picks(opened, selections.select(opened, request)["id"])
            assert found.at(13)["uid"].equals(stored["uid"]), strategy


def test_the_stamp_follows_decisions_but_not_the_budget(project: Path) -> None:
    small, large = (
        selections.Request(("toys",), SelectionSettings(budget=budget)) for budget in (5, 50)
    )
    with projects.opened(project) as opened:
        before = preview.stamp(opened, small)
        assert before == preview.stamp(opened, large)
        uid = selections.picks(opened, selections.select(opened, small)["id"])["uid"][0].as_py()
    assert sept("veto", project, uid, "--target", "toys").returncode == 0
    with projects.opened(project) as opened:
        assert preview.stamp(opened, small) != before


def test_removed_selections_leave_decisions(project: Path) -> None:
    made = json.loads(sept("select", project, "--target", "toys", "--budget", 5, "--json").stdout)
    with projects.opened(project) as opened:
        selections.remove(opened, made["selection"])
        assert selections.every(opened) == []
        assert not opened.paths.selection(made["selection"]).exists()
