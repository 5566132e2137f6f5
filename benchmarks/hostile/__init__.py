"""Input that wants to do harm: a corpus of it, every reader, and a fuzzer over both."""
