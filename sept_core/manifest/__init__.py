"""Manifests: the files of a selection that trainers read."""
