"""Undocumented parts of libraries that SEPT uses, one module for each library.

Private names, texts of messages, layouts of internal values: each is used here and nowhere else,
and has a test in `tests/compat/` that fails when a new version of the library changes it. What the
app needs of Streamlit is in `pages/shared/streamlit_compat.py`, as the backend never imports it.
"""
