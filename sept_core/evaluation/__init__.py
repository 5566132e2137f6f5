"""Does curation pay? kNN, linear probe and fine-tuning with intervals (METHOD §5)."""
