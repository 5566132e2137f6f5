"""Nearest vectors: exact streamed search, the approximate index, the neighbour graph."""
