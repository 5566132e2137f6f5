"""Self-supervised training: a manifest and settings in, a run folder out (docs/method.md §6)."""
