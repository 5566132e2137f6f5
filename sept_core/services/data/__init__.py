"""Sources, target sets, features."""
