"""What is known of indexes without opening one: FAISS takes its time to import."""

GRAPH = 1
IVF = 2
"""Versions of the folders that `graph` and `ivf` write; others are made again."""

MEMORY = 1024
"""MiB that an index's inverted lists may take at use, where nobody says otherwise."""
