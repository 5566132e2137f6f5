"""Projects: open, check, back up."""
