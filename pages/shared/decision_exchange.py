"""Decisions in and out: download the decisions of a target set, import those of others.

In: the name of a target set, an uploaded file. Out: a preview with the outcome of every row, and,
after a click, committed decisions.
"""

import tempfile
from pathlib import Path
from typing import Any

import streamlit as st

from pages.shared import notices, state
from sept_core.services.curate import decision_export, decision_file, decision_import
from sept_core.tables import tables

LEFT_OUT = "are not imported"
MOST_ROWS, FEW_ROWS = 1000, 6


def draw(name: str) -> None:
    """Draw both directions."""
    if sentence := state.kept("imported decisions"):
        st.success(str(sentence), icon=":material/check:")
        state.keep("imported decisions", None)
    _downloads(name)
    st.markdown("##### Import")
    _import(name)


def _downloads(name: str) -> None:
    with state.project() as project:
        found = decision_export.table(project, [name])
    if not found.num_rows:
        st.caption("There are no decisions for this target set yet.")
        return
    made = found["decision"].value_counts().to_pylist()
    counts = ", ".join(f"{one['counts']:,} {one['values']}" for one in made)
    st.markdown(f"**{found.num_rows:,}** images have a decision: {counts}.")
    with st.container(horizontal=True):
        for suffix in decision_export.SUFFIXES:
            st.download_button(
                f"Download {suffix[1:]}", lambda s=suffix: decision_export.packed(found, s),
                f"decisions-{name}{suffix}", icon=":material/download:", on_click="ignore",
                key=f"decisions {name}{suffix}",
            )  # fmt: skip


def _import(name: str) -> None:
    st.caption(
        "A csv, jsonl or parquet file with one image per row (uid, path or source_uid) and its "
        "decision (veto, keep, pin or negative), also reason and who; samples.json or labels.csv "
        "of FiftyOne with tags; or a list of paths, as LightlyStudio exports the images of a tag."
    )
    given = st.file_uploader(
        "File with decisions", sorted(suffix[1:] for suffix in tables.SUFFIXES),
        key=f"decision file {name}",
    )  # fmt: skip
    if given is None:
        return
    left, right = st.columns(2)
    usual = left.selectbox(
        "Rows without a decision", [LEFT_OUT, *decision_file.DECISIONS],
        format_func=lambda one: one if one == LEFT_OUT else f"are a {one}",
    )  # fmt: skip
    words = right.text_input(
        "Tags and other words that stand for a decision", placeholder="blurry=veto, good=keep"
    )
    replacing = st.checkbox("Replace different decisions in the project")
    with notices.shown():
        mapped = decision_file.words_of(part.strip() for part in words.split(",") if part.strip())
        file = _read(given, mapped, "" if usual == LEFT_OUT else usual)
        with state.project() as project:
            shown = decision_import.preview(project, [name], file, replacing=replacing)
        _preview(shown)
        _button(shown)


def _read(given: Any, words: dict[str, str], decision: str) -> decision_file.DecisionFile:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(given.name).name
        path.write_bytes(given.getvalue())
        return decision_file.read(path, words, decision)


def _preview(shown: decision_import.Preview) -> None:
    st.caption(f"Columns read: {notices.plain(shown.file.read_as)}.")
    st.dataframe(
        [
            {"Rows": count, "Outcome": decision_import.OUTCOMES[outcome]}
            for outcome, count in shown.counts.items()
        ],
        hide_index=True, width="content",
    )  # fmt: skip
    if ways := shown.ways:
        parts = (f"{count:,} {decision_import.WAYS[way]}" for way, count in ways.items())
        st.caption(f"Matched: {', '.join(parts)}.")
    if tags := shown.file.unmapped:
        listed = ", ".join(f"{notices.plain(tag)} ({count:,})" for tag, count in tags.items())
        st.caption(f"Tags that stand for no decision: {listed}.")
    rows = [row.to_json() for row in shown.rows if row.outcome not in decision_import.IMPORTED]
    if rows:
        more = f" (first {MOST_ROWS:,} of {len(rows):,})" if len(rows) > MOST_ROWS else ""
        st.caption(f"Rows that are not imported{more}")
        columns = ("row", "name", "decision", "outcome", "note")
        listed_rows = [{key.capitalize(): row[key] for key in columns} for row in rows[:MOST_ROWS]]
        height = 240 if len(rows) > FEW_ROWS else "content"
        st.dataframe(listed_rows, hide_index=True, height=height)


def _button(shown: decision_import.Preview) -> None:
    count = len(shown.planned)
    if not count:
        st.info("There is nothing to import.", icon=":material/info:")
        return
    made = ", ".join(f"{number:,} {kind}" for kind, number in shown.decisions.items())
    what = f"{count:,} decision{'' if count == 1 else 's'} ({made})"
    label = f"Import {what}"
    if st.button(label, type="primary", icon=":material/upload:"):
        with state.WRITING, state.project() as project:
            decision_import.commit(project, shown)
        state.keep("imported decisions", f"Imported {what}.")
        st.rerun()
