"""Formats of tables and lists: each module reads one, as a `rows.Table`."""
