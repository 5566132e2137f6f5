"""Ingest: the files of a source, listed and read."""
