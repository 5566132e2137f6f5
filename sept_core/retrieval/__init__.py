"""Retrieval: neighbours of targets, and scores of the whole pool."""
