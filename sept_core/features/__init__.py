"""Embedding: one read of every image gives its uid, checks and features; see `worker`."""
