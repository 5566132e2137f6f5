"""Evidence that curation pays: the registered protocol of docs/log.md, its runs and results."""
