"""Target sets: the split and class of each image, and their sources."""

SEARCH_SPLITS = ("train",)
"""Splits that retrieval and selection search with."""

HELDOUT_SPLITS = ("val", "test")
"""Splits for the guard, held-out diagnostics and evaluation only, never for the search."""

SPLITS = (*SEARCH_SPLITS, *HELDOUT_SPLITS)

UNASSIGNED = "unassigned"
"""Listed and counted, but neither searched with, nor held out, nor embedded."""
