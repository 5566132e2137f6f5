"""How numbers are written for people, each kind in one way."""
