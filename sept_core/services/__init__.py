"""One function per button: the only package that combines the catalogue and the stages."""
