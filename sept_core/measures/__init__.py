"""Measures that several stages compute, each in one place."""
