"""Folders and names: what may be opened, and how, without leaving the allowed roots."""
