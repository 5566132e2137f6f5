"""Self-supervised pre-training: a manifest and settings in, a run folder out (METHOD §6)."""
