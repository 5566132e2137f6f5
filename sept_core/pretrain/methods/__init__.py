"""The pre-training methods, one readable file each, over lightly's losses and heads."""
