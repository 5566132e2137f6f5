"""Kills at random moments, to check that nothing acknowledged is lost. See `__main__`."""
