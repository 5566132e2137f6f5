"""The bar's links carry the working state, also what a part of a page changed alone."""

from streamlit.testing.v1 import AppTest

from pages.shared import job_menu
from sept_core.jobs.launcher import JobStatus


def _page() -> None:
    import streamlit as st

    from pages.shared import state

    state.arrive(st.query_params["page"])
    st.json(state.carried())
    if later := st.query_params.get("later"):
        state.choose("budget", later)


def arrive(app: AppTest, **query: str) -> AppTest:
    app.query_params.clear()
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_a_stale_link_brings_the_latest_values() -> None:
    app = AppTest.from_function(_page)
    arrive(app, page="Curate", project="p", budget="200", later="400")
    arrive(app, page="Export", project="p", budget="200")
    assert app.query_params["budget"] in ("400", ["400"]) and not app.exception


def test_a_link_of_a_colleague_stays_as_it_is() -> None:
    app = AppTest.from_function(_page)
    arrive(app, page="Curate", project="p", budget="200", later="400")
    arrive(app, page="Export", project="p", budget="300")
    assert app.query_params["budget"] in ("300", ["300"])


def job(state: str, kind: str = "embed", **progress: float) -> JobStatus:
    told = {"unit": "images", "note": "", "rate": 1.0} | progress if progress else None
    return JobStatus("1", kind, "Embedding", state, None, 0.0, None, told)


def test_the_bar_tells_what_runs_and_how_long_it_takes() -> None:
    running = job("running", done=43, total=100, seconds_left=125)
    assert job_menu.summary([running]) == ":primary[●] Embedding 43% · 2 min left"
    assert job_menu.summary([job("queued"), running]).endswith("2 min left +1")
    assert "Map queued" in job_menu.summary([job("queued", "map")])
    assert "Study failed" in job_menu.summary([job("failed", "study")])
    assert "No jobs running" in job_menu.summary([job("done")])
