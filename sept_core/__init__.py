"""SEPT: choose the part of an unlabelled image pool that is worth pre-training on."""

__version__ = "0.1.0"
