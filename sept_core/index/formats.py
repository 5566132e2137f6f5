"""Facts about indexes that need no FAISS, which is slow to import."""

GRAPH = 1
IVF = 2
"""Versions of the folders that `graph` and `ivf` write; other versions are rebuilt."""

MEMORY = 1024
"""Default memory in MiB for an index's inverted lists in use."""
