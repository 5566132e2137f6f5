"""Hostile input: a corpus, every reader, and a fuzzer for both."""
