"""Pre-training and evaluation."""
