"""Exports: one selection's manifest, written in the formats that other tools read."""
