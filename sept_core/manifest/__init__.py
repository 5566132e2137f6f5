"""Manifests: what trainers read of a selection."""
