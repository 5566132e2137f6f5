"""Plotly figures from arrays, one module per page; no user interface and no files."""
