"""Numbers formatted for people, each kind in one way."""
