"""Does curation pay? kNN, linear probe and fine-tuning with intervals (docs/method.md §5)."""
