"""Kills at random moments: does anything that was acknowledged get lost? See `__main__`."""
