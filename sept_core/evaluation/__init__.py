"""Evaluation of curation: kNN, linear probe and fine-tuning with intervals (docs/method.md §5)."""
