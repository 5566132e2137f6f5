"""Near-duplicates: thresholds, groups, and copies of held-out images."""
