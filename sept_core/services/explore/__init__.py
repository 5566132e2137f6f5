"""The map and search by text."""
