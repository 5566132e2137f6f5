"""Calls of the Python facade, section by section."""
